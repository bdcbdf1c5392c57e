import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { identityModel } from '../authoring/testkit/identity-model.ts'
import { OnnxError } from './errors.ts'
import { GraphBuilder } from './graph-builder.ts'
import { memoryEstimate, weightBytes } from './memory.ts'
import { readOnnx } from './reader.ts'
import { bytesField, graphWith, modelWith, numberField, textField, varint } from './testkit/wire-bytes.ts'

function smallModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', ['N', 3])
  const weights = graph.floats('w', [3, 2], [1, 2, 3, 4, 5, 6])
  const shape = graph.integers('shape', [10, 100])
  const filled = graph.node('filled', 'ConstantOfShape', [shape])
  graph.output(graph.node('y', 'MatMul', [x, weights]), ['N', 2])
  graph.output(filled, [10, 100])
  return graph.build({ name: 'small', producerVersion: '1.2.3', docString: 'A small one.' })
}

const codeOf = (bytes: Uint8Array): string => {
  try {
    readOnnx(bytes)
    return 'read'
  } catch (error) {
    if (error instanceof OnnxError) return error.code
    throw error
  }
}

/** Sizes as no exporter writes them, of a value between two nodes and of a constant; −1 is what a varint makes of it. */
const ABSURD: readonly (readonly [string, readonly number[]])[] = [
  ['whose product is beyond all numbers', Array(40).fill(2 ** 52)],
  ['whose product is beyond all numbers, times nothing', [...Array(40).fill(2 ** 52), 0]],
  ['that are negative', [2 ** 64 - 2048, 2 ** 64 - 2048]],
]

describe('sizes that are absurd', () => {
  const dims = (sizes: readonly number[]) => sizes.flatMap((size) => bytesField(1, numberField(1, size)))
  const between = (sizes: readonly number[]) =>
    bytesField(13, bytesField(2, bytesField(1, [...numberField(1, 1), ...bytesField(2, dims(sizes))])))
  const constant = (sizes: readonly number[]) =>
    bytesField(5, [...sizes.flatMap((size) => numberField(1, size)), ...numberField(2, 1)])

  test.each(ABSURD)('%s: the estimate stays a number that can be compared', (_, sizes) => {
    const estimate = memoryEstimate(readOnnx(graphWith([...between(sizes), ...constant(sizes)])))
    expect([Number.isSafeInteger(estimate), estimate > 0]).toEqual([true, true])
  })

  test('a size that is free because it counts patients counts as one', () => {
    const graph = new GraphBuilder()
    const x = graph.input('x', ['N', 1, 256, 256, 256])
    graph.output(graph.node('y', 'Identity', [x]), ['N', 'classes', 256, 256, 256])
    const volume = 4 * 256 ** 3
    const estimate = memoryEstimate(readOnnx(graph.build({ name: 'volume', producerVersion: '1', docString: '' })))
    expect(estimate).toBeGreaterThan(4 * volume)
    expect(estimate).toBeLessThan(5 * volume)
  })

  test('nothing that is filled takes away from what another takes', () => {
    const graph = new GraphBuilder()
    graph.input('x', [1])
    for (const [name, sizes] of Object.entries({ less: [-30_000, 30_000], more: [30_000, 30_000] }))
      graph.output(graph.node(name, 'ConstantOfShape', [graph.integers(`${name}-shape`, sizes)]), ['N', 'N'])
    const surface = readOnnx(graph.build({ name: 'hidden', producerVersion: '1', docString: '' }))
    expect(surface.initialisers.expandedBytes).toBe(4 * 30_000 ** 2)
  })
})

describe('the surface of a graph', () => {
  test('says what goes in and comes out, what it is made of, and how large that is', () => {
    const surface = readOnnx(smallModel())
    expect(surface).toMatchObject({
      irVersion: 10,
      producer: 'wardstone 1.2.3',
      graphName: 'small',
      docString: 'A small one.',
      opsets: [{ domain: '', version: 21 }],
      inputs: [{ name: 'x', kind: 'tensor', dtype: 'float32', dims: ['N', 3] }],
      outputs: [
        { name: 'y', dims: ['N', 2] },
        { name: 'filled', dims: [10, 100] },
      ],
      initialisers: { count: 2, bytes: 24 + 16, expandedBytes: 4000, byDtype: { float32: 24, int64: 16 } },
      functions: [],
      externalTensors: 0,
      hasTraining: false,
    })
    expect(surface.operators.map(({ name, count }) => [name, count])).toEqual([
      ['ConstantOfShape', 1],
      ['MatMul', 1],
    ])
  })

  test('has every type that a contract can name', () => {
    const surface = readOnnx(identityModel())
    for (const { name, dtype } of [...surface.inputs, ...surface.outputs]) expect(name.endsWith(`-${dtype}`)).toBe(true)
  })

  test('counts what is inside branches and functions, and finds their external data', () => {
    const node = bytesField(1, [...textField(4, 'Abs'), ...textField(7, 'my.own')])
    const external = bytesField(5, [...numberField(2, 1), ...numberField(14, 1)])
    const branch = bytesField(5, bytesField(6, [...node, ...external]))
    const body = modelWith([
      ...bytesField(7, bytesField(1, [...textField(4, 'If'), ...branch])),
      ...bytesField(25, [...textField(1, 'Own'), ...textField(10, 'my.own'), ...bytesField(7, textField(4, 'Abs'))]),
      ...bytesField(14, [...textField(1, 'key'), ...textField(2, 'value')]),
      ...bytesField(8, [...textField(1, 'my.own'), ...numberField(2, 1)]),
    ])
    const surface = readOnnx(body)
    expect(surface.operators).toEqual([
      { domain: 'my.own', name: 'Abs', count: 1 },
      { domain: '', name: 'If', count: 1 },
      { domain: '', name: 'Abs', count: 1 },
    ])
    expect(surface).toMatchObject({
      functions: [{ domain: 'my.own', name: 'Own' }],
      externalTensors: 1,
      metadata: { key: 'value' },
      opsets: [{ domain: 'my.own', version: 1 }],
    })
  })

  test('an input that an initialiser stands in for need not be fed', () => {
    const value = (field: number, name: string) =>
      bytesField(field, [...textField(1, name), ...bytesField(2, bytesField(1, numberField(1, 1)))])
    const surface = readOnnx(graphWith([...value(11, 'x'), ...value(11, 'w'), ...bytesField(5, textField(8, 'w'))]))
    expect(surface.inputs).toEqual([{ name: 'x', kind: 'tensor', dtype: 'float32', dims: undefined }])
    expect(surface.defaults).toEqual(['w'])
  })

  test.each([
    ['sequence', 4],
    ['map', 5],
    ['opaque', 7],
    ['sparse', 8],
    ['optional', 9],
    ['unknown', 13],
  ])('an input that is a %s is said to be one', (kind, field) => {
    const input = bytesField(11, [...textField(1, 'x'), ...bytesField(2, bytesField(field, []))])
    expect(readOnnx(graphWith(input)).inputs).toEqual([{ name: 'x', kind, dtype: undefined, dims: undefined }])
  })

  test('the estimate of memory counts what a node fills on loading, however small the file', () => {
    const graph = new GraphBuilder()
    const filled = graph.node('filled', 'ConstantOfShape', [graph.integers('shape', [1000, 1000, 1000])])
    graph.input('x', [1])
    graph.output(filled, ['N'])
    const surface = readOnnx(graph.build({ name: 'bomb', producerVersion: '1', docString: '' }))
    expect(surface.fileBytes).toBeLessThan(1000)
    expect(weightBytes(surface)).toBeGreaterThanOrEqual(4e9)
    expect(memoryEstimate(surface)).toBeGreaterThan(13e9)
  })
})

describe('a hostile file', () => {
  test('cut at any byte is refused, or read as far as it is whole', () => {
    const whole = smallModel()
    const codes = new Set<string>()
    for (let end = 0; end < whole.length; end += 1) codes.add(codeOf(whole.subarray(0, end)))
    expect([...codes].filter((code) => code !== 'read' && code !== 'onnx_malformed')).toEqual([])
    expect(codes.has('onnx_malformed')).toBe(true)
  })

  test('with any one byte changed is read or refused, and nothing else happens', () => {
    const whole = smallModel()
    for (let at = 0; at < whole.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const changed = Uint8Array.from(whole)
        changed[at] = value
        expect(['read', 'onnx_malformed', 'onnx_too_complex']).toContain(codeOf(changed))
      }
    }
  })

  test('of random bytes is read or refused', () => {
    const some = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.uint8Array({ maxLength: 60 }).map((inner) => graphWith([...inner])),
    )
    fc.assert(
      fc.property(some, (bytes) => ['read', 'onnx_malformed', 'onnx_too_complex'].includes(codeOf(bytes))),
      { numRuns: 3000 },
    )
  })

  test.each<[string, string, Uint8Array]>([
    ['nothing', 'onnx_malformed', new Uint8Array()],
    ['text', 'onnx_malformed', Buffer.from('no model at all')],
    ['a model without a graph', 'onnx_malformed', Uint8Array.from(numberField(1, 8))],
    ['two graphs', 'onnx_malformed', modelWith([...bytesField(7, []), ...bytesField(7, [])])],
    ['a graph that is a number', 'onnx_malformed', modelWith(numberField(7, 1))],
    ['a length of 2^60', 'onnx_malformed', Uint8Array.from([...varint(7 * 8 + 2), ...Array(8).fill(0x80), 0x10])],
    ['a number that does not end', 'onnx_malformed', Uint8Array.from([8, ...Array(20).fill(0x80)])],
    ['field zero', 'onnx_malformed', Uint8Array.from([2, 0])],
    ['a group', 'onnx_malformed', Uint8Array.from([7 * 8 + 3, 7 * 8 + 4])],
    ['graphs in graphs without end', 'onnx_too_complex', nested(60)],
    ['a rank of a thousand', 'onnx_too_complex', graphWith(inputOfRank(1000))],
    ['a name of a megabyte', 'onnx_too_complex', graphWith(bytesField(11, textField(1, 'x'.repeat(1_000_000))))],
    [
      'ten thousand inputs',
      'onnx_too_complex',
      graphWith(Array.from({ length: 10_000 }, () => bytesField(11, [])).flat()),
    ],
  ])('%s: %s', (_, code, bytes) => {
    expect(codeOf(bytes)).toBe(code)
  })

  test('of ten million empty fields ends in time', () => {
    const nodes = Uint8Array.from({ length: 22_000_000 }, (_, at) => (at % 2 === 0 ? 0x4a : 0))
    const graph = Buffer.concat([Uint8Array.from([...varint(7 * 8 + 2), ...varint(nodes.length)]), nodes])
    const startedMs = performance.now()
    expect(codeOf(graph)).toBe('onnx_too_complex')
    expect(performance.now() - startedMs).toBeLessThan(15_000)
  }, 30_000)
})

function nested(levels: number): Uint8Array {
  let inner: number[] = []
  for (let level = 0; level < levels; level += 1) inner = bytesField(1, bytesField(5, bytesField(6, inner)))
  return graphWith(inner)
}

function inputOfRank(rank: number): number[] {
  const dims = Array.from({ length: rank }, () => bytesField(1, numberField(1, 1))).flat()
  return bytesField(11, bytesField(2, bytesField(1, [...numberField(1, 1), ...bytesField(2, dims)])))
}
