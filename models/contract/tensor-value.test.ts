import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Refusal } from './errors.ts'
import { inputSpec } from './schema.ts'
import { type ElementType, elementArrays, elementTypeNames } from './tensor.ts'
import { fitsDimensions, mostElements, readTensorValue, sendableTensor } from './tensor-value.ts'

const spec = (dtype: ElementType, changes: Readonly<Record<string, unknown>> = {}) => {
  const base = {
    kind: 'tensor',
    name: 'x',
    display: 'X',
    codes: [],
    series: false,
    onMissing: 'refuse',
    maxAgeMinutes: 1,
  }
  const rest = { onStale: 'refuse', onImplausible: 'refuse', onNotFinite: 'refuse', dims: [{ max: 4 }], dtype }
  return inputSpec.parse({ ...base, ...rest, ...changes }) as Extract<
    ReturnType<typeof inputSpec.parse>,
    { kind: 'tensor' }
  >
}
const codeOf = (value: unknown, of = spec('float32')): string => {
  try {
    readTensorValue(of, value)
    return 'read'
  } catch (error) {
    if (error instanceof Refusal && error.about === 'x') return error.code
    throw error
  }
}
const base64 = (...bytes: number[]) => Buffer.from(bytes).toString('base64')

describe('a tensor as it was sent', () => {
  test.each(elementTypeNames)('of %s comes back from base64 to the last bit', (dtype) => {
    const width = elementArrays[dtype].BYTES_PER_ELEMENT
    fc.assert(
      fc.property(fc.uint8Array({ minLength: width, maxLength: 4 * width }), (random) => {
        const bytes =
          dtype === 'bool' ? random.map((byte) => byte & 1) : random.slice(0, random.length - (random.length % width))
        const data = new elementArrays[dtype](Uint8Array.from(bytes).buffer)
        const sent = sendableTensor({ dtype, dims: [data.length], data })
        const read = readTensorValue(spec(dtype, dtype.startsWith('float') ? { onNotFinite: 'allow' } : {}), sent).value
        expect(sendableTensor(read)).toEqual(sent)
      }),
    )
  })

  test('has the numbers that were written, in the type of the contract', () => {
    const read = (dtype: ElementType, data: unknown[], changes = {}) =>
      Array.from(
        readTensorValue(spec(dtype, changes), { dims: [data.length], data }).value.data as ArrayLike<number | bigint>,
      )
    expect(read('float32', [0.1, -0, 3.4e38])).toEqual([Math.fround(0.1), 0, Math.fround(3.4e38)])
    expect(read('float64', ['NaN', 'Infinity', '-Infinity'], { onNotFinite: 'allow' })).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
    ])
    expect(read('int64', ['9223372036854775807', '-9223372036854775808', 5])).toEqual([
      2n ** 63n - 1n,
      -(2n ** 63n),
      5n,
    ])
    expect(read('uint64', ['18446744073709551615'])).toEqual([2n ** 64n - 1n])
    expect(read('bool', [true, false])).toEqual([1, 0])
  })

  test.each<[string, unknown, ReturnType<typeof spec>?]>([
    ['input_wrong_type', 1],
    ['input_wrong_type', null],
    ['input_wrong_type', { dims: [1] }],
    ['input_wrong_type', { dims: [1], data: [1], base64: 'AACAPw==' }],
    ['input_wrong_type', { dims: [1], data: 'AACAPw==' }],
    ['input_wrong_type', { dims: [1], base64: [1] }],
    ['input_wrong_type', { dims: [1], base64: 'AACA!w==' }],
    ['input_wrong_type', { dims: [2], base64: 'AA!AAAAAAAA=' }],
    ['input_wrong_type', { dims: [2], base64: 'AA_-AAAAAAA=' }],
    ['input_wrong_type', { dims: [2], base64: 'AA==AAAAAAA=' }],
    ['input_wrong_type', { dims: [2], base64: '\u0141AAAAAAAAAA=' }],
    ['input_wrong_type', { dims: [2], base64: 'AAAAAAAA\u0141AA=' }],
    ['input_wrong_type', { dims: [2], base64: 'AAAAAAAAA===' }],
    ['input_wrong_type', { dims: [1], base64: 'AACAP=w=' }],
    ['input_shape_wrong', { dims: [2], base64: 'AAAAAAAAAA==' }],
    ['input_shape_wrong', { dims: [2], base64: 'AAAAAAAAAAAA' }],
    ['input_shape_wrong', { dims: [5], data: [1, 2, 3, 4, 5] }],
    ['input_shape_wrong', { dims: [], data: [1] }],
    ['input_shape_wrong', { dims: [0], data: [] }],
    ['input_shape_wrong', { dims: [1.5], data: [1] }],
    ['input_shape_wrong', { dims: '1', data: [1] }],
    ['input_shape_wrong', { dims: [2], data: [1] }],
    ['input_shape_wrong', { dims: [1], base64: base64(0, 0, 0) }],
    ['input_shape_wrong', { dims: [1], base64: 'AAAAAAAA' }],
    ['input_not_finite', { dims: [1], data: ['NaN'] }],
    ['input_not_finite', { dims: [1], base64: base64(0, 0, 0xc0, 0x7f) }],
    ['input_element_invalid', { dims: [1], data: ['1'] }],
    ['input_element_invalid', { dims: [1], data: [true] }],
    ['input_element_invalid', { dims: [1], data: [3.5e38] }],
    ['input_element_invalid', { dims: [1], data: ['nan'] }, spec('float64', { onNotFinite: 'allow' })],
    ['input_element_invalid', { dims: [1], data: [0.5] }, spec('int32')],
    ['input_element_invalid', { dims: [1], data: [128] }, spec('int8')],
    ['input_element_invalid', { dims: [1], data: [-1] }, spec('uint8')],
    ['input_element_invalid', { dims: [1], data: ['1'] }, spec('int32')],
    ['input_element_invalid', { dims: [1], data: [2 ** 53] }, spec('int64')],
    ['input_element_invalid', { dims: [1], data: ['9223372036854775808'] }, spec('int64')],
    ['input_element_invalid', { dims: [1], data: ['01'] }, spec('int64')],
    ['input_element_invalid', { dims: [1], data: ['-0'] }, spec('int64')],
    ['input_element_invalid', { dims: [1], data: [' 1'] }, spec('uint64')],
    ['input_element_invalid', { dims: [1], data: [1] }, spec('bool')],
    ['input_element_invalid', { dims: [1], base64: base64(2) }, spec('bool')],
  ])('%s: %j', (code, value, of) => {
    expect(codeOf(value, of)).toBe(code)
  })

  test('may have bits left over in its last sign, as it always might', () => {
    const read = readTensorValue(spec('float32'), { dims: [1], base64: 'AACAPx==' })
    expect(Array.from(read.value.data as Float32Array)).toEqual([1])
  })

  test('is plausible when every element is in the range', () => {
    const ranged = spec('float32', { range: { low: -1, high: 1 } })
    expect(readTensorValue(ranged, { dims: [2], data: [-1, 1] }).plausible).toBe(true)
    expect(readTensorValue(ranged, { dims: [2], data: [0, 1.5] }).plausible).toBe(false)
    expect(readTensorValue(spec('int64', { range: { low: 0, high: 1 } }), { dims: [1], data: [2] }).plausible).toBe(
      false,
    )
  })

  test('written out it has at most a thousand elements; as base64 any number', () => {
    const large = spec('uint8', { dims: [1001] })
    expect(codeOf({ dims: [1001], data: Array(1001).fill(0) }, large)).toBe('input_shape_wrong')
    expect(codeOf({ dims: [1001], base64: Buffer.alloc(1001).toString('base64') }, large)).toBe('read')
  })
})

test('dimensions of a contract: fixed sizes are equal, free ones within their bound', () => {
  expect(fitsDimensions([2, 3], [{ max: 4 }, 3])).toBe(true)
  expect(fitsDimensions([0, 3], [{ max: 4 }, 3])).toBe(false)
  expect(fitsDimensions([5, 3], [{ max: 4 }, 3])).toBe(false)
  expect(fitsDimensions([3], [{ max: 4 }, 3])).toBe(false)
  expect(fitsDimensions([], [])).toBe(true)
  expect(mostElements([{ max: 4 }, 3])).toBe(12)
  expect(mostElements([])).toBe(1)
})
