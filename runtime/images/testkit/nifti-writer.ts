export interface TestNifti {
  readonly dim: readonly number[]
  readonly datatype: number
  readonly voxels: Uint8Array
  readonly version?: 1 | 2
  readonly bigEndian?: boolean
  readonly slope?: number
  readonly intercept?: number
  readonly pixdim?: readonly number[]
  readonly rows?: readonly number[]
  readonly quaternion?: readonly number[]
  readonly unit?: number
}

/** Writes a single-file NIfTI; the voxels are written as they are. */
export function writeNifti(image: TestNifti): Buffer {
  const isFirst = image.version !== 2
  const bytes = Buffer.alloc(isFirst ? 352 : 544)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const little = image.bigEndian !== true
  const dim = [image.dim.length, ...image.dim, ...new Array<number>(7 - image.dim.length).fill(1)]
  const pixdim = [1, ...(image.pixdim ?? [1, 1, 1]), 0, 0, 0, 0]
  const float = (at: number, value: number, index = 0): void =>
    isFirst ? view.setFloat32(at + index * 4, value, little) : view.setFloat64(at + index * 8, value, little)
  const whole = (at: number, value: number): void =>
    isFirst ? view.setInt16(at, value, little) : view.setInt32(at, value, little)
  view.setInt32(0, isFirst ? 348 : 540, little)
  bytes.write(isFirst ? 'n+1\0' : 'n+2\0\r\n\x1a\n', isFirst ? 344 : 4, 'latin1')
  for (const [index, size] of dim.entries()) {
    if (isFirst) view.setInt16(40 + index * 2, size, little)
    else view.setBigInt64(16 + index * 8, BigInt(size), little)
  }
  view.setInt16(isFirst ? 70 : 12, image.datatype, little)
  for (const [index, size] of pixdim.entries()) float(isFirst ? 76 : 104, size, index)
  if (isFirst) view.setFloat32(108, 352, little)
  else view.setBigInt64(168, 544n, little)
  float(isFirst ? 112 : 176, image.slope ?? 0)
  float(isFirst ? 116 : 184, image.intercept ?? 0)
  if (isFirst) bytes[123] = image.unit ?? 2
  else view.setInt32(500, image.unit ?? 2, little)
  if (image.quaternion !== undefined) {
    whole(isFirst ? 252 : 344, 1)
    for (const [index, part] of image.quaternion.entries()) float(isFirst ? 256 : 352, part, index)
  }
  if (image.rows !== undefined) {
    whole(isFirst ? 254 : 348, 1)
    for (const [index, part] of image.rows.entries()) float(isFirst ? 280 : 400, part, index)
  }
  return Buffer.concat([bytes, image.voxels])
}
