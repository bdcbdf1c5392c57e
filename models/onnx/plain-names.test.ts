import { describe, expect, test } from 'vitest'
import { GraphBuilder } from './graph-builder.ts'
import { hasPlainNames } from './plain-names.ts'
import { bytesField, graphWith, modelWith, numberField, textField } from './testkit/wire-bytes.ts'

function modelNamed(input: string, node: string): Uint8Array {
  const graph = new GraphBuilder()
  graph.output(graph.node(node, 'Abs', [graph.input(input, [1])]), [1])
  return graph.build({ name: 'named', producerVersion: '1', docString: 'What is said "here" is\nwritten nowhere.' })
}

describe('names that may stand in a profile', () => {
  test('those that exporters write', () => {
    for (const name of ['onnx::Gemm_0', '/layer.1/conv/Conv', 'y:0', 'Größe', 'x^2', "it's"])
      expect([name, hasPlainNames(modelNamed('x', name))]).toEqual([name, true])
  })

  test.each(['a"b', 'a\\b', 'a\nb', 'a\u0000b', '\u007f'])('not %j, wherever it stands', (name) => {
    const node = (field: number) => graphWith(bytesField(1, textField(field, name)))
    const inGraph = (field: number, inner: number) => graphWith(bytesField(field, textField(inner, name)))
    const attribute = (field: number) =>
      graphWith(bytesField(1, bytesField(5, bytesField(field, bytesField(1, textField(3, name))))))
    const ofFunction = (field: number) => modelWith([...bytesField(7, []), ...bytesField(25, textField(field, name))])
    const hostile = [
      ...[1, 2, 3, 4, 7, 8].map(node),
      ...[
        [5, 8],
        [11, 1],
        [12, 1],
        [13, 1],
      ].map(([field = 0, inner = 0]) => inGraph(field, inner)),
      ...[6, 11].map(attribute),
      ...[1, 4, 5, 10, 13].map(ofFunction),
      modelWith([...bytesField(7, []), ...bytesField(25, bytesField(7, textField(3, name)))]),
    ]
    expect(hostile.map(hasPlainNames)).toEqual(hostile.map(() => false))
  })

  test('nor in a file that cannot be read', () => {
    expect([hasPlainNames(new Uint8Array()), hasPlainNames(modelWith(numberField(7, 1)))]).toEqual([false, false])
  })
})
