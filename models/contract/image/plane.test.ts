import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawn, made, type StepDraft } from './testkit/images.ts'

const bright = (share = 1): StepDraft => ({ op: 'image-crop-border', border: 'bright', share })
const dark = (share = 0): StepDraft => ({ op: 'image-crop-border', border: 'dark', share })
const framed = (paper: number) =>
  drawn({
    columns: 5,
    pixels: [
      ...[paper, paper, paper, paper, paper],
      ...[paper, 9, paper, 200, paper],
      ...[paper, paper, paper, paper, paper],
      ...[paper, 7, 8, paper, paper],
      ...[paper, paper, paper, paper, paper],
    ],
  })

describe('image-crop-border', () => {
  it('cuts at the edges alone, and keeps the paper between', () => {
    const inner = (paper: number) => [9, paper, 200, paper, paper, paper, 7, 8, paper]
    expect(made(framed(255), bright())).toEqual({ dims: [1, 3, 3, 1], values: inner(255) })
    expect(made(framed(0), dark())).toEqual({ dims: [1, 3, 3, 1], values: inner(0) })
  })

  it('counts what is nearly paper by a share of the range', () => {
    expect(made(framed(255), bright(0.75))).toMatchObject({ dims: [1, 3, 2, 1], values: [9, 255, 255, 255, 7, 8] })
    expect(made(framed(0), dark(8 / 255))).toMatchObject({ dims: [1, 1, 3, 1], values: [9, 0, 200] })
  })

  it('of colours needs all three to be paper', () => {
    const white = [255, 255, 255]
    const image = drawn({
      columns: 3,
      samplesPerPixel: 3,
      pixels: [...white, 255, 255, 254, ...white, ...white, ...white, ...white],
    })
    expect(made(image, bright())).toEqual({ dims: [1, 1, 1, 3], values: [255, 255, 254] })
  })

  it('of frames needs it in all of them', () => {
    const image = drawn({ columns: 3, frames: 2, pixels: [0, 5, 0, 0, 0, 6] })
    expect(made(image, dark())).toEqual({ dims: [2, 1, 2, 1], values: [5, 0, 0, 6] })
  })

  it('refuses an image that is nothing else', () => {
    expect(made(drawn({ columns: 2, pixels: [255, 255] }), bright())).toEqual({
      refused: 'image_empty',
      about: 'image-crop-border',
    })
  })

  it('finds the smallest box that holds every value that is no border', () => {
    const sides = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }))
    const picture = sides.chain(([rows, columns]) =>
      fc.record({
        columns: fc.constant(columns),
        pixels: fc.array(fc.constantFrom(0, 0, 0, 3), { minLength: rows * columns, maxLength: rows * columns }),
      }),
    )
    fc.assert(
      fc.property(picture, ({ columns, pixels }) => {
        const places = pixels.flatMap((value, index) =>
          value > 0 ? [[Math.floor(index / columns), index % columns] as const] : [],
        )
        const span = (axis: 0 | 1) =>
          Math.max(...places.map((place) => place[axis])) - Math.min(...places.map((place) => place[axis])) + 1
        const found = made(drawn({ columns, pixels }), dark())
        if (places.length === 0) expect(found.refused).toBe('image_empty')
        else {
          expect(found.dims).toEqual([1, span(0), span(1), 1])
          expect(found.values?.filter((value) => value > 0)).toHaveLength(places.length)
        }
      }),
    )
  })
})

describe('image-crop-centre', () => {
  it('keeps shares of height and width about the middle', () => {
    const image = drawn({ columns: 4, pixels: Array.from({ length: 16 }, (_, index) => index) })
    expect(made(image, { op: 'image-crop-centre', height: 0.5, width: 0.5 })).toEqual({
      dims: [1, 2, 2, 1],
      values: [5, 6, 9, 10],
    })
    expect(made(image, { op: 'image-crop-centre', height: 0.25, width: 0.75 })).toEqual({
      dims: [1, 1, 3, 1],
      values: [4, 5, 6],
    })
    expect(made(image, { op: 'image-crop-centre', height: 0.01, width: 1 }).dims).toEqual([1, 1, 4, 1])
  })
})

describe('image-pad-square', () => {
  it('fills the shorter side, the far end first', () => {
    const wide = drawn({ columns: 4, pixels: [1, 2, 3, 4] })
    expect(made(wide, { op: 'image-pad-square', value: 9 }).values).toEqual([
      9, 9, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9,
    ])
    const tall = drawn({ columns: 1, samplesPerPixel: 3, pixels: [1, 2, 3, 4, 5, 6] })
    expect(made(tall, { op: 'image-pad-square', value: 0 })).toEqual({
      dims: [1, 2, 2, 3],
      values: [1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0, 0],
    })
  })

  it('widens the range by what it fills with', () => {
    const image = drawn({ columns: 2, pixels: [0, 255] })
    expect(made(image, { op: 'image-pad-square', value: -255 }, { op: 'image-unit-range' }).values).toEqual([
      0.5, 1, 0, 0,
    ])
  })

  it('refuses what would become too large', () => {
    const long = drawn({ columns: 60_000, pixels: new Uint8Array(60_000) })
    expect(made(long, { op: 'image-pad-square', value: 0 })).toEqual({
      refused: 'image_raster_too_large',
      about: 'image-pad-square',
    })
  })
})

describe('image-orient', () => {
  const image = (patientOrientation: readonly string[]) =>
    drawn({ columns: 3, pixels: [1, 2, 3, 4, 5, 6], attributes: { patientOrientation } })
  const upright: StepDraft = { op: 'image-orient', rows: 'L', columns: 'F', onUnknown: 'refuse' }

  it.each([
    ['L\\F', [2, 3], [1, 2, 3, 4, 5, 6]],
    ['R\\F', [2, 3], [3, 2, 1, 6, 5, 4]],
    ['L\\H', [2, 3], [4, 5, 6, 1, 2, 3]],
    ['R\\H', [2, 3], [6, 5, 4, 3, 2, 1]],
    ['F\\L', [3, 2], [1, 4, 2, 5, 3, 6]],
    ['F\\R', [3, 2], [4, 1, 5, 2, 6, 3]],
    ['H\\L', [3, 2], [3, 6, 2, 5, 1, 4]],
    ['H\\R', [3, 2], [6, 3, 5, 2, 4, 1]],
    ['LF\\FR', [2, 3], [1, 2, 3, 4, 5, 6]],
  ])('%s becomes L\\F', (from, size, values) => {
    const found = made(image(from.split('\\')), upright)
    expect(found).toEqual({ dims: [1, ...size, 1], values })
  })

  it('keeps or refuses what does not say', () => {
    expect(made(image([]), upright)).toEqual({ refused: 'image_orientation_unknown', about: 'image-orient' })
    expect(made(image([]), { ...upright, onUnknown: 'keep' }).values).toEqual([1, 2, 3, 4, 5, 6])
    expect(made(image(['L', 'R']), upright).refused).toBe('image_orientation_unknown')
  })

  it('always refuses another plane', () => {
    expect(made(image(['A', 'F']), { ...upright, onUnknown: 'keep' }).refused).toBe('image_orientation_unexpected')
  })

  it('reads the axes of the frame where there is no PatientOrientation', () => {
    // Along a row to the right, down a column to the feet.
    const facts = { orientation: [-1, 0, 0, 0, 0, -1] }
    expect(made(drawn({ columns: 2, pixels: [1, 2], facts }), upright).values).toEqual([2, 1])
  })
})
