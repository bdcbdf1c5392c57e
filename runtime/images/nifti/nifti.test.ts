import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ImageError } from '../errors.ts'
import { defaultImageLimits } from '../limits.ts'
import { wordBytes } from '../testkit/dicom-writer.ts'
import { type TestNifti, writeNifti } from '../testkit/nifti-writer.ts'
import { parseNifti } from './nifti.ts'

const base: TestNifti = { dim: [2, 1, 1], datatype: 2, voxels: Uint8Array.from([7, 8]) }
const read = (image: TestNifti) => parseNifti(writeNifti(image), defaultImageLimits)

function codeOf(bytes: Uint8Array, limits = defaultImageLimits): string {
  try {
    parseNifti(bytes, limits)
    return 'read'
  } catch (error) {
    return error instanceof ImageError ? `${error.code} ${error.about ?? ''}`.trim() : `not ours: ${String(error)}`
  }
}

describe.each([1, 2] as const)('NIfTI-%s', (version) => {
  it.each([
    [2, Uint8Array.from([1, 255])],
    [4, Int16Array.from([-2, 300])],
    [8, Int32Array.from([-70_000, 70_000])],
    [16, Float32Array.from([0.5, -3])],
    [64, Float64Array.from([1e300, -3])],
    [256, Int8Array.from([-1, 127])],
    [512, Uint16Array.from([65_535, 1])],
    [768, Uint32Array.from([2 ** 32 - 1, 1])],
  ])('datatype %s, either byte order, plain and gzipped', (datatype, voxels) => {
    const little = new Uint8Array(voxels.buffer)
    const big = little.slice()
    const size = voxels.BYTES_PER_ELEMENT
    for (let at = 0; at < big.length; at += size) big.subarray(at, at + size).reverse()
    for (const file of [
      writeNifti({ ...base, version, datatype, voxels: little }),
      writeNifti({ ...base, version, datatype, voxels: big, bigEndian: true }),
    ]) {
      expect(parseNifti(file, defaultImageLimits).pixels).toEqual(voxels)
      expect(parseNifti(gzipSync(file), defaultImageLimits).pixels).toEqual(voxels)
    }
  })

  it('64-bit whole numbers, as far as a double holds them', () => {
    const voxels = (numbers: readonly bigint[]) => new Uint8Array(BigInt64Array.from(numbers).buffer)
    expect([...read({ ...base, version, datatype: 1024, voxels: voxels([-5n, 2n ** 40n]) }).pixels]).toEqual([
      -5,
      2 ** 40,
    ])
    expect(codeOf(writeNifti({ ...base, version, datatype: 1024, voxels: voxels([2n ** 60n, 0n]) }))).toBe(
      'image_pixel_format_unsupported datatype',
    )
  })

  it('scales only where a slope is given', () => {
    expect(read({ ...base, version }).frameFacts[0]).toMatchObject({ rescaleSlope: 1, rescaleIntercept: 0 })
    expect(read({ ...base, version, intercept: 9 }).frameFacts[0]).toMatchObject({
      rescaleSlope: 1,
      rescaleIntercept: 0,
    })
    expect(read({ ...base, version, slope: 2, intercept: 9 }).frameFacts[0]).toMatchObject({
      rescaleSlope: 2,
      rescaleIntercept: 9,
    })
  })

  it('takes the affine of sform, else of qform, else the sizes', () => {
    const rows = [-2, 0, 0, 90, 0, 3, 0, -126, 0, 0, 4, -72]
    expect(read({ ...base, version, rows, quaternion: [0, 0, 0, 1, 2, 3] }).volume).toEqual({
      affineRas: rows,
      spacingMm: [2, 3, 4],
      hasOrientation: true,
    })
    // Half a turn about the third axis: x and y change their signs.
    const turned = read({ ...base, version, quaternion: [0, 0, 1, 10, 20, 30], pixdim: [2, 3, 4] }).volume
    expect(turned?.affineRas).toEqual([-2, 0, 0, 10, 0, -3, 0, 20, 0, 0, 4, 30].map((part) => expect.closeTo(part, 6)))
    expect(read({ ...base, version, pixdim: [2, 3, 4] }).volume).toEqual({
      affineRas: [2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0],
      spacingMm: [2, 3, 4],
      hasOrientation: false,
    })
  })

  it('turns metres and micrometres into millimetres', () => {
    const rows = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0]
    expect(read({ ...base, version, rows, unit: 1 }).volume?.spacingMm).toEqual([2000, 2000, 2000])
    expect(read({ ...base, version, rows, unit: 3 }).volume?.spacingMm[0]).toBeCloseTo(0.002)
  })

  it('columns, rows, frames are the first three dimensions, colours stay together', () => {
    const image = read({
      ...base,
      version,
      dim: [2, 1, 2],
      datatype: 128,
      voxels: Uint8Array.from({ length: 12 }, (_, index) => index),
    })
    expect(image).toMatchObject({ columns: 2, rows: 1, frames: 2, samplesPerPixel: 3, photometric: 'RGB' })
    expect(image.frameFacts).toHaveLength(2)
  })

  it('is refused with a code however it is cut off', () => {
    const file = writeNifti({ ...base, version })
    const codes = Array.from({ length: file.length }, (_, length) => codeOf(file.subarray(0, length)))
    expect(codes.filter((code) => !/^image_(truncated|not_recognised)/.test(code))).toEqual([])
    const packed = gzipSync(file)
    const cut = Array.from({ length: packed.length - 2 }, (_, length) => codeOf(packed.subarray(0, length + 2)))
    expect(cut.filter((code) => !/^image_(truncated|malformed)/.test(code))).toEqual([])
  })

  it.each([
    ['four dimensions', { dim: [2, 1, 1, 3] }, 'image_pixel_format_unsupported more than three dimensions'],
    ['no dimension', { dim: [0, 1, 1] }, 'image_malformed dim'],
    ['a negative one', { dim: [-3, 1, 1] }, 'image_malformed dim'],
    ['complex numbers', { datatype: 32 }, 'image_pixel_format_unsupported datatype'],
    ['10^9 voxels', { dim: [30_000, 30_000, 1] }, 'image_too_large frame'],
    ['10^9 voxels in frames', { dim: [1000, 1000, 1000] }, 'image_too_large pixels'],
    ['too few voxels', { dim: [3, 1, 1] }, 'image_truncated voxels'],
    ['a quaternion that is none', { quaternion: [1, 1, 1, 0, 0, 0] }, 'image_malformed quaternion'],
    ['a flat affine', { rows: new Array<number>(12).fill(0) }, 'image_malformed affine'],
    ['an affine that is no number', { rows: new Array<number>(12).fill(Number.NaN) }, 'image_malformed affine'],
  ])('is refused with %s', (_name, change, code) => {
    expect(codeOf(writeNifti({ ...base, version, ...change }))).toBe(code)
  })
})

it('a gzip that grows beyond the limit is not inflated', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  expect(codeOf(bomb, { ...defaultImageLimits, maxInflatedBytes: 1024 * 1024 })).toBe('image_too_large inflated')
  expect(codeOf(gzipSync(wordBytes([1, 2, 3, 4])))).toBe('image_not_recognised')
})
