import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContractError } from '../errors.ts'
import { type ImageOp, imageOp } from './image-schema.ts'
import { prepareImage } from './prepare-image.ts'
import { MAX_HELD_VALUES, MAX_RASTER_VALUES, Room } from './room.ts'
import { drawn, made, type StepDraft, valuesOf } from './testkit/images.ts'

const step = (op: string, from: string, to: string, more: object = {}): ImageOp =>
  imageOp.parse({ op, version: 1, from, to, ...more })
const values = (to: string, frames = 'all'): ImageOp => imageOp.parse({ op: 'image-values', version: 1, frames, to })
const tensor = (from: string, name: string, layout = 'NCHW', dtype = 'float32'): ImageOp =>
  imageOp.parse({ op: 'image-tensor', version: 1, from, tensor: name, layout, dtype })
const unit = (from: string, to: string): ImageOp => step('image-unit-range', from, to)
const image = drawn({ columns: 3, pixels: [0, 51, 255] })
const colour = drawn({ columns: 2, samplesPerPixel: 3, pixels: [1, 2, 3, 4, 5, 6] })

function dataOf(steps: readonly ImageOp[], of = image): Record<string, number[]> {
  const prepared = prepareImage(of, steps)
  if ('refused' in prepared) throw new RangeError(prepared.refused)
  return Object.fromEntries(
    Object.entries(prepared.tensors).map(([name, { data }]) => [name, Array.from(data, Number)]),
  )
}

describe('several rasters of one image', () => {
  it('are not written over while somebody reads them', () => {
    const steps = [
      values('a'),
      unit('a', 'b'),
      step('image-normalise', 'a', 'c', { mean: [51], sd: [51] }),
      step('image-normalise', 'b', 'd', { mean: [0], sd: [0.5] }),
      tensor('a', 'stored'),
      tensor('b', 'unit'),
      tensor('c', 'normal'),
      tensor('d', 'double'),
    ]
    expect(dataOf(steps)).toEqual({
      stored: [0, 51, 255],
      unit: [0, expect.closeTo(0.2, 6), 1],
      normal: [-1, 0, 4],
      double: [0, expect.closeTo(0.4, 6), 2],
    })
  })

  it('keep their values when a step that changes nothing gave them a second name', () => {
    const steps = [
      values('a'),
      step('image-grey', 'a', 'b'),
      step('image-rescale', 'b', 'c'),
      unit('c', 'd'),
      step('image-normalise', 'b', 'e', { mean: [1], sd: [1] }),
      tensor('a', 'stored'),
      tensor('d', 'unit'),
      tensor('e', 'less'),
    ]
    expect(dataOf(steps)).toMatchObject({ stored: [0, 51, 255], less: [-1, 50, 254] })
  })

  it('as two tensors of one raster are two', () => {
    const prepared = prepareImage(image, [values('a'), tensor('a', 'x'), tensor('a', 'y')])
    if ('refused' in prepared) throw new RangeError(prepared.refused)
    expect(prepared.tensors.x?.data).toEqual(prepared.tensors.y?.data)
    expect(prepared.tensors.x?.data.buffer).not.toBe(prepared.tensors.y?.data.buffer)
  })

  it('leave the pixels of the image alone, floating-point ones too', () => {
    const pixels = Float32Array.of(1, 2, 3)
    made(drawn({ columns: 3, pixels }), { op: 'image-min-max', low: 0, high: 1 })
    expect([...pixels]).toEqual([1, 2, 3])
  })

  it('need a step that made them', () => {
    expect(() => prepareImage(image, [values('a'), unit('b', 'c')])).toThrow(ContractError)
  })
})

describe('image-tensor', () => {
  const layouts = (of: typeof image, name: string) => {
    const prepared = prepareImage(of, [values('a'), tensor('a', 'made', name)])
    return 'tensors' in prepared ? prepared.tensors.made : prepared
  }

  it('has channels first or last, with or without frames', () => {
    expect(layouts(colour, 'NCHW')).toEqual({
      dtype: 'float32',
      dims: [1, 3, 1, 2],
      data: Float32Array.of(1, 4, 2, 5, 3, 6),
    })
    expect(layouts(colour, 'NHWC')).toEqual({
      dtype: 'float32',
      dims: [1, 1, 2, 3],
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
    })
    const frames = drawn({ columns: 1, frames: 2, samplesPerPixel: 3, pixels: [1, 2, 3, 4, 5, 6] })
    expect(layouts(frames, 'NCDHW')).toMatchObject({ dims: [1, 3, 2, 1, 1], data: Float32Array.of(1, 4, 2, 5, 3, 6) })
    expect(layouts(frames, 'NDHWC')).toMatchObject({ dims: [1, 2, 1, 1, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) })
  })

  it('of bytes is rounded, and refused beyond them', () => {
    const bytes = (pixels: readonly number[]) =>
      prepareImage(drawn({ columns: pixels.length, pixels: Float32Array.from(pixels) }), [
        values('a'),
        tensor('a', 'made', 'NCHW', 'uint8'),
      ])
    expect(bytes([-0.4, 0.5, 254.6, 255.4])).toEqual({
      tensors: { made: { dtype: 'uint8', dims: [1, 1, 1, 4], data: Uint8Array.of(0, 1, 255, 255) } },
    })
    for (const beyond of [-0.6, 255.5, 1e30]) {
      expect(bytes([1, beyond])).toEqual({ refused: 'image_value_out_of_range', about: 'image-tensor' })
    }
    const three = prepareImage(colour, [values('a'), tensor('a', 'made', 'NCHW', 'uint8')])
    expect(three).toMatchObject({ tensors: { made: { data: Uint8Array.of(1, 4, 2, 5, 3, 6) } } })
  })

  it('refuses what overflowed on the way', () => {
    const huge = drawn({ columns: 1, pixels: Float32Array.of(1e38) })
    const outcome = made(huge, { op: 'image-normalise', mean: [0], sd: [1e-9] })
    expect(outcome).toEqual({ refused: 'image_not_finite', about: 'image-tensor' })
  })
})

describe('room', () => {
  const raster = { values: new Float32Array(4) } as Parameters<Room['over']>[0]

  it('is bounded for one raster and for all that are held', () => {
    expect(() => new Room(false, 0).take(MAX_RASTER_VALUES + 1)).toThrow('more values than the limit')
    expect(() => new Room(false, MAX_HELD_VALUES - 3).over(raster)).toThrow('more values than the limit')
    expect(new Room(false, MAX_HELD_VALUES - 4).over(raster)).toHaveLength(4)
    expect(new Room(true, MAX_HELD_VALUES).over(raster)).toBe(raster.values)
  })

  it('of a raster that others read is another', () => {
    expect(new Room(false, 0).over(raster)).not.toBe(raster.values)
    expect(new Room(false, 0).keep(raster)).toEqual(raster.values)
  })
})

const float = fc.float({ noNaN: true, noDefaultInfinity: true })
const anyStep: fc.Arbitrary<StepDraft> = fc.oneof(
  fc.constant<StepDraft>({ op: 'image-min-max', low: 0, high: 1 }),
  fc.constant<StepDraft>({ op: 'image-min-max', low: 0.1, high: 0.8 }),
  fc.constant<StepDraft>({ op: 'image-window', center: 3, width: 0.5 }),
  fc.constant<StepDraft>({ op: 'image-grey' }),
  fc.constant<StepDraft>({ op: 'image-rgb' }),
  fc.constant<StepDraft>({ op: 'image-crop-centre', height: 0.7, width: 0.3 }),
  fc.constant<StepDraft>({ op: 'image-pad-square', value: 0 }),
  fc.constant<StepDraft>({ op: 'image-fit', frames: 2, rows: 3, columns: 4, value: 0 }),
  fc
    .constantFrom('nearest', 'box', 'bilinear', 'bicubic', 'lanczos')
    .map((filter): StepDraft => ({ op: 'image-resize', rows: 5, columns: 4, filter, eightBit: false })),
)

describe('any steps on any finite image', () => {
  it('make tensors of finite numbers, or are refused by a code', () => {
    const sides = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
    const picture = sides.chain(([rows, columns]) =>
      fc
        .array(float, { minLength: rows * columns, maxLength: rows * columns })
        .map((pixels) => drawn({ columns, pixels: Float32Array.from(pixels) })),
    )
    fc.assert(
      fc.property(picture, fc.array(anyStep, { maxLength: 5 }), (drawing, drafts) => {
        const found = made(drawing, ...drafts)
        // What a filter adds up may overflow; nothing else may.
        if (found.values === undefined) expect(found.refused).toBe('image_not_finite')
        else {
          expect(found.values).toHaveLength(found.dims.reduce((product, size) => product * size, 1))
          expect(found.values.every(Number.isFinite)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('do not change what the same steps make of the same image', () => {
    const drafts: StepDraft[] = [
      { op: 'image-rescale' },
      { op: 'image-voi', none: 'min-max' },
      { op: 'image-resize', rows: 7, columns: 9, filter: 'lanczos', eightBit: false },
    ]
    expect(valuesOf(image, ...drafts)).toEqual(valuesOf(image, ...drafts))
  })
})
