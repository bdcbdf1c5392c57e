import { gunzipSync } from 'node:zlib'
import type { FrameFacts, ImageAttributes, PixelArray, Volume } from '../../../models/contract/image/image-facts.ts'
import type { SourceImage } from '../decoded-image.ts'
import { ImageError } from '../errors.ts'
import type { ImageLimits } from '../limits.ts'
import { isNifti, type NiftiHeader, parseNiftiHeader } from './header.ts'

/** NIfTI's datatype codes for which there is an array. 64-bit whole numbers become doubles; complex ones are refused. */
const arrays: Readonly<Record<number, { Kind: new (length: number) => PixelArray; samples: 1 | 3 }>> = {
  2: { Kind: Uint8Array, samples: 1 },
  4: { Kind: Int16Array, samples: 1 },
  8: { Kind: Int32Array, samples: 1 },
  16: { Kind: Float32Array, samples: 1 },
  64: { Kind: Float64Array, samples: 1 },
  128: { Kind: Uint8Array, samples: 3 },
  256: { Kind: Int8Array, samples: 1 },
  512: { Kind: Uint16Array, samples: 1 },
  768: { Kind: Uint32Array, samples: 1 },
}
const INT64 = 1024
const UINT64 = 1280

const unknown: ImageAttributes = {
  modality: undefined,
  bodyPart: undefined,
  viewPosition: undefined,
  laterality: undefined,
  patientOrientation: [],
  patientPosition: undefined,
  patientAgeYears: undefined,
  patientSex: undefined,
  conversionType: undefined,
  presentationIntent: undefined,
  imageType: [],
  burnedInAnnotation: undefined,
  lossyCompressed: undefined,
  presentationLutShape: undefined,
  sourcePhotometric: undefined,
  sopClassUid: undefined,
  transferSyntaxUid: undefined,
}

/** Whether it is worth reading as NIfTI: a file of either version, or something gzipped. */
export function isNiftiFile(bytes: Uint8Array): boolean {
  return isNifti(bytes) || isGzip(bytes)
}

/**
 * Reads a volume from a single-file NIfTI-1 or NIfTI-2, plain or gzipped. Columns, rows and frames are its first three dimensions, in
 * the file's order.
 * @throws ImageError image_not_recognised | image_truncated | image_malformed | image_too_large | image_too_complex |
 * image_pixel_format_unsupported
 */
export function parseNifti(sent: Uint8Array, limits: ImageLimits): SourceImage {
  const bytes = isGzip(sent) ? gunzip(sent, limits.maxInflatedBytes) : sent
  const header = parseNiftiHeader(bytes)
  const [columns, rows, frames] = parseSize(header, limits)
  const { pixels, samples } = readVoxels(bytes, header, columns * rows * frames, limits)
  const isFloat = pixels instanceof Float32Array || pixels instanceof Float64Array
  const bits = (pixels.BYTES_PER_ELEMENT * 8) as 8 | 16 | 32 | 64
  const fact = rescale(header)
  const volume = parseVolume(header, [columns, rows, frames])
  return {
    format: 'nifti',
    frames,
    rows,
    columns,
    samplesPerPixel: samples,
    bitsAllocated: bits,
    bitsStored: bits,
    isSigned: isFloat || /^Int/.test(pixels.constructor.name),
    isFloat,
    photometric: samples === 3 ? 'RGB' : 'MONOCHROME2',
    frameFacts: Array.from({ length: frames }, (_, frame): FrameFacts => ({ ...fact, frame })),
    pixelSpacingMm: volume && [volume.spacingMm[1], volume.spacingMm[0]],
    spacingIn: volume && 'patient',
    voiFunction: 'LINEAR',
    volume,
    attributes: unknown,
    pixels,
    modalityLut: undefined,
    voiLut: undefined,
    identity: {
      patientId: undefined,
      isPatientUnreadable: false,
      accessionNumber: undefined,
      studyInstanceUid: undefined,
      seriesInstanceUid: undefined,
      sopInstanceUids: [],
    },
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new ImageError('image_too_large', { about: 'inflated' })
    throw new ImageError(code === 'Z_BUF_ERROR' ? 'image_truncated' : 'image_malformed', { about: 'gzip' })
  }
}

function parseSize({ dim }: NiftiHeader, limits: ImageLimits): readonly [number, number, number] {
  const [count = 0, columns = 0, rows = 0, third = 1] = dim
  if (count < 2 || count > 7) throw new ImageError('image_malformed', { about: 'dim' })
  const frames = count < 3 ? 1 : third
  if ([columns, rows, frames].some((size) => size < 1)) throw new ImageError('image_malformed', { about: 'dim' })
  if (dim.slice(4, count + 1).some((size) => size < 0)) throw new ImageError('image_malformed', { about: 'dim' })
  if (dim.slice(4, count + 1).some((size) => size > 1)) {
    throw new ImageError('image_pixel_format_unsupported', { about: 'more than three dimensions' })
  }
  if (frames > limits.maxFrames) throw new ImageError('image_too_complex', { about: 'frames' })
  if (columns * rows > limits.maxFramePixels) throw new ImageError('image_too_large', { about: 'frame' })
  return [columns, rows, frames]
}

function readVoxels(
  bytes: Uint8Array,
  header: NiftiHeader,
  voxels: number,
  limits: ImageLimits,
): { pixels: PixelArray; samples: 1 | 3 } {
  const { datatype, voxOffset, isLittleEndian } = header
  const isLong = datatype === INT64 || datatype === UINT64
  const type = isLong ? { Kind: Float64Array, samples: 1 as const } : arrays[datatype]
  if (type === undefined) throw new ImageError('image_pixel_format_unsupported', { about: 'datatype' })
  const { Kind, samples } = type
  const size = (Kind as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT
  const needed = voxels * samples * size
  if (needed > limits.maxPixelBytes) throw new ImageError('image_too_large', { about: 'pixels' })
  if (!Number.isSafeInteger(voxOffset) || voxOffset < 352)
    throw new ImageError('image_malformed', { about: 'vox_offset' })
  if (voxOffset + needed > bytes.length) throw new ImageError('image_truncated', { about: 'voxels' })
  const pixels = new Kind(voxels * samples)
  const target = new Uint8Array(pixels.buffer)
  target.set(bytes.subarray(voxOffset, voxOffset + needed))
  if (!isLittleEndian && size > 1) {
    for (let start = 0; start < target.length; start += size) target.subarray(start, start + size).reverse()
  }
  if (isLong) toDoubles(target, datatype === INT64, pixels)
  return { pixels, samples }
}

/** 64-bit whole numbers that a double holds exactly; others are refused rather than rounded. */
function toDoubles(bytes: Uint8Array, isSigned: boolean, out: PixelArray): void {
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < out.length; index += 1) {
    const value = Number(isSigned ? view.getBigInt64(index * 8, true) : view.getBigUint64(index * 8, true))
    if (!Number.isSafeInteger(value)) throw new ImageError('image_pixel_format_unsupported', { about: 'datatype' })
    out[index] = value
  }
}

/** A slope of zero means that nothing is scaled (nifti1.h); so does one that is no number, which some programs write for it. */
function rescale({ slope, intercept }: NiftiHeader): FrameFacts {
  const isScaled = slope !== 0 && !Number.isNaN(slope)
  if (isScaled && !Number.isFinite(slope)) throw new ImageError('image_malformed', { about: 'scl_slope' })
  if (isScaled && !Number.isFinite(intercept)) throw new ImageError('image_malformed', { about: 'scl_inter' })
  return {
    rescaleSlope: isScaled ? slope : 1,
    rescaleIntercept: isScaled ? intercept : 0,
    windows: [],
    position: undefined,
    orientation: undefined,
    file: 0,
    frame: 0,
  }
}

/** sform, else qform, else sizes alone (nifti1.h, methods 3, 2 and 1); micrometres and metres become millimetres. */
function parseVolume(header: NiftiHeader, extents: readonly number[]): Volume | undefined {
  const hasMethod = header.sformCode > 0 || header.qformCode > 0
  // Nobody says how large its voxels are: one millimetre would be a guess.
  if (!hasMethod && extents.some((extent, axis) => extent > 1 && header.pixdim[axis + 1] === 0)) return undefined
  const unit = header.spatialUnit & 7
  const scale = unit === 1 ? 1000 : unit === 3 ? 0.001 : 1
  const method = header.sformCode > 0 ? header.rows : header.qformCode > 0 ? quaternionRows(header) : sizeRows(header)
  const affineRas = method.map((part) => part * scale)
  const lengths = [0, 1, 2].map((axis) => Math.hypot(affineRas[axis]!, affineRas[axis + 4]!, affineRas[axis + 8]!))
  const [x, y, z] = lengths as [number, number, number]
  if (!affineRas.every(Number.isFinite) || !lengths.every((size) => size > MIN_VOXEL_MM && size < MAX_VOXEL_MM)) {
    throw new ImageError('image_malformed', { about: 'affine' })
  }
  if (Math.abs(determinant(affineRas)) < MIN_SPREAD * x * y * z)
    throw new ImageError('image_malformed', { about: 'affine' })
  return { affineRas, spacingMm: [x, y, z], hasOrientation: hasMethod }
}

/** Axes that lie all but in one plane make no block. */
const MIN_SPREAD = 1e-3
/** From a tenth of a nanometre to a hundred metres. */
const MIN_VOXEL_MM = 1e-7
const MAX_VOXEL_MM = 1e5

function determinant(affine: readonly number[]): number {
  const [a = 0, b = 0, c = 0, , d = 0, e = 0, f = 0, , g = 0, h = 0, i = 0] = affine
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}

function sizeRows({ pixdim }: NiftiHeader): number[] {
  const [x, y, z] = sizes(pixdim)
  return [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0]
}

/** A size of zero is one that was not said, of an axis that has one voxel, or that the quaternion turns as it is. */
function sizes(pixdim: readonly number[]): [number, number, number] {
  const size = (index: number): number => (pixdim[index] === 0 ? 1 : Math.abs(pixdim[index] ?? 1))
  return [size(1), size(2), size(3)]
}

/** A unit quaternion as a rotation (nifti1.h); pixdim[0] of -1 turns the third axis round. */
function quaternionRows({ quaternion, pixdim }: NiftiHeader): number[] {
  const [b, c, d, offsetX, offsetY, offsetZ] = quaternion as [number, number, number, number, number, number]
  const square = 1 - (b * b + c * c + d * d)
  if (square < -1e-4) throw new ImageError('image_malformed', { about: 'quaternion' })
  const a = Math.sqrt(Math.max(0, square))
  const [x, y, size] = sizes(pixdim)
  const z = (pixdim[0] ?? 1) < 0 ? -size : size
  return [
    ...[(a * a + b * b - c * c - d * d) * x, 2 * (b * c - a * d) * y, 2 * (b * d + a * c) * z, offsetX],
    ...[2 * (b * c + a * d) * x, (a * a + c * c - b * b - d * d) * y, 2 * (c * d - a * b) * z, offsetY],
    ...[2 * (b * d - a * c) * x, 2 * (c * d + a * b) * y, (a * a + d * d - b * b - c * c) * z, offsetZ],
  ]
}
