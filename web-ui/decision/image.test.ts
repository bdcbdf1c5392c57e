import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { imageBytes, imageHeaders, labelBytes, SIDE } from '../testkit/stub-image.ts'
import { framePixels, labelPixels, mapPixels } from './image-pixels.ts'
import { parseImageTensor } from './image-tensor.ts'
import { parseLabelMap, readLabelMap } from './label-map.ts'

const headers = (entries: Readonly<Record<string, string>>) => new Headers(entries)
const tensorOf = (values: readonly number[], layout: string, dims: string) =>
  parseImageTensor(
    new Uint8Array(new Float32Array(values).buffer),
    headers({ 'wardstone-dtype': 'float32', 'wardstone-layout': layout, 'wardstone-dims': dims }),
  )

describe('the image as the model saw it', () => {
  it('is read as its headers say', () => {
    const tensor = parseImageTensor(new Uint8Array(imageBytes()), headers(imageHeaders))!
    expect([tensor.channels, tensor.frames, tensor.rows, tensor.columns]).toEqual([1, 1, SIDE, SIDE])
    expect(tensor.least).toBe(-0.5)
  })

  it.each([
    ['NCHW', '1,2,2,3', [0, 1, 2, 1], 1 * 6 + 1 * 3 + 2],
    ['NHWC', '1,2,3,2', [0, 1, 2, 1], 1 * 6 + 2 * 2 + 1],
    ['NCDHW', '1,1,2,2,3', [1, 0, 1, 0], 6 + 1],
    ['NDHWC', '1,2,2,3,1', [1, 1, 0, 0], 6 + 3],
  ] as const)('finds an element in the layout %s', (layout, dims, [frame, row, column, channel], place) => {
    const tensor = tensorOf(
      Array.from({ length: 12 }, (_, index) => index),
      layout,
      dims,
    )!
    expect(tensor.data[tensor.indexOf(frame, row, column, channel)]).toBe(place)
  })

  it.each([
    ['fewer bytes than announced', [1, 2, 3], 'NCHW', '1,1,2,2'],
    ['more bytes', [1, 2, 3, 4, 5], 'NCHW', '1,1,2,2'],
    ['another layout', [1, 2, 3, 4], 'HWNC', '2,2,1,1'],
    ['a batch', [1, 2, 3, 4], 'NCHW', '2,1,1,2'],
    ['sizes that are none', [1, 2, 3, 4], 'NCHW', '1,1,-2,-2'],
    ['a fraction', [1, 2, 3, 4], 'NCHW', '1,1,1.6,2.5'],
    ['sizes beyond all memory', [1], 'NCHW', '1,1,9007199254740991,9007199254740991'],
    ['too few sizes', [1, 2, 3, 4], 'NCHW', '1,4'],
  ] as const)('is refused with %s', (_name, values, layout, dims) => {
    expect(tensorOf(values, layout, dims)).toBeUndefined()
  })

  it('is windowed: below black, above white, in between a straight line', () => {
    const tensor = tensorOf([-1, 0, 0.5, 1, 2, 0.25], 'NCHW', '1,1,2,3')!
    const pixels = framePixels(tensor, { frame: 0, channel: 0, center: 0.5, width: 1 })
    expect(Array.from({ length: 6 }, (_, index) => pixels[index * 4])).toEqual([0, 0, 128, 255, 255, 64])
    expect(pixels[3]).toBe(255)
  })

  it('takes a window without width as black and white, never as a fault', () => {
    const tensor = tensorOf([Number.NaN, 1], 'NCHW', '1,1,1,2')!
    expect([...framePixels(tensor, { frame: 0, channel: 0, center: 0, width: 0 })]).toEqual([
      0, 0, 0, 255, 0, 0, 0, 255,
    ])
  })
})

describe('the overlay', () => {
  const map = { rows: 1, columns: 2, values: [0.5, -1], rowEdges: [0, 2], columnEdges: [0, 1, 3] }

  it('is stronger where more was contributed, and of another colour where the output fell', () => {
    const pixels = mapPixels(map, 2, 4)
    const at = (place: number) => [...pixels.slice(place * 4, place * 4 + 4)]
    expect(at(0)).toEqual([230, 97, 1, 128])
    expect(at(1)).toEqual([0, 120, 240, 255])
    expect(at(2)).toEqual(at(1))
  })

  it('is clear beyond the edges of the map', () => {
    expect(mapPixels(map, 2, 4)[3 * 4 + 3]).toBe(0)
    expect(mapPixels({ ...map, values: [0, 0] }, 1, 1)[3]).toBe(0)
  })
})

describe('the labels', () => {
  it('are read from the file that the box writes', async () => {
    const labels = await readLabelMap(new Uint8Array(labelBytes()))
    expect(labels).toMatchObject({ frames: 1, rows: SIDE, columns: SIDE })
    const pixels = labelPixels(labels!, 0)
    expect(pixels[3]).toBe(0)
    expect([...pixels.slice((40 * SIDE + 36) * 4, (40 * SIDE + 36) * 4 + 4)]).toEqual([230, 159, 0, 255])
  })

  it('are refused when they are not what they say', async () => {
    const plain = new Uint8Array(gunzipSync(labelBytes()))
    expect(await readLabelMap(plain)).toBeUndefined()
    expect(parseLabelMap(plain.slice(0, -1))).toBeUndefined()
    expect(parseLabelMap(new Uint8Array(10))).toBeUndefined()
    const floats = plain.slice()
    floats[70] = 16
    expect(parseLabelMap(floats)).toBeUndefined()
    const elsewhere = plain.slice()
    new DataView(elsewhere.buffer).setFloat32(108, -4, true)
    expect(parseLabelMap(elsewhere)).toBeUndefined()
  })
})
