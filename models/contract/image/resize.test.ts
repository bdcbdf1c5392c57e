import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { drawn, made, type StepDraft, valuesOf } from './testkit/images.ts'
import { plainResize } from './testkit/plain-resize.ts'

const filters = ['box', 'bilinear', 'bicubic', 'lanczos'] as const
const to = (rows: number, columns: number, filter: string, eightBit = false): StepDraft => ({
  op: 'image-resize',
  rows,
  columns,
  filter,
  eightBit,
})
/** Bytes without a pattern, always the same. */
const noise = (count: number) => {
  let state = 1
  return Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647
    return state % 256
  })
}
const linesOf = (pixels: readonly number[], columns: number) =>
  Array.from({ length: pixels.length / columns }, (_, row) => pixels.slice(row * columns, (row + 1) * columns))
const furthest = (a: readonly number[], b: readonly number[]) =>
  a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index]!)), 0)

const free = [
  [13, 17, 5, 6],
  [13, 17, 7, 31],
  [9, 7, 9, 4],
  [6, 5, 15, 13],
  [3, 20, 1, 1],
  [1, 1, 4, 3],
  [8, 8, 4, 4],
] as const
/** A place that lies on the edge of a box belongs to one side of it; noise would show which, so no edge cuts one here. */
const whole = [
  [12, 18, 4, 6],
  [8, 8, 4, 4],
  [6, 5, 12, 15],
  [3, 20, 1, 1],
] as const
type Sizes = readonly (readonly [number, number, number, number])[]
const sizes: Readonly<Record<(typeof filters)[number], Sizes>> = {
  box: whole,
  bilinear: free,
  bicubic: free,
  lanczos: free,
}

/**
 * Once by hand, against Pillow 9.4.0, sizes from 301 × 257 to 224 × 224, up and down, grey and RGB, all four filters: 8-bit images
 * are equal in every value; 32-bit floating-point ones (0 … 255) differ by at most 1.6e-5. Against PyTorch 1.13.1,
 * `interpolate(antialias=True)`, bilinear and bicubic: at most 0.004 of 255, which is its own float32.
 */
describe('image-resize', () => {
  describe.each(filters)('%s', (filter) => {
    it.each(sizes[filter])(
      'of %i × %i to %i × %i is what the plain sum over all places gives',
      (rows, columns, high, wide) => {
        const pixels = noise(rows * columns)
        const expected = plainResize(linesOf(pixels, columns), high, wide, filter).flat()
        expect(furthest(valuesOf(drawn({ columns, pixels }), to(high, wide, filter)), expected)).toBeLessThan(2e-4)
      },
    )

    it('keeps a constant image, whatever the sizes', () => {
      const side = fc.integer({ min: 1, max: 20 })
      fc.assert(
        fc.property(side, side, side, side, fc.boolean(), (rows, columns, high, wide, eightBit) => {
          const image = drawn({ columns, pixels: new Uint8Array(rows * columns).fill(77) })
          const found = made(image, to(high, wide, filter, eightBit))
          expect(found.dims).toEqual([1, high, wide, 1])
          expect(furthest(found.values ?? [], Array(high * wide).fill(77))).toBeLessThan(1e-4)
        }),
        { numRuns: 50 },
      )
    })

    it('of 8 bits is rounded and cut to the range after each direction', () => {
      const [high, wide] = filter === 'box' ? [20, 10] : [17, 50]
      const pixels = noise(40 * 30).map((value) => (value > 127 ? 255 : value % 9))
      const found = valuesOf(drawn({ columns: 30, pixels }), to(high, wide, filter, true))
      const toBytes = (lines: readonly (readonly number[])[]) =>
        lines.map((line) => line.map((value) => Math.min(Math.max(Math.floor(value + 0.5), 0), 255)))
      const across = toBytes(plainResize(linesOf(pixels, 30), 40, wide, filter))
      const expected = toBytes(plainResize(across, high, wide, filter)).flat()
      expect(found.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true)
      // Halves may go either way: the weights are fractions of 2^22 in the one, of doubles in the other.
      expect(furthest(found, expected)).toBeLessThanOrEqual(1)
      expect(found.filter((value, index) => value !== expected[index]).length).toBeLessThan(found.length / 50)
    })
  })

  it('keeps channels and frames apart', () => {
    const colour = drawn({
      columns: 2,
      samplesPerPixel: 3,
      frames: 2,
      pixels: [0, 10, 20, 2, 12, 22, 100, 0, 50, 100, 0, 50],
    })
    expect(made(colour, to(1, 1, 'bilinear'))).toEqual({ dims: [2, 1, 1, 3], values: [1, 11, 21, 100, 0, 50] })
  })

  it('levels are of the range: 8 bits of an image from 0 to 1 are its 255ths', () => {
    const image = drawn({ columns: 40, pixels: noise(40 * 40) })
    const bytes = valuesOf(image, to(13, 11, 'bicubic', true))
    const unit = valuesOf(image, { op: 'image-unit-range' }, to(13, 11, 'bicubic', true))
    expect(
      furthest(
        unit.map((value) => value * 255),
        bytes,
      ),
    ).toBeLessThan(1e-4)
    const twelve = drawn({ columns: 2, pixels: Uint16Array.of(0, 4095), bitsStored: 12 })
    expect(valuesOf(twelve, to(1, 2, 'bilinear', true))).toEqual([0, 4095])
    expect(made(drawn({ columns: 1, pixels: Float32Array.of(1) }), to(1, 1, 'bilinear', true)).refused).toBe(
      'image_range_unknown',
    )
  })

  it('nearest takes the place under the middle', () => {
    const image = drawn({ columns: 4, pixels: [1, 2, 3, 4, 5, 6, 7, 8] })
    expect(valuesOf(image, to(1, 2, 'nearest'))).toEqual([6, 8])
    expect(valuesOf(image, to(2, 8, 'nearest')).slice(0, 8)).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect(valuesOf(image, to(2, 3, 'nearest')).slice(0, 3)).toEqual([1, 3, 4])
  })

  it('refuses a side that no image has', () => {
    const long = drawn({ columns: 70_000, pixels: new Uint8Array(70_000) })
    expect(made(long, to(1, 4096, 'lanczos')).refused).toBe('image_raster_too_large')
  })
})

/**
 * libvips resamples by the same formulas (a = −1/2, Lanczos 3), but repeats the edge where we leave it out, works along
 * columns first, and rounds weights to other fractions; so it is compared within the edge: to two levels
 * of 255, and 0.2 in the mean (measured: 0.14 at most).
 */
describe('sharp', () => {
  const [rows, columns] = [120, 90]
  const smooth = Array.from({ length: rows * columns }, (_, index) => {
    const [y, x] = [Math.floor(index / columns), index % columns]
    return Math.round(127 + 60 * Math.sin(x / 5) + 60 * Math.cos(y / 7 + x / 11))
  })

  it.each([
    ['bilinear', 'linear', 80, 60],
    ['bicubic', 'cubic', 80, 60],
    ['lanczos', 'lanczos3', 80, 60],
    ['bicubic', 'cubic', 72, 54],
    ['lanczos', 'lanczos3', 100, 80],
  ] as const)('%s', async (filter, kernel, high, wide) => {
    const source = Uint8Array.from(smooth)
    const theirs = await sharp(source, { raw: { width: columns, height: rows, channels: 1 } })
      .resize(wide, high, { kernel, fit: 'fill' })
      .raw()
      .toBuffer()
    const ours = valuesOf(drawn({ columns, pixels: source }), to(high, wide, filter, true))
    const inner = ours
      .map((_, index) => index)
      .filter((index) => {
        const [y, x] = [Math.floor(index / wide), index % wide]
        return y >= 4 && y < high - 4 && x >= 4 && x < wide - 4
      })
    const differences = inner.map((index) => Math.abs(ours[index]! - theirs[index * (theirs.length / ours.length)]!))
    expect(Math.max(...differences)).toBeLessThanOrEqual(2)
    expect(differences.reduce((sum, difference) => sum + difference, 0) / differences.length).toBeLessThan(0.2)
  })
})
