import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Volume } from './image-facts.ts'
import { prepareImage } from './prepare-image.ts'
import { tensorVolume } from './tensor-volume.ts'
import { chain, drawn, made, type StepDraft, valuesOf } from './testkit/images.ts'

const [columns, rows, frames] = [4, 3, 2]
/** Each voxel is 100 x + 10 y + z of its place in the file. */
const pixels = Int16Array.from({ length: columns * rows * frames }, (_, index) => {
  const [x, y, z] = [index % columns, Math.floor(index / columns) % rows, Math.floor(index / (columns * rows))]
  return 100 * x + 10 * y + z
})
const axisAligned: Volume = {
  affineRas: [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 4, 1],
  spacingMm: [2, 3, 4],
  hasOrientation: true,
}
const block = (volume: Volume | undefined = axisAligned) => drawn({ columns, frames, pixels, isSigned: true, volume })
const oriented = (axes: string, onUnknown = 'refuse'): StepDraft => ({ op: 'image-orient-volume', axes, onUnknown })

/** The affine that the letters say, with voxels of 2 × 3 × 4 mm. */
function lying(axes: string): Volume {
  const row = (letter: string) => ['RL', 'AP', 'SI'].findIndex((pair) => pair.includes(letter))
  const affineRas = Array(12).fill(0)
  ;[...axes].forEach((letter, axis) => {
    affineRas[row(letter) * 4 + axis] = [2, 3, 4][axis]! * ('RAS'.includes(letter) ? 1 : -1)
  })
  return { affineRas, spacingMm: [2, 3, 4], hasOrientation: true }
}

/** Millimetres of a place: to the right, anterior and superior. */
function placeOf({ affineRas }: Volume, place: readonly number[]): readonly number[] {
  return [0, 4, 8].map((row) => [...place, 1].reduce((sum, part, axis) => sum + part * affineRas[row + axis]!, 0))
}

const allAxes = ['RAS', 'RSA', 'ARS', 'ASR', 'SRA', 'SAR'].flatMap((order) =>
  Array.from({ length: 8 }, (_, flips) =>
    [...order].map((letter, axis) => (flips & (1 << axis) ? { R: 'L', A: 'P', S: 'I' }[letter] : letter)).join(''),
  ),
)
const anyAxes = fc.constantFrom(...allAxes)

describe('image-orient-volume', () => {
  it('leaves what lies so already', () => {
    expect(made(block(), oriented('RAS'))).toEqual({ dims: [2, 3, 4, 1], values: [...pixels] })
  })

  it('mirrors and exchanges axes', () => {
    const mirrored = made(block(), oriented('LAS'))
    expect(mirrored.values?.slice(0, 4)).toEqual([300, 200, 100, 0])
    const exchanged = made(block(), oriented('SPR'))
    expect(exchanged.dims).toEqual([4, 3, 2, 1])
    expect(exchanged.values?.slice(0, 6)).toEqual([20, 21, 10, 11, 0, 1])
  })

  it('there and back is where it was, and every voxel stays in its place in the patient', () => {
    fc.assert(
      fc.property(anyAxes, anyAxes, (from, through) => {
        const image = block(lying(from))
        expect(made(image, oriented(through), oriented(from))).toEqual(made(image))
        const steps = chain(oriented(through))
        const found = tensorVolume(image, steps, 'made')!
        const prepared = prepareImage(image, steps)
        if ('refused' in prepared) throw new RangeError(prepared.refused)
        const { dims, data } = prepared.tensors.made!
        const [, , high, wide] = dims as [number, number, number, number]
        for (let index = 0; index < data.length; index += 1) {
          const place = [index % wide, Math.floor(index / wide) % high, Math.floor(index / (wide * high))]
          const value = Number(data[index])
          const old = [Math.floor(value / 100), Math.floor(value / 10) % 10, value % 10]
          expect(placeOf(found, place)).toEqual(placeOf(lying(from), old).map((part) => part + 0))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('of an oblique block takes the axes that agree best', () => {
    const [cos, sin] = [Math.cos(0.6), Math.sin(0.6)]
    const oblique: Volume = {
      affineRas: [-2 * cos, 3 * sin, 0, 0, -2 * sin, -3 * cos, 0, 0, 0, 0, 4, 0],
      spacingMm: [2, 3, 4],
      hasOrientation: true,
    }
    expect(valuesOf(block(oblique), oriented('RAS'))).toEqual(valuesOf(block(lying('LPS')), oriented('RAS')))
  })

  it.each([
    ['no volume', undefined],
    ['sizes alone', { ...axisAligned, hasOrientation: false }],
  ])('keeps or refuses what does not say: %s', (_, volume) => {
    const image = drawn({ columns, frames, pixels, isSigned: true, volume })
    expect(made(image, oriented('RAS'))).toEqual({ refused: 'image_orientation_unknown', about: 'image-orient-volume' })
    expect(valuesOf(image, oriented('LAS', 'keep'))).toEqual([...pixels])
  })

  it('large blocks are copied in tiles: each axis beyond one', () => {
    const [wide, high, deep] = [70, 35, 33]
    const values = Int32Array.from({ length: wide * high * deep }, (_, index) => index)
    const image = drawn({ columns: wide, frames: deep, pixels: values, volume: lying('RAS') })
    for (const axes of ['SAR', 'ARS', 'IPL', 'LPI']) {
      const found = valuesOf(image, oriented(axes))
      expect(new Set(found).size).toBe(values.length)
      expect(valuesOf(image, oriented(axes), oriented('RAS'))).toEqual([...values])
    }
  })
})

describe('image-resample', () => {
  const resampled = (spacingMm: readonly number[], filter = 'linear'): StepDraft => ({
    op: 'image-resample',
    spacingMm,
    filter,
  })

  it('to the same voxels changes nothing', () => {
    expect(made(block(), resampled([2, 3, 4]))).toEqual({ dims: [2, 3, 4, 1], values: [...pixels] })
  })

  it('interpolates a straight slope exactly within, and holds the edge beyond', () => {
    const line = drawn({ columns: 4, frames: 1, pixels: [0, 10, 20, 30], volume: axisAligned })
    const halves = made(line, resampled([1, 3, 4]))
    expect(halves.dims).toEqual([1, 1, 8, 1])
    expect(halves.values).toEqual([0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30])
    expect(made(line, resampled([1, 3, 4], 'nearest')).values).toEqual([0, 0, 10, 10, 20, 20, 30, 30])
    expect(made(line, resampled([4, 3, 4])).values).toEqual([5, 25])
    expect(made(line, resampled([8, 3, 4])).values).toEqual([15])
  })

  it('keeps the middle of the block, and each new voxel where it says', () => {
    const steps = chain(resampled([1.5, 2, 5]))
    const found = tensorVolume(block(), steps, 'made')!
    expect(found.spacingMm).toEqual([1.5, 2, 5])
    const [deep, high, wide] = made(block(), resampled([1.5, 2, 5])).dims ?? []
    expect([wide, high, deep]).toEqual([5, 5, 2])
    const middle = placeOf(axisAligned, [1.5, 1, 0.5])
    expect(placeOf(found, [2, 2, 0.5])).toEqual(middle.map((part) => expect.closeTo(part, 9)))
  })

  it('agrees with a slope in all three directions', () => {
    const deepBlock = drawn({
      columns: 6,
      frames: 6,
      pixels: Int16Array.from({ length: 216 }, (_, index) => 36 * Math.floor(index / 36) + (index % 36)),
      volume: lying('RAS'),
    })
    const steps = chain(resampled([1.7, 2.6, 3.1]))
    const found = tensorVolume(deepBlock, steps, 'made')!
    const values = valuesOf(deepBlock, resampled([1.7, 2.6, 3.1]))
    const [wide, high] = [Math.round(12 / 1.7), Math.round(18 / 2.6)]
    values.forEach((value, index) => {
      const [x, y, z] = placeOf(found, [
        index % wide,
        Math.floor(index / wide) % high,
        Math.floor(index / (wide * high)),
      ])
      const inside = (position: number, size: number) => Math.min(Math.max(position / size, 0), 5)
      expect(value).toBeCloseTo(inside(x!, 2) + 6 * inside(y!, 3) + 36 * inside(z!, 4), 4)
    })
  })

  it('refuses what has no voxels, and what would have too many', () => {
    expect(made(drawn({ columns, frames, pixels }), resampled([1, 1, 1])).refused).toBe('image_spacing_unknown')
    expect(made(block(), resampled([0.001, 1, 1]))).toMatchObject({ dims: [8, 9, 8000, 1] })
    expect(made(block(), resampled([0.0001, 1, 1])).refused).toBe('image_raster_too_large')
    expect(made(block(), resampled([0.001, 0.001, 0.001])).refused).toBe('image_raster_too_large')
  })
})

describe('image-fit', () => {
  const fitted = (deep: number, high: number, wide: number, value = -1): StepDraft => ({
    op: 'image-fit',
    frames: deep,
    rows: high,
    columns: wide,
    value,
  })

  it('cuts and fills about the middle, each axis for itself', () => {
    expect(made(block(), fitted(1, 1, 6))).toEqual({ dims: [1, 1, 6, 1], values: [-1, 10, 110, 210, 310, -1] })
    expect(made(block(), fitted(3, 3, 2)).values?.slice(0, 6)).toEqual([100, 200, 110, 210, 120, 220])
    expect(made(block(), fitted(3, 3, 2)).values?.slice(-6)).toEqual([-1, -1, -1, -1, -1, -1])
  })

  it('leaves every voxel where it was in the patient', () => {
    const found = tensorVolume(block(), chain(fitted(1, 1, 6)), 'made')!
    expect(placeOf(found, [1, 0, 0])).toEqual(placeOf(axisAligned, [0, 1, 0]))
    expect(placeOf(found, [0, 0, 0])).toEqual(placeOf(axisAligned, [-1, 1, 0]))
  })
})

describe('where a tensor lies', () => {
  it('follows frames, crops, turns and sizes', () => {
    const steps = chain(
      { op: 'image-values', frames: 'middle' },
      { op: 'image-crop-centre', height: 0.34, width: 0.5 },
      { op: 'image-resize', rows: 2, columns: 4, filter: 'bilinear', eightBit: false },
      { op: 'image-pad-square', value: 0 },
    )
    const found = tensorVolume(block(), steps, 'made')!
    expect(found.spacingMm).toEqual([1, 1.5, 4])
    // The first row of the resized part is the second of the square.
    expect(placeOf(found, [0, 1, 0])).toEqual(placeOf(axisAligned, [0.75, 0.75, 1]))
  })

  it('turns in the plane with the image', () => {
    const image = drawn({
      columns,
      frames,
      pixels,
      volume: lying('RPS'),
      attributes: { patientOrientation: ['R', 'P'] },
    })
    const steps = chain({ op: 'image-orient', rows: 'L', columns: 'P', onUnknown: 'refuse' })
    expect(placeOf(tensorVolume(image, steps, 'made')!, [0, 0, 0])).toEqual(placeOf(lying('RPS'), [3, 0, 0]))
  })

  it('is not said where it hangs on what the image shows, and where nobody knows', () => {
    const cropped = chain({ op: 'image-crop-border', border: 'dark', share: 0 }, { op: 'image-grey' })
    expect(tensorVolume(block(), cropped, 'made')).toBeUndefined()
    expect(tensorVolume(drawn({ columns, frames, pixels }), chain(), 'made')).toBeUndefined()
    expect(tensorVolume(block(), chain(), 'another')).toBeUndefined()
    expect(tensorVolume(block(), chain(), 'made')).toEqual(axisAligned)
  })
})
