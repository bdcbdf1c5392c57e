import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { defaultImageLimits } from '../images/limits.ts'
import { parseNifti } from '../images/nifti/nifti.ts'
import { writeLabelMap } from './label-map-file.ts'
import { keptLabels } from './testkit/fakes.ts'

const readBack = async (kept: typeof keptLabels) => parseNifti(await writeLabelMap(kept), defaultImageLimits)

describe('a label map as NIfTI', () => {
  it('is read back by our own reader: labels, sizes and place', async () => {
    const image = await readBack(keptLabels)
    expect([image.frames, image.rows, image.columns]).toEqual([2, 2, 3])
    expect(image.pixels).toEqual(keptLabels.labels)
    expect(image.volume).toEqual({ affineRas: keptLabels.affineRas, spacingMm: [1, 1.5, 2], hasOrientation: true })
  })

  it('says that its place is not known where it is not', async () => {
    const image = await readBack({ ...keptLabels, affineRas: undefined })
    expect(image.volume).toMatchObject({ spacingMm: [1, 1, 1], hasOrientation: false })
    expect(image.pixels).toEqual(keptLabels.labels)
  })

  it('follows nifti1.h byte by byte', async () => {
    const bytes = gunzipSync(await writeLabelMap(keptLabels))
    expect(bytes.length).toBe(352 + 12)
    expect(bytes.readInt32LE(0)).toBe(348)
    expect([0, 1, 2, 3, 4].map((index) => bytes.readInt16LE(40 + 2 * index))).toEqual([3, 3, 2, 2, 1])
    expect([bytes.readInt16LE(68), bytes.readInt16LE(70), bytes.readInt16LE(72)]).toEqual([1002, 2, 8])
    expect(bytes.readFloatLE(108)).toBe(352)
    expect([bytes.readInt16LE(252), bytes.readInt16LE(254)]).toEqual([0, 1])
    expect(bytes.subarray(344, 348).toString('latin1')).toBe('n+1\0')
  })

  it.each([
    ['a plane', [2, 6], [1, 2, 6]],
    ['a line', [12], [1, 1, 12]],
    ['two axes of one in front', [1, 1, 2, 2, 3], [2, 2, 3]],
    ['one frame', [1, 3, 4], [1, 3, 4]],
  ])('%s', async (_, dims, sizes) => {
    const image = await readBack({ ...keptLabels, dims, affineRas: undefined })
    expect([image.frames, image.rows, image.columns]).toEqual(sizes)
  })

  it.each([
    ['a batch of two', { dims: [2, 1, 2, 3] }],
    ['sizes that are not those of the labels', { dims: [2, 2, 2] }],
    ['a size of nothing', { dims: [0, 2, 6] }],
    ['a flat affine', { affineRas: [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }],
    ['half an affine', { affineRas: [1, 0, 0, 0] }],
    ['no number', { affineRas: [Number.NaN, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }],
  ])('%s is not sent', async (_, change) => {
    await expect(writeLabelMap({ ...keptLabels, ...change })).rejects.toMatchObject({ code: 'response_malformed' })
  })
})
