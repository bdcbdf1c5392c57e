import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { valuesAtRanks } from './rank.ts'
import { drawn, made, type StepDraft, valuesOf } from './testkit/images.ts'

const bytes = drawn({ columns: 5, pixels: [51, 102, 0, 204, 153] })
const colour = drawn({ columns: 2, samplesPerPixel: 3, pixels: [255, 0, 0, 10, 20, 30] })
const floats = (values: readonly number[]) => drawn({ columns: values.length, pixels: Float32Array.from(values) })
const minMax = (low: number, high: number): StepDraft => ({ op: 'image-min-max', low, high })

describe('image-unit-range', () => {
  it('goes from the range of the bits, whatever values there are', () => {
    expect(valuesOf(bytes, { op: 'image-unit-range' }).map((value) => value * 255)).toEqual(
      [51, 102, 0, 204, 153].map((value) => expect.closeTo(value, 4)),
    )
    const signed = drawn({ columns: 2, pixels: Int16Array.of(-2048, 2047), bitsStored: 12, isSigned: true })
    expect(valuesOf(signed, { op: 'image-unit-range' })).toEqual([0, 1])
  })
})

describe('image-min-max', () => {
  it('goes from the least value to the most', () => {
    expect(valuesOf(bytes, minMax(0, 1))).toEqual([0.25, 0.5, 0, 1, 0.75])
  })

  it('leaves out shares by nearest rank, and is level beyond them', () => {
    // Ranks ⌈0.4 · 5⌉ = 2 and ⌈0.8 · 5⌉ = 4 of 0, 51, 102, 153, 204.
    expect(valuesOf(bytes, minMax(0.4, 0.8))).toEqual([0, 0.5, 0, 1, 1])
  })

  it('makes a uniform image 0', () => {
    expect(valuesOf(drawn({ columns: 2, pixels: [7, 7] }), minMax(0, 1))).toEqual([0, 0])
    expect(valuesOf(drawn({ columns: 2, pixels: [7, 7] }), minMax(0.1, 0.9))).toEqual([0, 0])
  })

  it('finds the ranks that sorting finds, for any floats', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ noNaN: true, minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, share) => {
          const rank = Math.min(values.length - 1, Math.floor(share * values.length))
          const sorted = values.toSorted()
          expect(valuesAtRanks(values, [rank, values.length - 1]).map((value) => value + 0)).toEqual(
            [sorted[rank], sorted.at(-1)].map((value) => value! + 0),
          )
        },
      ),
    )
  })

  it('stays within 0 … 1, and reaches both ends where values differ', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (values) => {
        const found = valuesOf(floats(values), minMax(0, 1))
        expect(found.every((value) => value >= 0 && value <= 1)).toBe(true)
        if (new Set(values.map((value) => value + 0)).size > 1) {
          expect(Math.min(...found)).toBe(0)
          expect(Math.max(...found)).toBe(1)
        }
      }),
    )
  })
})

describe('channels', () => {
  it('image-grey is luma of BT.601, and leaves one channel as it is', () => {
    const [red, mixed] = valuesOf(colour, { op: 'image-grey' })
    expect(red).toBeCloseTo(0.299 * 255, 4)
    expect(mixed).toBeCloseTo(2.99 + 11.74 + 3.42, 4)
    expect(made(bytes, { op: 'image-grey' })).toEqual({ dims: [1, 1, 5, 1], values: [51, 102, 0, 204, 153] })
  })

  it('image-rgb repeats one channel, and leaves three as they are', () => {
    const image = drawn({ columns: 2, pixels: [1, 2] })
    expect(made(image, { op: 'image-rgb' })).toEqual({ dims: [1, 1, 2, 3], values: [1, 1, 1, 2, 2, 2] })
    expect(valuesOf(colour, { op: 'image-rgb' })).toEqual([255, 0, 0, 10, 20, 30])
  })

  it('image-normalise has a mean and a deviation for each', () => {
    const step: StepDraft = { op: 'image-normalise', mean: [5, 10, 0], sd: [5, 10, 2] }
    expect(valuesOf(colour, step)).toEqual([50, -1, 0, 1, 1, 15])
    expect(valuesOf(bytes, { op: 'image-normalise', mean: [51], sd: [51] })).toEqual([0, 1, -1, 3, 2])
  })
})
