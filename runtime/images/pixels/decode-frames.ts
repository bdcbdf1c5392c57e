import type { PixelArray } from '../../../models/contract/image/image-facts.ts'
import { splitFrames } from '../dicom/encapsulated.ts'
import { type DicomFile, inflate } from '../dicom/part10.ts'
import type { PixelDescription } from '../dicom/pixel-description.ts'
import type { PixelCoding } from '../dicom/transfer-syntax.ts'
import { ImageError } from '../errors.ts'
import type { Codecs } from './codecs.ts'
import { convertYbrToRgb, interleave } from './colour.ts'
import { decodeJpeg } from './jpeg/jpeg.ts'
import { frameBits, nativeFrames, readSamples, unpackBits } from './native.ts'
import { decodeRle } from './rle.ts'
import { makeRoom, type RawSamples, storedValues } from './stored-pixels.ts'

/** `isYbr`: samples are luminance and colour differences still, whatever the attribute says of the file. */
interface CodedFrame {
  readonly samples: RawSamples
  readonly isPlanar: boolean
  readonly isYbr: boolean
}

/** `values`: as a model may see them. `coded`: samples as the codec gives them, to be compared with another decoder's. */
export type PixelForm = 'values' | 'coded'

/**
 * The stored values of all frames, pixel by pixel, samples of a pixel together; palette indices stay indices.
 * @throws ImageError image_truncated | image_malformed | image_compressed_data_invalid |
 * image_transfer_syntax_unsupported | image_pixel_format_unsupported
 */
export function decodeFrames(
  file: DicomFile,
  pixels: PixelDescription,
  codecs: Codecs,
  form: PixelForm = 'values',
): PixelArray {
  const { transferSyntax } = file
  const frameLength = pixels.rows * pixels.columns * pixels.samplesPerPixel
  const out = makeRoom(pixels, frameLength * pixels.frames)
  let offset = 0
  for (const frame of codedFrames(file, pixels, codecs)) {
    const { samples } = frame
    if (samples.length !== frameLength) throw new ImageError('image_malformed', { about: 'frame size' })
    const ordered = frame.isPlanar && isWhole(samples) ? interleave(samples, pixels.samplesPerPixel) : samples
    if (transferSyntax.coding !== 'native') verifyRange(ordered, pixels)
    if (frame.isYbr && form === 'values') convertFrame(ordered)
    out.set(ordered, offset)
    offset += frameLength
  }
  return form === 'values' ? storedValues(out, pixels) : out
}

/**
 * A codec has no bits that belong to something else: a sample that does not fit in the stored bits, plain or
 * in two's complement, is another image than the attributes describe.
 */
function verifyRange(samples: RawSamples, { bitsStored, bitsAllocated, highBit, isSigned }: PixelDescription): void {
  if (bitsStored === bitsAllocated || highBit !== bitsStored - 1 || !isWhole(samples)) return
  const above = 2 ** bitsStored
  const container = 2 ** (samples.BYTES_PER_ELEMENT * 8)
  const lowest = isSigned ? container - above / 2 : container
  for (let index = 0; index < samples.length; index += 1) {
    const sample = samples[index]!
    if (sample >= above && sample < lowest) {
      throw new ImageError('image_compressed_data_invalid', { about: 'more bits than stored' })
    }
  }
}

function convertFrame(samples: RawSamples): void {
  if (!(samples instanceof Uint8Array)) throw new ImageError('image_pixel_format_unsupported', { about: 'YBR' })
  convertYbrToRgb(samples)
}

function isWhole(samples: RawSamples): samples is Uint8Array | Uint16Array | Uint32Array {
  return !(samples instanceof Float32Array || samples instanceof Float64Array)
}

function* codedFrames(file: DicomFile, pixels: PixelDescription, codecs: Codecs): Generator<CodedFrame> {
  const { dataSet, transferSyntax } = file
  verifyColours(pixels, transferSyntax.coding)
  const isYbr = pixels.photometric === 'YBR_FULL' || pixels.photometric === 'YBR_FULL_422'
  if (transferSyntax.coding === 'native') {
    for (const samples of nativeFrames(dataSet, pixels)) yield { samples, isPlanar: pixels.isPlanar, isYbr }
    return
  }
  const decode = frameDecoder(file, pixels, codecs)
  for (const bytes of splitFrames(dataSet, pixels.frames)) yield { isYbr, ...decode(bytes) }
}

/** Colour differences are of eight bits, but for those that JPEG 2000 makes and takes back itself (PS3.3 C.7.6.3.1.2). */
function verifyColours(
  { photometric, bitsStored, bitsAllocated, isSigned }: PixelDescription,
  coding: PixelCoding,
): void {
  const isOfCodec = photometric === 'YBR_ICT' || photometric === 'YBR_RCT'
  const isOfBytes = photometric === 'YBR_FULL' || photometric === 'YBR_FULL_422'
  const hasBytes = bitsStored === 8 && bitsAllocated === 8 && !isSigned
  if ((isOfCodec && coding !== 'jpeg-2000' && coding !== 'htj2k') || (isOfBytes && !hasBytes)) {
    throw new ImageError('image_pixel_format_unsupported', { about: 'YBR' })
  }
}

type FrameDecoder = (bytes: Uint8Array) => Omit<CodedFrame, 'isYbr'> & { isYbr?: boolean }

function frameDecoder({ transferSyntax }: DicomFile, pixels: PixelDescription, codecs: Codecs): FrameDecoder {
  const { rows, columns, samplesPerPixel: samples, bitsAllocated } = pixels
  const expected = { rows, columns, samples, maxPrecision: Math.max(8, bitsAllocated) }
  if (pixels.isFloat) throw new ImageError('image_pixel_format_unsupported', { about: 'compressed float' })
  switch (transferSyntax.coding) {
    case 'rle':
      return (bytes) => rleFrame(bytes, pixels)
    case 'deflated-frame':
      return (bytes) => deflatedFrame(bytes, pixels)
    case 'jpeg':
    case 'jpeg-lossless': {
      const process = transferSyntax.coding === 'jpeg' ? 'sequential' : 'lossless'
      return (bytes) => ({ ...decodeJpeg(bytes, { ...expected, process }), isPlanar: false })
    }
    case 'jpeg-ls':
      return (bytes) => codecs.jpegLs(bytes, expected)
    case 'jpeg-2000':
      return (bytes) => codecs.jpeg2000(bytes, expected)
    case 'htj2k':
      return (bytes) => codecs.htj2k(bytes, expected)
    default:
      throw new ImageError('image_transfer_syntax_unsupported')
  }
}

function rleFrame(bytes: Uint8Array, pixels: PixelDescription): Omit<CodedFrame, 'isYbr'> {
  const { rows, columns, samplesPerPixel, bitsAllocated } = pixels
  const count = rows * columns
  if (bitsAllocated === 1) {
    const packed = decodeRle(bytes, { samples: 1, bytesPerSample: 1, segmentBytes: Math.ceil(count / 8) })
    return { samples: unpackBits(packed, 0, count), isPlanar: false }
  }
  const planes = decodeRle(bytes, { samples: samplesPerPixel, bytesPerSample: bitsAllocated / 8, segmentBytes: count })
  // Whatever the file says, RLE keeps each sample in segments of its own (PS3.5 G.2).
  return { samples: readSamples(planes, { ...pixels, photometric: 'RGB' }, true), isPlanar: samplesPerPixel > 1 }
}

/** PS3.5 A.4.14: each frame is a raw deflate stream. */
function deflatedFrame(bytes: Uint8Array, pixels: PixelDescription): Omit<CodedFrame, 'isYbr'> {
  const bits = frameBits(pixels)
  const needed = Math.ceil(bits / 8)
  const plain = inflate(bytes, needed + 2)
  if (plain.length < needed) throw new ImageError('image_compressed_data_invalid', { about: 'deflated frame' })
  if (pixels.bitsAllocated === 1) return { samples: unpackBits(plain, 0, bits), isPlanar: false }
  return { samples: readSamples(plain, pixels, true), isPlanar: pixels.isPlanar }
}
