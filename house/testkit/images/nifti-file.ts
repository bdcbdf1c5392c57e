import { gunzipSync } from 'node:zlib'
import type { Voxels } from './dicom.ts'

/** The voxels of a gzipped NIfTI-1 file of unsigned bytes, read without the product's own reader. */
export function readByteVolume(file: Uint8Array): Voxels {
  const bytes = gunzipSync(file)
  const [columns, rows, slices] = [bytes.readInt16LE(42), bytes.readInt16LE(44), bytes.readInt16LE(46)]
  if (bytes.readInt32LE(0) !== 348 || bytes.readInt16LE(70) !== 2) throw new RangeError('no NIfTI-1 of unsigned bytes')
  const start = bytes.readFloatLE(108)
  const values = Uint8Array.from(bytes.subarray(start, start + columns * rows * slices))
  const affineRas = Array.from({ length: 12 }, (_, part) => bytes.readFloatLE(280 + 4 * part))
  return { sizes: [columns, rows, slices], values, affineRas }
}
