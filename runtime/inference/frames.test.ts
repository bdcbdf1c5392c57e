import { describe, expect, test } from 'vitest'
import type { Tensors } from '../../models/contract/tensor.ts'
import { FrameReader, FrameWriter, replyLimits, resultLimits, runLimits } from './frames.ts'
import { MAX_INPUT_BYTES, MAX_OUTPUT_BYTES } from './tensor-check.ts'

const tensors: Tensors = {
  flags: { dtype: 'bool', dims: [3], data: Uint8Array.of(1, 0, 1) },
  // After three bytes, so that the data lie at odd places.
  x: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1.5, -0, Number.NaN, 3e38) },
  größe: { dtype: 'int64', dims: [], data: BigInt64Array.of(-(2n ** 63n)) },
  none: { dtype: 'float32', dims: [0, 4], data: new Float32Array(0) },
}

function frameOf(header: unknown, data = new Uint8Array(0)): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeUInt32LE(4 + text.length + data.length, 0)
  prefix.writeUInt32LE(text.length, 4)
  return Buffer.concat([prefix, text, data])
}

const prefixOf = (length: number, headerBytes: number) => {
  const prefix = Buffer.alloc(8)
  prefix.writeUInt32LE(length, 0)
  prefix.writeUInt32LE(headerBytes, 4)
  return prefix
}

describe('a frame', () => {
  test.each([1, 2, 3, 7, 64, 1e6])('arrives whole in chunks of %s bytes', (size) => {
    const bytes = new FrameWriter().write({ kind: 'result', id: 7 }, tensors, runLimits) ?? expect.unreachable()
    const reader = new FrameReader(runLimits)
    const outcomes = []
    for (let at = 0; at < bytes.length; at += size) outcomes.push(reader.push(bytes.subarray(at, at + size)))
    expect(outcomes.pop()).toEqual({ message: { kind: 'result', id: 7 }, tensors })
    expect(new Set(outcomes)).toEqual(new Set(outcomes.length === 0 ? [] : ['incomplete']))
  })

  test('holds copies: neither side sees later changes of the other', () => {
    const data = Float32Array.of(1, 2)
    const x = { dtype: 'float32', dims: [2], data } as const
    const bytes = new FrameWriter().write({}, { x }, runLimits) ?? expect.unreachable()
    data.fill(0)
    const frame = new FrameReader(runLimits).push(bytes)
    bytes.fill(0)
    expect(frame).toMatchObject({ tensors: { x: { data: Float32Array.of(1, 2) } } })
  })

  test('is whole also when a larger or smaller one was written before it', () => {
    const writer = new FrameWriter()
    for (const count of [1, 300_000, 3, 250_000, 0]) {
      const y = { dtype: 'float32', dims: [count], data: new Float32Array(count).fill(count) } as const
      const bytes = writer.write({ count }, { y }, runLimits) ?? expect.unreachable()
      expect(new FrameReader(runLimits).push(bytes)).toEqual({ message: { count }, tensors: { y } })
    }
  })

  test('is not made when it is larger than the limits', () => {
    const y = (count: number) => ({ y: { dtype: 'bool', dims: [count], data: new Uint8Array(count) } }) as const
    expect(new FrameWriter().write({}, y(MAX_OUTPUT_BYTES + 1), resultLimits)).toBeUndefined()
    expect(new FrameWriter().write({}, y(MAX_INPUT_BYTES + 1), runLimits)).toBeUndefined()
    expect(new FrameWriter().write({ a: 'x'.repeat(5000) }, {}, replyLimits)).toBeUndefined()
  })
})

test('a tensor named as a property of every object is a tensor like others', () => {
  const names = ['__proto__', 'constructor', 'toString']
  const header = { kind: 'result', tensors: names.map((name) => ({ name, dtype: 'bool', dims: [1] })) }
  const frame = new FrameReader(runLimits).push(frameOf(header, Uint8Array.of(1, 2, 3)))
  if (typeof frame === 'string') return expect.unreachable()
  expect(Object.keys(frame.tensors)).toEqual(names)
  expect(Object.getPrototypeOf(frame.tensors)).toBe(Object.prototype)
})

const x = { name: 'x', dtype: 'float32', dims: [1] }
test.each<[string, Buffer]>([
  ['a length beyond the limit', prefixOf(0xffff_fff0, 100)],
  ['a header beyond the limit', prefixOf(runLimits.maxHeaderBytes + 5, runLimits.maxHeaderBytes + 1)],
  ['a header longer than the frame', prefixOf(10, 100)],
  ['no header', prefixOf(4, 0)],
  ['a length of zero', prefixOf(0, 0)],
  ['no JSON', frameOf('{')],
  ['null', frameOf('null')],
  ['a list', frameOf('[]')],
  ['no list of tensors', frameOf({ kind: 'ready' })],
  ['nesting', frameOf('['.repeat(60_000))],
  ['more data than tensors', frameOf({ tensors: [x] }, new Uint8Array(5))],
  ['fewer data than tensors', frameOf({ tensors: [x] }, new Uint8Array(3))],
  ['a name twice', frameOf({ tensors: [x, x] }, new Uint8Array(8))],
  ['too many tensors', frameOf({ tensors: Array.from({ length: 65 }, (_, at) => ({ ...x, name: `x${at}` })) })],
  ['an unknown type', frameOf({ tensors: [{ ...x, dtype: 'constructor' }] })],
  ['a negative dimension', frameOf({ tensors: [{ ...x, dims: [-1, -1] }] }, new Uint8Array(4))],
  ['a fractional dimension', frameOf({ tensors: [{ ...x, dims: [0.5, 2] }] }, new Uint8Array(4))],
  ['dimensions beyond any number', frameOf({ tensors: [{ ...x, dims: Array(16).fill(2 ** 52) }] }, new Uint8Array(4))],
  ['a second frame after it', Buffer.concat([frameOf({ tensors: [] }), frameOf({ tensors: [] })])],
])('%s is broken, as soon as it shows', (_, bytes) => {
  expect(new FrameReader(runLimits).push(bytes)).toBe('broken')
})

test('what may not have tensors has none', () => {
  expect(new FrameReader(replyLimits).push(frameOf({ tensors: [x] }, new Uint8Array(4)))).toBe('broken')
})
