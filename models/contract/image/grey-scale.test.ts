import { describe, expect, it } from 'vitest'
import { drawn, made, type StepDraft, valuesOf } from './testkit/images.ts'

const rescaled: StepDraft = { op: 'image-rescale' }
const voi: StepDraft = { op: 'image-voi', none: 'refuse' }
const ramp = Int16Array.from([-1000, 0, 40, 100, 3000])
const row = (pixels: readonly number[], more: object = {}) =>
  drawn({ columns: pixels.length, pixels: Uint16Array.from(pixels), bitsStored: 12, ...more })
const windowed = (center: number, width: number, more: object = {}) =>
  row([0, 1, 2047, 2048, 4095], { facts: { windows: [{ center, width }] }, ...more })

describe('stored values', () => {
  it('are the numbers of the frames that are asked for', () => {
    const three = drawn({ columns: 2, frames: 3, pixels: [1, 2, 3, 4, 5, 6] })
    expect(made(three, { op: 'image-values', frames: 'all' })).toEqual({
      dims: [3, 1, 2, 1],
      values: [1, 2, 3, 4, 5, 6],
    })
    expect(valuesOf(three, { op: 'image-values', frames: 'first' })).toEqual([1, 2])
    expect(valuesOf(three, { op: 'image-values', frames: 'middle' })).toEqual([3, 4])
    const four = drawn({ columns: 1, frames: 4, pixels: [1, 2, 3, 4] })
    expect(valuesOf(four, { op: 'image-values', frames: 'middle' })).toEqual([3])
  })

  it('of several frames are refused where one is taken', () => {
    const two = drawn({ columns: 1, frames: 2, pixels: [1, 2] })
    const only: StepDraft = { op: 'image-values', frames: 'only' }
    expect(made(two, only)).toEqual({ refused: 'image_frames_unexpected', about: 'image-values' })
    expect(valuesOf(drawn({ columns: 2, pixels: [1, 2] }), only)).toEqual([1, 2])
  })

  it.each([
    ['NaN', Float32Array.of(1, Number.NaN)],
    ['infinity', Float32Array.of(Number.NEGATIVE_INFINITY, 1)],
    ['a double beyond float32', Float64Array.of(1, 1e300)],
  ])('are refused where one is %s', (_, pixels) => {
    expect(made(drawn({ columns: 2, pixels }))).toEqual({ refused: 'image_not_finite', about: 'image-values' })
  })
})

describe('image-rescale', () => {
  it('takes slope and intercept of each frame', () => {
    const facts = [
      { rescaleSlope: 2, rescaleIntercept: -10 },
      { rescaleSlope: 0.5, rescaleIntercept: 0 },
    ]
    const image = drawn({ columns: 2, frames: 2, pixels: [1, 2, 3, 4], facts })
    expect(valuesOf(image, rescaled)).toEqual([-8, -6, 1.5, 2])
    expect(valuesOf(image, { op: 'image-values', frames: 'middle' }, rescaled)).toEqual([1.5, 2])
  })

  it('takes the modality LUT instead, with its first and last entry beyond it', () => {
    const modalityLut = { first: 2, bitsPerEntry: 12, values: Uint16Array.of(100, 200, 4095) }
    const image = row([0, 2, 3, 4, 9], { modalityLut, facts: { rescaleSlope: 7 } })
    expect(valuesOf(image, rescaled)).toEqual([100, 100, 200, 4095, 4095])
    expect(valuesOf(image, rescaled, { op: 'image-unit-range' }).at(-1)).toBe(1)
  })

  it('moves the range with the values, a falling slope too', () => {
    const image = drawn({ columns: 2, pixels: [0, 255], facts: { rescaleSlope: -2, rescaleIntercept: 10 } })
    expect(valuesOf(image, rescaled, { op: 'image-unit-range' })).toEqual([1, 0])
  })

  it('leaves colours as they are', () => {
    const colour = drawn({ columns: 1, samplesPerPixel: 3, pixels: [1, 2, 3], facts: { rescaleSlope: 5 } })
    expect(valuesOf(colour, rescaled)).toEqual([1, 2, 3])
  })
})

describe('image-voi', () => {
  it('LINEAR: centre 2^(n−1) and width 2^n show all of n bits (PS3.3 C.11.2.1.2.1)', () => {
    const [first, second, , , last] = valuesOf(windowed(2048, 4096), rescaled, voi)
    expect([first, last]).toEqual([0, 1])
    expect(second).toBeCloseTo(1 / 4095, 7)
  })

  it.each([
    ['LINEAR', (x: number) => (x <= 1000 - 0.5 - 199.5 ? 0 : x > 1000 - 0.5 + 199.5 ? 1 : (x - 999.5) / 399 + 0.5)],
    ['LINEAR_EXACT', (x: number) => (x <= 800 ? 0 : x > 1200 ? 1 : (x - 1000) / 400 + 0.5)],
    ['SIGMOID', (x: number) => 1 / (1 + Math.exp((-4 * (x - 1000)) / 400))],
  ])('%s is the formula of the standard', (voiFunction, formula) => {
    const pixels = Array.from({ length: 4096 }, (_, value) => value)
    const image = row(pixels, { voiFunction, facts: { windows: [{ center: 1000, width: 400 }] } })
    const found = valuesOf(image, rescaled, voi)
    pixels.forEach((value) => {
      expect(found[value]).toBeCloseTo(formula(value), 6)
    })
  })

  it('LINEAR of width 1 is a threshold', () => {
    const image = row([99, 100, 101], { facts: { windows: [{ center: 100.5, width: 1 }] } })
    expect(valuesOf(image, rescaled, voi)).toEqual([0, 0, 1])
  })

  it('takes the VOI LUT before any window, over all its bits', () => {
    const voiLut = { first: 1, bitsPerEntry: 8, values: Uint16Array.of(0, 51, 255) }
    const image = windowed(2048, 4096, { voiLut })
    expect(valuesOf(image, rescaled, voi)).toEqual([0, 0, 1, 1, 1])
    expect(valuesOf(row([2], { voiLut }), rescaled, voi)[0]).toBeCloseTo(0.2, 7)
  })

  it('takes the first window of each frame', () => {
    const facts = [
      {
        windows: [
          { center: 50, width: 101 },
          { center: 1, width: 2 },
        ],
      },
      { windows: [{ center: 5, width: 11 }] },
    ]
    const image = drawn({ columns: 1, frames: 2, pixels: [25, 25], facts })
    expect(valuesOf(image, rescaled, voi)[0]).toBeCloseTo(0.255, 6)
    expect(valuesOf(image, rescaled, voi)[1]).toBe(1)
  })

  it.each([
    ['none', {}],
    ['one that LINEAR does not allow', { facts: { windows: [{ center: 1, width: 0.5 }] } }],
    ['one for another frame alone', { frames: 2, facts: [{ windows: [{ center: 1, width: 2 }] }, {}] }],
    ['one for colours', { samplesPerPixel: 3 as const, facts: { windows: [{ center: 1, width: 2 }] } }],
  ])('without a window (%s) does what the step says', (_, more) => {
    const image = drawn({
      columns: 2,
      pixels: [0, 51, 102, 51, 51, 51, 51, 51, 51, 51, 51, 51].slice(0, 'samplesPerPixel' in more ? 6 : 4),
      ...more,
    })
    const outcome = (none: string) => made(image, rescaled, { op: 'image-voi', none })
    expect(outcome('refuse')).toEqual({ refused: 'image_window_missing', about: 'image-voi' })
    expect(outcome('min-max').values?.slice(0, 3)).toEqual([0, 0.5, 1])
    expect(
      outcome('unit-range')
        .values?.slice(0, 3)
        .map((value) => Math.round(value * 255)),
    ).toEqual([0, 51, 102])
  })

  it('does not turn MONOCHROME1 round', () => {
    const image = windowed(2048, 4096, { photometric: 'MONOCHROME1' })
    expect(valuesOf(image, rescaled, voi)[0]).toBe(0)
  })
})

describe('image-window', () => {
  it('is a window of the contract, in the units of the modality', () => {
    const image = drawn({ columns: 5, pixels: ramp, isSigned: true, facts: { windows: [{ center: 1, width: 1 }] } })
    expect(valuesOf(image, rescaled, { op: 'image-window', center: 40, width: 80 })).toEqual([0, 0, 0.5, 1, 1])
  })
})

describe('image-as-monochrome2', () => {
  const turned: StepDraft = { op: 'image-as-monochrome2' }

  it.each([
    ['MONOCHROME1', { photometric: 'MONOCHROME1' as const }],
    ['an inverse presentation LUT', { attributes: { presentationLutShape: 'INVERSE' } }],
    [
      'both, which is one inversion',
      { photometric: 'MONOCHROME1' as const, attributes: { presentationLutShape: 'INVERSE' } },
    ],
  ])('turns %s round within the range', (_, more) => {
    const image = row([0, 1, 4095], more)
    expect(valuesOf(image, turned)).toEqual([4095, 4094, 0])
    expect(valuesOf(image, turned, turned)).toEqual([4095, 4094, 0])
    expect(valuesOf(image, { op: 'image-unit-range' }, turned)[0]).toBe(1)
  })

  it('leaves the others as they are', () => {
    expect(valuesOf(row([0, 1, 4095], { attributes: { presentationLutShape: 'IDENTITY' } }), turned)).toEqual([
      0, 1, 4095,
    ])
    const colour = drawn({
      columns: 1,
      samplesPerPixel: 3,
      pixels: [1, 2, 3],
      attributes: { presentationLutShape: 'INVERSE' },
    })
    expect(valuesOf(colour, turned)).toEqual([1, 2, 3])
  })

  it('of signed values has their range', () => {
    const image = drawn({
      columns: 2,
      pixels: Int16Array.of(-2048, 2047),
      bitsStored: 12,
      isSigned: true,
      photometric: 'MONOCHROME1',
    })
    expect(valuesOf(image, turned)).toEqual([2047, -2048])
  })

  it('is refused where nothing says what floating-point values may be', () => {
    const image = drawn({ columns: 1, pixels: Float32Array.of(3), photometric: 'MONOCHROME1' })
    expect(made(image, turned)).toEqual({ refused: 'image_range_unknown', about: 'image-as-monochrome2' })
    expect(made(image, { op: 'image-unit-range' })).toEqual({
      refused: 'image_range_unknown',
      about: 'image-unit-range',
    })
  })
})
