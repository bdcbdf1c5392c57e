import { ImageError } from '../errors.ts'
import type { ImagePlace } from '../places.ts'

/** What one compressed frame must be, as the attributes around it say. Nothing else is decoded. */
export interface FrameExpectation {
  readonly rows: number
  readonly columns: number
  readonly samples: number
  readonly maxPrecision: number
}

export interface CodecFrame {
  /** Pixel by pixel, or plane by plane where `isPlanar`. */
  readonly samples: Uint8Array | Uint16Array
  readonly isPlanar: boolean
}

/** The codecs that are not ours, compiled to WebAssembly: each has a memory of its own, and none sees a file. */
export interface Codecs {
  jpegLs(bytes: Uint8Array, expected: FrameExpectation): CodecFrame
  jpeg2000(bytes: Uint8Array, expected: FrameExpectation): CodecFrame
  htj2k(bytes: Uint8Array, expected: FrameExpectation): CodecFrame
}

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array
  getDecodedBuffer(): Uint8Array
  decode(): void
  getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number }
  getInterleaveMode?(): number
  delete(): void
}

type Factory = (options: object) => Promise<Record<string, new () => Decoder>>

/** They would write what they find in a file to standard output. */
const quiet = { print: () => {}, printErr: () => {} }

/** Each coding's class, and the package that has it. */
const decoders = {
  'jpeg-ls': { name: 'JpegLSDecoder', load: () => import('@cornerstonejs/codec-charls/decodewasmjs') },
  'jpeg-2000': { name: 'J2KDecoder', load: () => import('@cornerstonejs/codec-openjpeg/decodewasmjs') },
  htj2k: { name: 'HTJ2KDecoder', load: () => import('@cornerstonejs/codec-openjph/wasmjs') },
} as const

/** Loads a codec when a frame first needs it; the way to its WebAssembly file must be readable at that moment. */
export class WasmCodecs {
  readonly #loaded = new Map<string, new () => Decoder>()

  /** @param coding of the transfer syntax; one that needs no codec loads none. */
  async prepare(coding: string): Promise<Codecs> {
    const name = Object.hasOwn(decoders, coding) ? decoders[coding as keyof typeof decoders].name : undefined
    if (name !== undefined && !this.#loaded.has(name)) await this.#load(coding as keyof typeof decoders)
    return {
      jpegLs: (bytes, expected) => {
        verifyJpegLsHeader(bytes, expected)
        return this.#decode('JpegLSDecoder', 'JPEG-LS', bytes, expected)
      },
      jpeg2000: (bytes, expected) => this.#decode('J2KDecoder', 'JPEG 2000', codestreamOf(bytes, expected), expected),
      htj2k: (bytes, expected) => this.#decode('HTJ2KDecoder', 'HTJ2K', codestreamOf(bytes, expected), expected),
    }
  }

  async #load(coding: keyof typeof decoders): Promise<void> {
    const { name, load } = decoders[coding]
    const { default: factory } = (await load()) as { default: Factory }
    const decoder = (await factory({ ...quiet }))[name]
    if (decoder !== undefined) this.#loaded.set(name, decoder)
  }

  #decode(name: string, place: ImagePlace, bytes: Uint8Array, expected: FrameExpectation): CodecFrame {
    const Class = this.#loaded.get(name)
    if (Class === undefined) throw invalid('codec')
    try {
      return decodeWith(new Class(), bytes, expected)
    } catch (cause) {
      // A codec throws numbers and texts of its own, which can quote the data.
      throw cause instanceof ImageError ? cause : invalid(place)
    }
  }
}

/** The memory of a codec is given back with it; what it returned is copied before. */
function decodeWith(decoder: Decoder, bytes: Uint8Array, expected: FrameExpectation): CodecFrame {
  decoder.getEncodedBuffer(bytes.length).set(bytes)
  decoder.decode()
  const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo()
  const isExpected = width === expected.columns && height === expected.rows && componentCount === expected.samples
  if (!isExpected || bitsPerSample > expected.maxPrecision) throw invalid('size')
  const isPlanar = decoder.getInterleaveMode?.() === 0 && expected.samples > 1
  const decoded = decoder.getDecodedBuffer()
  const count = width * height * componentCount
  if (decoded.length !== count * (bitsPerSample > 8 ? 2 : 1)) throw invalid('size')
  const copy = Uint8Array.from(decoded)
  decoder.delete()
  return { samples: bitsPerSample > 8 ? new Uint16Array(copy.buffer) : copy, isPlanar }
}

/**
 * ITU-T T.87 C.2.2: the frame header stands before the first scan. A stream that does not end is refused here: the codec
 * would go on for many seconds behind its end.
 */
function verifyJpegLsHeader(bytes: Uint8Array, expected: FrameExpectation): void {
  if (endMarker(bytes) === bytes.length) throw invalid('JPEG-LS end')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let offset = 2; offset + 10 <= bytes.length; offset += 2 + view.getUint16(offset + 2)) {
    const marker = view.getUint16(offset)
    if (marker >> 8 !== 0xff || marker === 0xffda) break
    if (marker !== 0xfff7) continue
    const precision = bytes[offset + 4] ?? 0
    const isExpected =
      view.getUint16(offset + 5) === expected.rows &&
      view.getUint16(offset + 7) === expected.columns &&
      bytes[offset + 9] === expected.samples
    if (!isExpected || precision > expected.maxPrecision) throw invalid('JPEG-LS size')
    return
  }
  throw invalid('JPEG-LS frame header')
}

/** Where EOI or EOC is, which are both FFD9, if it is the last but for padding; else the end. */
function endMarker(bytes: Uint8Array): number {
  let end = bytes.length - 1
  while (end > 1 && bytes[end] === 0) end -= 1
  return end > 0 && bytes[end] === 0xd9 && bytes[end - 1] === 0xff ? end - 1 : bytes.length
}

const SOC_SIZ = 0xff4fff51

/** The codestream itself, out of a JP2 file where it is in one (ISO 15444-1 Annex I), its SIZ (A.5.1) held against the attributes. */
function codestreamOf(bytes: Uint8Array, expected: FrameExpectation): Uint8Array {
  const stream = unwrap(bytes)
  if (stream.length < 48) throw invalid('JPEG 2000 size')
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  if (view.getUint32(0) !== SOC_SIZ) throw invalid('JPEG 2000 start')
  const at = (index: number): number => view.getUint32(8 + index * 4)
  const [columns, rows, left, top, tileColumns, tileRows] = [at(0), at(1), at(2), at(3), at(4), at(5)]
  const components = view.getUint16(40)
  if (left !== 0 || top !== 0)
    throw new ImageError('image_pixel_format_unsupported', { about: 'JPEG 2000 image offset' })
  if (columns !== expected.columns || rows !== expected.rows || components !== expected.samples) {
    throw invalid('JPEG 2000 size')
  }
  if (tileColumns === 0 || tileRows === 0 || Math.ceil(columns / tileColumns) * Math.ceil(rows / tileRows) > 65_535) {
    throw invalid('JPEG 2000 tiles')
  }
  for (let component = 0; component < components; component += 1) {
    const [depth = 0, across, down] = stream.subarray(42 + component * 3)
    if (across !== 1 || down !== 1)
      throw new ImageError('image_pixel_format_unsupported', { about: 'JPEG 2000 subsampling' })
    if ((depth & 0x7f) + 1 > expected.maxPrecision) throw invalid('JPEG 2000 precision')
  }
  verifyTiles(stream, view, Math.ceil(columns / tileColumns) * Math.ceil(rows / tileRows))
  return stream
}

const SOT = 0xff90
const EOC = 0xffd9
const SOT_BYTES = 12

/**
 * Whether every tile is there, and every tile-part whole (ISO 15444-1 A.4.2): the codecs fill with nothing what was cut off,
 * and what they give looks like an image.
 */
function verifyTiles(stream: Uint8Array, view: DataView, tiles: number): void {
  const seen = new Set<number>()
  let offset = firstTilePart(view)
  while (offset + SOT_BYTES <= view.byteLength && view.getUint16(offset) === SOT) {
    const tile = view.getUint16(offset + 4)
    const length = view.getUint32(offset + 6)
    if (tile >= tiles || (length !== 0 && length < SOT_BYTES)) throw invalid('JPEG 2000 tiles')
    seen.add(tile)
    // Zero: this one is the last, and goes to the end.
    offset = length === 0 ? endMarker(stream) : offset + length
  }
  if (offset + 2 > view.byteLength || view.getUint16(offset) !== EOC) throw invalid('JPEG 2000 end')
  if (seen.size !== tiles) throw invalid('JPEG 2000 tiles')
}

/** Behind the segments of the main header, each of which has its length behind its marker. */
function firstTilePart(view: DataView): number {
  let offset = 2
  while (offset + 4 <= view.byteLength && view.getUint16(offset) !== SOT) {
    if (view.getUint16(offset) < 0xff00) break
    offset += 2 + Math.max(2, view.getUint16(offset + 2))
  }
  return offset
}

function unwrap(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 12 || view.getUint32(4) !== 0x6a502020) return bytes
  for (let offset = 0; offset + 8 <= bytes.length; ) {
    const length = view.getUint32(offset)
    if (view.getUint32(offset + 4) === 0x6a703263) {
      return bytes.subarray(offset + 8, length === 0 ? bytes.length : Math.min(bytes.length, offset + length))
    }
    if (length < 8) break
    offset += length
  }
  throw invalid('JPEG 2000 boxes')
}

function invalid(about: ImagePlace): ImageError {
  return new ImageError('image_compressed_data_invalid', { about })
}
