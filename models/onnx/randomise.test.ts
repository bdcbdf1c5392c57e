import { describe, expect, it } from 'vitest'
import { news2Draft } from '../news2/package.ts'
import { randomiseParameters } from './randomise.ts'

/** Protocol buffer fields by hand: key, length, content. */
function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content])
}
const int = (number: number, value: number) => Buffer.from([number << 3, value])
const raw = (...values: number[]) => Buffer.from(new Float32Array(values).buffer)

const tensor = (type: number, ...fields: Buffer[]) => Buffer.concat([int(2, type), ...fields])
const modelOf = (...graphFields: Buffer[]) => field(7, Buffer.concat(graphFields))
const attribute = (content: Buffer) => field(1, field(5, content))

const few = [1, 2, 3, 4]
const many = Array.from({ length: 12 }, (_, index) => index + 1)

describe('other parameters', () => {
  it.each([
    ['an initialiser of raw floats', modelOf(field(5, tensor(1, field(9, raw(...few))))), 4],
    ['an initialiser of listed floats', modelOf(field(5, tensor(1, field(4, raw(...few))))), 4],
    [
      'an initialiser of doubles',
      modelOf(field(5, tensor(11, field(9, Buffer.from(new Float64Array(few).buffer))))),
      4,
    ],
    ['a constant in a node', modelOf(attribute(field(5, tensor(1, field(9, raw(...few)))))), 4],
    ['the thresholds of trees', modelOf(attribute(field(7, raw(...few)))), 4],
    ['such a list, unpacked', modelOf(attribute(Buffer.concat(few.flatMap((v) => [Buffer.from([0x3d]), raw(v)])))), 4],
    ['the body of a loop', modelOf(attribute(field(6, field(5, tensor(1, field(9, raw(...few))))))), 4],
  ])('replace %s', (_, model, count) => {
    const copy = Buffer.from(model)
    expect(randomiseParameters(copy, 'all')).toBe(count)
    expect(copy.length).toBe(model.length)
    expect(copy.equals(model)).toBe(false)
    const other = Buffer.from(model)
    randomiseParameters(other, 'all')
    expect(other.equals(copy)).toBe(true)
  })

  it('leave shapes, indices and everything else as they are', () => {
    const model = modelOf(
      field(5, tensor(7, field(9, Buffer.from(new BigInt64Array([1n, 2n]).buffer)))),
      field(2, Buffer.from('name')),
    )
    const copy = Buffer.from(model)
    expect(randomiseParameters(copy, 'all')).toBe(0)
    expect(copy.equals(model)).toBe(true)
  })

  it('keep their sign and are finite, so that a variance stays one', () => {
    const model = modelOf(field(5, tensor(1, field(9, raw(...many)))))
    const from = model.length - 4 * many.length
    randomiseParameters(model, 'all')
    const numbers = many.map((_, index) => model.readFloatLE(from + 4 * index))
    expect(numbers.every((value) => value > 0 && Number.isFinite(value))).toBe(true)
  })

  it('of a few are left out where that was asked', () => {
    const model = modelOf(field(5, tensor(1, field(9, raw(...few)))), field(5, tensor(1, field(9, raw(...many)))))
    expect(randomiseParameters(Buffer.from(model), 'large')).toBe(12)
  })

  it('are found in the reference model', () => {
    const file = news2Draft().files.find(({ role }) => role === 'model')
    expect(randomiseParameters(Uint8Array.from(file?.content ?? []), 'all')).toBeGreaterThan(10)
  })

  it('are refused for what is no model', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('no model at all'), modelOf(field(5, Buffer.from([0x4a, 99])))])
      expect(() => randomiseParameters(bytes, 'all')).toThrow(expect.objectContaining({ code: 'onnx_malformed' }))
  })
})
