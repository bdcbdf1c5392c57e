import { describe, expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { news2Model } from '../news2/graph.ts'
import { packModel } from '../package/pack.ts'
import { sampleDraft } from '../package/testkit/sample-draft.ts'
import { externalData } from './external-data.ts'

type Bytes = readonly number[] | Uint8Array

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))]
}

/** A field that holds a message, bytes or text. */
const inside = (field: number, content: Bytes): number[] => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...content,
]
const number = (field: number, value: Bytes): number[] => [...varint(field * 8), ...value]

/** Wraps a message in fields, the innermost first. */
const within = (content: Bytes, ...fields: number[]): number[] =>
  fields.reduce<number[]>((inner, field) => inside(field, inner), [...content])

const EXTERNAL = number(14, [1])
const location = inside(13, [...inside(1, Buffer.from('location')), ...inside(2, Buffer.from('/etc/hostname'))])
const look = (bytes: Bytes) => externalData(Uint8Array.from(bytes))

// ModelProto → graph 7, training_info 20, functions 25; GraphProto → node 1, initializer 5, sparse_initializer 15;
// NodeProto → attribute 5; AttributeProto → t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23.
const places: [string, number[]][] = [
  ['a constant of the graph', [5, 7]],
  ['the values of a sparse constant', [1, 15, 7]],
  ['the indices of a sparse constant', [2, 15, 7]],
  ['an attribute of a node', [5, 5, 1, 7]],
  ['a list in an attribute', [10, 5, 1, 7]],
  ['the values of a sparse attribute', [1, 22, 5, 1, 7]],
  ['the indices in a list of sparse attributes', [2, 23, 5, 1, 7]],
  ['a constant of a graph in an attribute', [5, 6, 5, 1, 7]],
  ['a constant of one graph of a list', [5, 11, 5, 1, 7]],
  ['an attribute of a node of a graph of a graph', [5, 5, 1, 6, 5, 1, 6, 5, 1, 7]],
  ['a node of a function', [5, 5, 7, 25]],
  ['the default of an attribute of a function', [5, 11, 25]],
  ['a graph in a node of a function', [5, 6, 5, 7, 25]],
  ['the initialisation of a training', [5, 1, 20]],
  ['the algorithm of a training', [5, 5, 1, 2, 20]],
]

describe('external data are found', () => {
  test.each(places)('in %s', (_, fields) => {
    expect(look(within(EXTERNAL, ...fields))).toBe('external data')
    expect(look(within(location, ...fields))).toBe('external data')
    expect(look(within(number(14, [0]), ...fields))).toBe('none')
  })

  test.each<[string, number[]]>([
    ['after a first that is not', [...within([], 5, 7), ...within(EXTERNAL, 5, 7)]],
    ['also when a later field takes it back', within([...EXTERNAL, ...number(14, [0])], 5, 7)],
    ['in a number with more bytes than it needs', within(number(14, [0x81, 0x80, 0x80, 0]), 5, 7)],
    ['in a number of which a parser keeps 32 bits', within(number(14, [0x81, 0x80, 0x80, 0x80, 0x10]), 5, 7)],
    ['with a key of more bytes than it needs', within([0xf0, 0x80, 0, 1], 5, 7)],
    ['as text', within(inside(14, [1]), 5, 7)],
    [
      'behind a constant that looks like the end',
      [...within(inside(9, Array(300).fill(0)), 5, 7), ...within(EXTERNAL, 5, 7)],
    ],
  ])('%s', (_, bytes) => {
    expect(look(bytes)).toBe('external data')
  })
})

test('what only looks like it is not: the same bytes as weights, as text, or in a field nobody reads as a tensor', () => {
  const hidden = within(EXTERNAL, 5, 7)
  expect(look(within(inside(9, hidden), 5, 7))).toBe('none')
  expect(look(inside(6, hidden))).toBe('none')
  expect(look(within(EXTERNAL, 11, 7))).toBe('none')
})

test.each<[string, number[]]>([
  ['nothing', []],
  ['text', [...Buffer.from('no model at all')]],
  ['a length beyond the end', [...varint(7 * 8 + 2), 100, 1]],
  ['a length of 2^60', [...varint(7 * 8 + 2), ...Array(8).fill(0x80), 0x10]],
  ['a number that does not end', [8, ...Array(20).fill(0x80)]],
  ['field zero', [2, 0]],
  ['a key beyond 32 bits', [0xf8, 0xff, 0xff, 0xff, 0xff, 0x01, 1]],
  ['a group', [7 * 8 + 3, 7 * 8 + 4]],
  ['a graph that is a number', number(7, [1])],
  ['the flatbuffer form', [1, 2, 3, 4, ...Buffer.from('ORTM'), 0, 0]],
  ['graphs in graphs without end', within(EXTERNAL, 5, ...Array.from({ length: 60 }, () => [6, 5, 1]).flat(), 7)],
])('%s is malformed', (_, bytes) => {
  expect(look(bytes)).toBe('malformed')
})

test('the models of this house carry all they need, and are malformed when cut', () => {
  const model = news2Model('1.0.0')
  expect(externalData(model)).toBe('none')
  expect(externalData(model.subarray(0, model.length - 1))).toBe('malformed')
})

test('many small fields are walked in time, and each byte once', () => {
  const nodes = Uint8Array.from({ length: 20_000_000 }, (_, at) => (at % 2 === 0 ? 0x0a : 0))
  const graph = Buffer.concat([Uint8Array.from([...varint(7 * 8 + 2), ...varint(nodes.length)]), nodes])
  const startedMs = performance.now()
  expect(externalData(graph)).toBe('none')
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})

test('a package is not made of a model with external data', () => {
  const external = Buffer.from(within(EXTERNAL, 5, 7)).toString('latin1')
  expect(() => packModel(sampleDraft({ model: external }), systemRandomness)).toThrow(
    expect.objectContaining({ code: 'package_model_external' }),
  )
})
