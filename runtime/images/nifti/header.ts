import { ImageError } from '../errors.ts'

/** What is taken of a NIfTI-1 or NIfTI-2 header (nifti1.h, nifti2.h), by its own names. */
export interface NiftiHeader {
  readonly isLittleEndian: boolean
  readonly dim: readonly number[]
  readonly datatype: number
  readonly pixdim: readonly number[]
  readonly voxOffset: number
  readonly slope: number
  readonly intercept: number
  readonly qformCode: number
  readonly sformCode: number
  /** quatern_b, c, d, then qoffset_x, y, z. */
  readonly quaternion: readonly number[]
  /** srow_x, y, z. */
  readonly rows: readonly number[]
  readonly spatialUnit: number
}

const FIRST_BYTES = 348
const SECOND_BYTES = 540

/** Whether this begins like a single-file NIfTI. */
export function isNifti(bytes: Uint8Array): boolean {
  return versionOf(bytes) !== undefined
}

/** @throws ImageError image_not_recognised | image_truncated */
export function parseNiftiHeader(bytes: Uint8Array): NiftiHeader {
  const version = versionOf(bytes)
  if (version === undefined) throw new ImageError('image_not_recognised')
  if (bytes.length < (version.number === 1 ? FIRST_BYTES + 4 : SECOND_BYTES + 4)) {
    throw new ImageError('image_truncated', { about: 'NIfTI header' })
  }
  const fields = new Fields(bytes, version.isLittleEndian)
  return version.number === 1 ? firstHeader(fields) : secondHeader(fields)
}

function versionOf(bytes: Uint8Array): { number: 1 | 2; isLittleEndian: boolean } | undefined {
  if (bytes.length < 8) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (const isLittleEndian of [true, false]) {
    const size = view.getInt32(0, isLittleEndian)
    if (size === FIRST_BYTES && hasMagic(bytes, FIRST_BYTES - 4, 'n+1\0')) return { number: 1, isLittleEndian }
    if (size === SECOND_BYTES && hasMagic(bytes, 4, 'n+2\0\r\n\x1a\n')) return { number: 2, isLittleEndian }
  }
  return undefined
}

function hasMagic(bytes: Uint8Array, offset: number, magic: string): boolean {
  return [...magic].every((letter, index) => bytes[offset + index] === letter.charCodeAt(0))
}

class Fields {
  readonly #view: DataView
  readonly isLittleEndian: boolean

  constructor(bytes: Uint8Array, isLittleEndian: boolean) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.isLittleEndian = isLittleEndian
  }

  byte(offset: number): number {
    return this.#view.getUint8(offset)
  }

  short(offset: number): number {
    return this.#view.getInt16(offset, this.isLittleEndian)
  }

  int(offset: number): number {
    return this.#view.getInt32(offset, this.isLittleEndian)
  }

  /** 64-bit: what a number cannot hold is far beyond every limit, so its rounding does no harm. */
  long(offset: number): number {
    return Number(this.#view.getBigInt64(offset, this.isLittleEndian))
  }

  floats(offset: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => this.#view.getFloat32(offset + index * 4, this.isLittleEndian))
  }

  doubles(offset: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => this.#view.getFloat64(offset + index * 8, this.isLittleEndian))
  }
}

function firstHeader(fields: Fields): NiftiHeader {
  const [voxOffset = 0, slope = 0, intercept = 0] = fields.floats(108, 3)
  return {
    isLittleEndian: fields.isLittleEndian,
    dim: Array.from({ length: 8 }, (_, index) => fields.short(40 + index * 2)),
    datatype: fields.short(70),
    pixdim: fields.floats(76, 8),
    voxOffset,
    slope,
    intercept,
    qformCode: fields.short(252),
    sformCode: fields.short(254),
    quaternion: fields.floats(256, 6),
    rows: fields.floats(280, 12),
    spatialUnit: fields.byte(123),
  }
}

function secondHeader(fields: Fields): NiftiHeader {
  const [slope = 0, intercept = 0] = fields.doubles(176, 2)
  return {
    isLittleEndian: fields.isLittleEndian,
    dim: Array.from({ length: 8 }, (_, index) => fields.long(16 + index * 8)),
    datatype: fields.short(12),
    pixdim: fields.doubles(104, 8),
    voxOffset: fields.long(168),
    slope,
    intercept,
    qformCode: fields.int(344),
    sformCode: fields.int(348),
    quaternion: fields.doubles(352, 6),
    rows: fields.doubles(400, 12),
    spatialUnit: fields.int(500),
  }
}
