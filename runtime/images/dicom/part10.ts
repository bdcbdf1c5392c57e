import { inflateRawSync } from 'node:zlib'
import { ImageError } from '../errors.ts'
import type { ImageLimits } from '../limits.ts'
import type { DataSet } from './data-set.ts'
import { ElementReader } from './element-reader.ts'
import {
  explicitBigNative,
  explicitLittleNative,
  implicitLittle,
  type TransferSyntax,
  transferSyntaxOf,
} from './transfer-syntax.ts'

const PREAMBLE_BYTES = 128
const META_GROUP = 0x0002

export interface DicomFile {
  /** As the meta information names it; undefined when it does not, and the encoding was found by looking. */
  readonly transferSyntaxUid: string | undefined
  readonly transferSyntax: TransferSyntax
  readonly dataSet: DataSet
}

/**
 * Reads a DICOM file (PS3.10 section 7), with or without its preamble and meta information, to its last element. Pixel
 * data are not decoded: values are views of `bytes`.
 * @throws ImageError image_not_recognised | image_truncated | image_malformed | image_too_complex | image_too_large
 */
export function parseDicom(bytes: Uint8Array, limits: ImageLimits): DicomFile {
  const start = hasPreamble(bytes) ? PREAMBLE_BYTES + 4 : 0
  if (start === 0 && !startsLikeDataSet(bytes)) throw new ImageError('image_not_recognised')
  const meta = new ElementReader(bytes, start, limits)
  const hasMeta = startsWithMeta(bytes, start)
  const metaSet = hasMeta ? meta.readDataSet(explicitLittleNative, (tag) => tag >>> 16 !== META_GROUP) : undefined
  const uid = metaSet?.string('TransferSyntaxUID')
  const offset = meta.offset
  if (uid === undefined) {
    const transferSyntax = guessSyntax(bytes, offset)
    return { transferSyntaxUid: undefined, transferSyntax, dataSet: readBody(bytes, offset, transferSyntax, limits) }
  }
  const transferSyntax = transferSyntaxOf(uid)
  return { transferSyntaxUid: uid, transferSyntax, dataSet: readBody(bytes, offset, transferSyntax, limits) }
}

/** Whether these bytes are worth reading as DICOM at all. */
export function isDicom(bytes: Uint8Array): boolean {
  return hasPreamble(bytes) || startsLikeDataSet(bytes)
}

function readBody(bytes: Uint8Array, offset: number, syntax: TransferSyntax, limits: ImageLimits): DataSet {
  const body = syntax.isDeflated ? inflate(bytes.subarray(offset), limits.maxInflatedBytes) : undefined
  const reader = new ElementReader(body ?? bytes, body === undefined ? offset : 0, limits)
  return reader.readDataSet(syntax)
}

/**
 * @param maxBytes nothing beyond is ever allocated.
 * @throws ImageError image_too_large | image_malformed
 */
export function inflate(bytes: Uint8Array, maxBytes: number): Buffer {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, maxBytes) })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new ImageError('image_too_large', { about: 'inflated' })
    if (code === 'Z_BUF_ERROR') throw new ImageError('image_truncated', { about: 'deflate' })
    throw new ImageError('image_malformed', { about: 'deflate' })
  }
}

function hasPreamble(bytes: Uint8Array): boolean {
  return bytes[128] === 0x44 && bytes[129] === 0x49 && bytes[130] === 0x43 && bytes[131] === 0x4d
}

/** Meta information is always explicit little endian, and always with a VR of two capitals. */
function startsWithMeta(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === META_GROUP && bytes[offset + 1] === 0 && isVr(bytes, offset + 4)
}

/** Without a preamble: an element of a low group, as PS3.10 7.5 tells implementers to expect of old files. */
function startsLikeDataSet(bytes: Uint8Array): boolean {
  if (bytes.length < 16) return false
  if (startsWithMeta(bytes, 0)) return true
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes
  const isLittle = (first === 0x08 || first === 0x04) && second === 0 && fourth === 0
  const isBig = first === 0 && second === 0x08 && third === 0
  if (isBig) return isVr(bytes, 4)
  if (!isLittle) return false
  // A first element longer than a kilobyte is not one.
  return isVr(bytes, 4) || (bytes[6] === 0 && bytes[7] === 0 && (bytes[5] ?? 0) < 4)
}

function guessSyntax(bytes: Uint8Array, offset: number): TransferSyntax {
  if (!isVr(bytes, offset + 4)) return implicitLittle
  return bytes[offset] === 0 && bytes[offset + 1] !== 0 ? explicitBigNative : explicitLittleNative
}

function isVr(bytes: Uint8Array, offset: number): boolean {
  return isCapital(bytes[offset]) && isCapital(bytes[offset + 1])
}

function isCapital(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a
}
