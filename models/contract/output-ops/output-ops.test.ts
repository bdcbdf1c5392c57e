import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContractError } from '../errors.ts'
import { type ElementType, elementArrays, type Tensor, tensorNumbers } from '../tensor.ts'
import { runOutputOps } from './output-ops.ts'
import { type OutputOp, outputOp } from './output-schema.ts'

type Draft = { readonly op: OutputOp['op'] } & Readonly<Record<string, unknown>>

function tensor(dtype: ElementType, dims: readonly number[], values: readonly number[]): Tensor {
  const isBig = dtype === 'int64' || dtype === 'uint64'
  const Big = dtype === 'int64' ? BigInt64Array : BigUint64Array
  const small = isBig ? 'float64' : dtype
  const data = isBig ? Big.from(values.map(BigInt)) : elementArrays[small].from(values)
  return { dtype, dims, data: data as Tensor['data'] }
}

const floats = (dims: readonly number[], values: readonly number[]) => tensor('float32', dims, values)

/** What one op makes of a tensor; the draft is held to the schema, so that nothing is tested that no contract can say. */
function apply(draft: Draft, from: Tensor): Tensor {
  const op = outputOp.parse({ version: 1, from: 'raw', to: 'made', ...draft })
  const { made } = runOutputOps({ raw: from }, [op])
  return made ?? expect.unreachable()
}

function faultOf(draft: Draft, from: Tensor): string | undefined {
  try {
    apply(draft, from)
  } catch (error) {
    if (error instanceof ContractError && error.code === 'contract_output_invalid') return error.about
    throw error
  }
  return 'accepted'
}

/** Every element with its coordinates, by division with remainder: nothing of the code under test. */
function cells({ dims, data }: Tensor): { readonly at: readonly number[]; readonly value: number }[] {
  return Array.from(data as ArrayLike<number | bigint>, (value, index) => {
    let rest = index
    const at = [...dims].reverse().map((size) => {
      const place = rest % size
      rest = Math.floor(rest / size)
      return place
    })
    return { at: at.reverse(), value: Number(value) }
  })
}

const without = <Item>(list: readonly Item[], axis: number) => list.filter((_, index) => index !== axis)

/** The lanes along an axis: for each place of the others, the values in order. */
function lanes(from: Tensor, axis: number): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const { at, value } of cells(from)) {
    const key = without(at, axis).join()
    found.set(key, [...(found.get(key) ?? []), value])
  }
  return found
}

const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
const wide = shape.filter((dims) => dims.some((size) => size > 1))
const filled = (dims: readonly number[]) =>
  fc
    .array(fc.float({ min: -30, max: 30, noNaN: true }), {
      minLength: dims.reduce((product, size) => product * size, 1),
      maxLength: dims.reduce((product, size) => product * size, 1),
    })
    .map((values) => floats(dims, values))
/** A tensor and one of its axes with more than one place, sometimes counted from the last. */
const alongAxis = wide.chain((dims) => {
  const axes = dims.flatMap((size, axis) => (size > 1 ? [axis] : []))
  return fc.record({ from: filled(dims), axis: fc.constantFrom(...axes), isNegative: fc.boolean() })
})
const written = (axis: number, from: Tensor, isNegative: boolean) => (isNegative ? axis - from.dims.length : axis)

describe('softmax', () => {
  it('is what the definition says, along any axis', () => {
    fc.assert(
      fc.property(alongAxis, ({ from, axis, isNegative }) => {
        const made = apply({ op: 'softmax', axis: written(axis, from, isNegative) }, from)
        expect(made.dims).toEqual(from.dims)
        expect(made.dtype).toBe('float32')
        const expected = lanes(from, axis)
        for (const [key, shares] of lanes(made, axis)) {
          const powers = expected.get(key)!.map((value) => Math.exp(value))
          const sum = powers.reduce((total, power) => total + power, 0)
          expect(shares.reduce((total, share) => total + share, 0)).toBeCloseTo(1, 5)
          shares.forEach((share, place) => {
            expect(share).toBeCloseTo(powers[place]! / sum, 6)
          })
        }
      }),
    )
  })

  it('holds where the powers themselves would not', () => {
    const made = apply({ op: 'softmax', axis: -1 }, floats([1, 3], [1000, 999, Number.NEGATIVE_INFINITY]))
    expect(tensorNumbers(made)).toEqual([Math.fround(1 / (1 + Math.exp(-1))), Math.fround(1 / (1 + Math.E)), 0])
    expect(tensorNumbers(apply({ op: 'softmax', axis: 1 }, floats([1, 2], [3e38, -3e38])))).toEqual([1, 0])
  })

  it('of float64 stays float64', () => {
    const made = apply({ op: 'softmax', axis: 0 }, tensor('float64', [2], [0, 1]))
    expect(made.dtype).toBe('float64')
    expect(tensorNumbers(made)[1]).toBe(1 / (1 + Math.exp(-1)))
  })

  it('of one class is a fault: it would be certain whatever the model says', () => {
    expect(faultOf({ op: 'softmax', axis: 1 }, floats([4, 1], [1, 2, 3, 4]))).toBe('postprocessing.0')
  })

  it.each([
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('of %s and %s there are no shares', (...values) => {
    expect(faultOf({ op: 'softmax', axis: 0 }, floats([2], values))).toBe('postprocessing.0')
  })
})

describe('sigmoid and temperature', () => {
  it('are what the definitions say', () => {
    const from = floats([2, 2], [-3, 0, 2.5, 40])
    expect(tensorNumbers(apply({ op: 'sigmoid' }, from))).toEqual(
      [-3, 0, 2.5, 40].map((value) => Math.fround(1 / (1 + Math.E ** -value))),
    )
    expect(apply({ op: 'temperature', temperature: 1.7 }, from)).toEqual(
      floats([2, 2], [-3 / 1.7, 0, 2.5 / 1.7, 40 / 1.7]),
    )
  })

  it('sigmoid of the infinities is certain, of NaN a fault', () => {
    const ends = floats([2], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
    expect(tensorNumbers(apply({ op: 'sigmoid' }, ends))).toEqual([0, 1])
    expect(faultOf({ op: 'sigmoid' }, floats([1], [Number.NaN]))).toBe('postprocessing.0')
    expect(faultOf({ op: 'temperature', temperature: 2 }, floats([1], [Number.NaN]))).toBe('postprocessing.0')
  })

  it('a temperature keeps the order of the classes and draws their shares together', () => {
    const from = floats([1, 3], [1, 4, 2])
    const cooled = apply({ op: 'softmax', axis: 1 }, apply({ op: 'temperature', temperature: 3 }, from))
    const [low, high, middle] = tensorNumbers(cooled)
    const [, certain] = tensorNumbers(apply({ op: 'softmax', axis: 1 }, from))
    expect(low! < middle! && middle! < high! && high! < certain!).toBe(true)
  })

  it.each(['int32', 'uint8', 'int64', 'bool'] as const)('%s is no logit', (dtype) => {
    for (const draft of [{ op: 'sigmoid' }, { op: 'softmax', axis: 0 }, { op: 'temperature', temperature: 2 }] as const)
      expect(faultOf(draft, tensor(dtype, [2], [0, 1]))).toBe('postprocessing.0')
  })
})

describe('pick and argmax', () => {
  it('pick is one place along any axis, which disappears', () => {
    fc.assert(
      fc.property(alongAxis, fc.nat(), fc.boolean(), ({ from, axis }, nat, isNegative) => {
        const index = nat % from.dims[axis]!
        const made = apply({ op: 'pick', axis: written(axis, from, isNegative), index }, from)
        expect(made.dims).toEqual(without(from.dims, axis))
        expect(tensorNumbers(made)).toEqual([...lanes(from, axis).values()].map((lane) => lane[index]))
      }),
    )
  })

  it.each(Object.keys(elementArrays) as ElementType[])('pick takes %s as it is', (dtype) => {
    const made = apply({ op: 'pick', axis: 0, index: 1 }, tensor(dtype, [3, 2], [0, 0, 1, 0, 1, 1]))
    expect(made).toEqual(tensor(dtype, [2], [1, 0]))
  })

  it('argmax is the first of the largest along any axis', () => {
    fc.assert(
      fc.property(alongAxis, ({ from, axis, isNegative }) => {
        const made = apply({ op: 'argmax', axis: written(axis, from, isNegative) }, from)
        expect(made.dtype).toBe('uint8')
        expect(made.dims).toEqual(without(from.dims, axis))
        const places = [...lanes(from, axis).values()].map((lane) => lane.indexOf(Math.max(...lane)))
        expect(tensorNumbers(made)).toEqual(places)
      }),
    )
    expect(tensorNumbers(apply({ op: 'argmax', axis: 1 }, floats([2, 3], [1, 5, 5, 7, 7, 7])))).toEqual([1, 0])
  })

  it('argmax goes into a byte as long as it can', () => {
    const ramp = (count: number) => Array.from({ length: count }, (_, place) => place)
    expect(apply({ op: 'argmax', axis: 0 }, floats([256], ramp(256)))).toEqual(tensor('uint8', [], [255]))
    expect(apply({ op: 'argmax', axis: 0 }, floats([257], ramp(257)))).toEqual(tensor('int32', [], [256]))
  })

  it('argmax takes infinities and integers', () => {
    const ends = [Number.NEGATIVE_INFINITY, 3, Number.POSITIVE_INFINITY]
    expect(tensorNumbers(apply({ op: 'argmax', axis: 0 }, floats([3], ends)))).toEqual([2])
    expect(tensorNumbers(apply({ op: 'argmax', axis: 0 }, tensor('int32', [3], [-5, -2, -9])))).toEqual([1])
  })

  it.each([0, 1, 2])('argmax refuses NaN, wherever it stands: %s', (place) => {
    const values = [1, 2, 3].with(place, Number.NaN)
    expect(faultOf({ op: 'argmax', axis: 1 }, floats([1, 3], values))).toBe('postprocessing.0')
  })

  it.each<[string, Draft, Tensor]>([
    ['argmax of one class', { op: 'argmax', axis: 1 }, floats([3, 1], [1, 2, 3])],
    ['argmax of 64-bit integers', { op: 'argmax', axis: 0 }, tensor('int64', [2], [1, 2])],
    ['an axis too many', { op: 'argmax', axis: 2 }, floats([1, 2], [1, 2])],
    ['an axis too many, from the last', { op: 'softmax', axis: -3 }, floats([1, 2], [1, 2])],
    ['an axis of a scalar', { op: 'pick', axis: 0, index: 0 }, floats([], [1])],
    ['a place too many', { op: 'pick', axis: 1, index: 2 }, floats([1, 2], [1, 2])],
  ])('%s is a fault', (_what, draft, from) => {
    expect(faultOf(draft, from)).toBe('postprocessing.0')
  })
})

describe('class activation map', () => {
  it('is the weighted sum of the feature maps, of each image on its own', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(2), fc.nat(3), fc.nat(2), fc.nat(3)).chain((sizes) => filled(sizes.map((size) => size + 1))),
        fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        (from, spare, relu) => {
          const weights = spare.slice(0, from.dims[1])
          const made = apply({ op: 'class-activation-map', weights, relu }, from)
          expect(made.dims).toEqual(without(from.dims, 1))
          const sums = [...lanes(from, 1).values()].map((lane) => {
            const sum = lane.reduce((total, value, channel) => total + value * weights[channel]!, 0)
            return relu && sum < 0 ? 0 : sum
          })
          tensorNumbers(made).forEach((value, place) => {
            expect(value).toBeCloseTo(sums[place]!, 4)
          })
        },
      ),
    )
  })

  it.each<[string, Tensor]>([
    ['more channels than weights', floats([1, 3, 1, 1], [1, 2, 3])],
    ['fewer channels than weights', floats([1, 1, 1, 1], [1])],
    ['three axes', floats([2, 1, 1], [1, 2])],
    ['integers', tensor('int32', [1, 2, 1, 1], [1, 2])],
    ['NaN', floats([1, 2, 1, 1], [Number.NaN, 1])],
    ['infinities that cancel', floats([1, 2, 1, 1], [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])],
  ])('%s: a fault', (_what, from) => {
    expect(faultOf({ op: 'class-activation-map', weights: [1, 1], relu: false }, from)).toBe('postprocessing.0')
  })
})

describe('a list of ops', () => {
  const op = (draft: Draft) => outputOp.parse({ version: 1, ...draft })
  const softmax = op({ op: 'softmax', from: 'logits', to: 'shares', axis: 1 })
  const third = op({ op: 'pick', from: 'shares', to: 'third', axis: 1, index: 2 })
  const logits = floats([2, 3], [1, 2, 3, 3, 2, 1])

  it('reads what the model and earlier ops made, and leaves both as they were', () => {
    const before = structuredClone(logits)
    const made = runOutputOps({ logits }, [softmax, third])
    expect(Object.keys(made)).toEqual(['logits', 'shares', 'third'])
    expect(made.logits).toBe(logits)
    expect(logits).toEqual(before)
    const [one, other] = tensorNumbers(made.third!)
    expect([one, other]).toEqual([tensorNumbers(made.shares!)[2], tensorNumbers(made.shares!)[5]])
  })

  it('gives each row of a batch what it gives that row alone, to the last bit', () => {
    const whole = runOutputOps({ logits }, [softmax, third]).third!
    const alone = [0, 1].map((row) => {
      const one = floats([1, 3], tensorNumbers(logits).slice(row * 3, row * 3 + 3))
      return tensorNumbers(runOutputOps({ logits: one }, [softmax, third]).third!)[0]
    })
    expect(tensorNumbers(whole)).toEqual(alone)
  })

  it.each<[string, readonly OutputOp[], Readonly<Record<string, Tensor>>]>([
    ['postprocessing.0', [third], { logits }],
    ['postprocessing.1', [softmax, { ...third, from: 'nobody' }], { logits }],
    ['postprocessing.0', [softmax], { logits, shares: logits }],
    ['postprocessing.1', [softmax, { ...third, to: 'shares' }], { logits }],
    ['postprocessing.0', [{ ...softmax, from: 'constructor' }], { logits }],
    ['postprocessing.0', [softmax], { logits: { ...logits, dims: [2, 4] } }],
    ['postprocessing.0', [{ ...third, from: 'logits' }], { logits: { ...logits, dims: [1, 3] } }],
    ['postprocessing.0', [softmax], { logits: { ...logits, dtype: 'float16' as ElementType } }],
  ])('%s is at fault', (about, ops, raw) => {
    expect(() => runOutputOps(raw, ops)).toThrow(expect.objectContaining({ code: 'contract_output_invalid', about }))
  })

  it('empty tensors are faults or empty, never a loop', () => {
    expect(faultOf({ op: 'softmax', axis: 1 }, floats([2, 0], []))).toBe('postprocessing.0')
    expect(apply({ op: 'argmax', axis: 1 }, floats([0, 3], [])).dims).toEqual([0])
    expect(apply({ op: 'sigmoid' }, floats([0], [])).dims).toEqual([0])
  })
})
