import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { KeptOutput } from '../decisions/service-types.ts'
import { HttpError } from './errors.ts'

const compress = promisify(gzip)

/** nifti1.h: the header, and four bytes that say that no extension follows. */
const HEADER_BYTES = 348
const DATA_OFFSET = 352
const UINT8 = 2
const LABELS_INTENT = 1002
const MILLIMETRES = 2
const SCANNER_ANATOMICAL = 1
/** The largest size of a dimension: they are signed and of 16 bits. */
const MAX_SIZE = 32_767

/**
 * The labels of a segmentation as a gzipped NIfTI-1 file (.nii.gz): one byte for each voxel, columns fastest, with the place in
 * the patient where the record has it. Without it the file says that its orientation is not known.
 * @throws HttpError response_malformed: what was kept is no volume
 */
export async function writeLabelMap({ labels, dims, affineRas }: KeptOutput): Promise<Uint8Array> {
  const [frames, rows, columns] = volumeSizes(dims, labels.length)
  const head = Buffer.alloc(DATA_OFFSET)
  head.writeInt32LE(HEADER_BYTES, 0)
  for (const [index, size] of [3, columns, rows, frames, 1, 1, 1, 1].entries()) head.writeInt16LE(size, 40 + 2 * index)
  head.writeInt16LE(LABELS_INTENT, 68)
  head.writeInt16LE(UINT8, 70)
  head.writeInt16LE(8, 72)
  head.writeFloatLE(DATA_OFFSET, 108)
  head.writeFloatLE(1, 112)
  head.writeUInt8(MILLIMETRES, 123)
  writePlace(head, affineRas)
  head.write('n+1\0', 344, 'latin1')
  return compress(Buffer.concat([head, labels]))
}

/** Frames, rows, columns; a model may have axes of one in front of them, or leave out the frames. */
function volumeSizes(dims: readonly number[], count: number): readonly [number, number, number] {
  const own = [...dims]
  while (own.length > 3 && own[0] === 1) own.shift()
  while (own.length < 3) own.unshift(1)
  const [frames = 0, rows = 0, columns = 0] = own
  const isVolume = own.length === 3 && own.every((size) => Number.isInteger(size) && size >= 1 && size <= MAX_SIZE)
  if (!isVolume || frames * rows * columns !== count) throw new HttpError('response_malformed')
  return [frames, rows, columns]
}

/** Method 3 of nifti1.h: three rows of the affine. Their columns' lengths are the sizes of a voxel. */
function writePlace(head: Buffer, affineRas: readonly number[] | undefined): void {
  const affine = affineRas ?? [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
  const sizes = [0, 1, 2].map((axis) => Math.hypot(...[0, 4, 8].map((row) => affine[row + axis] ?? 0)))
  if (affine.length !== 12 || !sizes.every((size) => size > 0 && Number.isFinite(size))) {
    throw new HttpError('response_malformed')
  }
  for (const [index, size] of [1, ...sizes].entries()) head.writeFloatLE(size, 76 + 4 * index)
  if (affineRas === undefined) return
  head.writeInt16LE(SCANNER_ANATOMICAL, 254)
  for (const [index, part] of affine.entries()) head.writeFloatLE(part, 280 + 4 * index)
}
