import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { OnnxError } from './errors.ts'
import { GraphBuilder, type Value } from './graph-builder.ts'
import { modelProto } from './messages.ts'
import { floatRows, runModel } from './testkit/run-model.ts'

const description = { name: 'line', producerVersion: '1.2.3', docString: 'y = 2x + 1, for the test' }

function line(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', ['N', 2])
  const doubled = graph.node('doubled', 'Mul', [x, graph.floats('two', [1], [2])])
  const kept = graph.node('kept', 'Concat', [doubled, doubled], { axis: { int: 1 } })
  const column = graph.node('column', 'Gather', [kept, graph.integers('index', [3])], { axis: { int: 1 } })
  graph.output(graph.node('y', 'Add', [column, graph.floats('one', [], [1])]), ['N', 1])
  return graph.build(description)
}

describe('GraphBuilder', () => {
  it('builds a model that onnxruntime loads and computes for any batch', async () => {
    const x = floatRows([
      [0, 5],
      [1, -0.5],
      [2, 1e6],
    ])
    const outputs = await runModel(line(), { x })
    expect(outputs.y?.dims).toEqual([3, 1])
    expect(Array.from(outputs.y?.data as Float32Array)).toEqual([11, 0, 2_000_001])
  })

  it('gives the same bytes each time', () => {
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    expect(hash(line())).toBe(hash(line()))
  })

  it('writes each attribute under its type', () => {
    const graph = new GraphBuilder()
    const x = graph.input('x', ['N'])
    const attributes = {
      a: { int: -3 },
      b: { ints: [1, 2] },
      c: { float: 0.5 },
      d: { floats: [0.25, 4] },
      e: { string: 'edge' },
    }
    graph.output(graph.node('y', 'Anything', [x], attributes), ['N'])
    const read = modelProto.toObject(modelProto.decode(graph.build(description)), { longs: Number, bytes: String })
    expect(read.graph.node[0].attribute).toEqual([
      { name: 'a', i: -3, type: 2 },
      { name: 'b', ints: [1, 2], type: 7 },
      { name: 'c', f: 0.5, type: 1 },
      { name: 'd', floats: [0.25, 4], type: 6 },
      { name: 'e', s: Buffer.from('edge').toString('base64'), type: 3 },
    ])
    expect([read.irVersion, read.opsetImport]).toEqual([10, [{ domain: '', version: 21 }]])
  })

  it('refuses a name that is taken, a value of another graph, and a constant of the wrong size', () => {
    const graph = new GraphBuilder()
    graph.input('x', ['N'])
    expect(() => graph.input('x', ['N'])).toThrow(OnnxError)
    expect(() => graph.node('y', 'Identity', ['elsewhere' as Value])).toThrow(OnnxError)
    expect(() => graph.floats('two', [2], [1, 2, 3])).toThrow(OnnxError)
    expect(() => new GraphBuilder().build(description)).toThrow(OnnxError)
  })

  it('reports a model that onnxruntime refuses', async () => {
    const graph = new GraphBuilder()
    graph.output(graph.node('y', 'NoSuchOperator', [graph.input('x', ['N', 1])]), ['N', 1])
    await expect(runModel(graph.build(description), { x: floatRows([[1]]) })).rejects.toThrow(OnnxError)
  })
})
