import type { DataSet } from '../dicom/data-set.ts'
import type { PixelDescription } from '../dicom/pixel-description.ts'
import { ImageError } from '../errors.ts'
import { spreadHalvedColours } from './colour.ts'
import { makeRoom, type RawSamples } from './stored-pixels.ts'

/**
 * Reads pixel data that are not encapsulated (PS3.5 8.1.1 and 8.2), frame by frame. Bytes beyond the last frame may be there if
 * they are less than a frame: a whole one more contradicts the number of frames.
 * @throws ImageError image_truncated | image_malformed
 */
export function* nativeFrames(dataSet: DataSet, pixels: PixelDescription): Generator<RawSamples, void, undefined> {
  const element = dataSet.element(nameOf(pixels))
  if (element?.kind !== 'value') throw new ImageError('image_malformed', { about: 'PixelData is encapsulated' })
  const bits = frameBits(pixels)
  const total = Math.ceil((bits * pixels.frames) / 8)
  if (element.bytes.length < total) throw new ImageError('image_truncated', { about: 'PixelData' })
  if (element.bytes.length >= total + Math.max(2, bits / 8)) {
    throw new ImageError('image_malformed', { about: 'more pixel data than frames' })
  }
  // In big endian a word is swapped whatever lies in it, bytes and bits too, when the elements are words.
  const isSwapped = !element.isLittleEndian && element.vr === 'OW' && pixels.bitsAllocated <= 8
  const bytes = isSwapped ? swapBytes(element.bytes) : element.bytes
  for (let frame = 0; frame < pixels.frames; frame += 1) {
    if (pixels.bitsAllocated === 1) yield unpackBits(bytes, frame * bits, bits)
    else yield readSamples(bytes.subarray((frame * bits) / 8, ((frame + 1) * bits) / 8), pixels, element.isLittleEndian)
  }
}

/** Samples of whole bytes, in the order of the file. */
export function readSamples(bytes: Uint8Array, pixels: PixelDescription, isLittleEndian: boolean): RawSamples {
  if (pixels.photometric === 'YBR_FULL_422') return spreadHalvedColours(bytes, pixels.rows * pixels.columns)
  const out = makeRoom(pixels, pixels.rows * pixels.columns * pixels.samplesPerPixel)
  const target = new Uint8Array(out.buffer)
  target.set(bytes.subarray(0, target.length))
  if (!isLittleEndian) reverse(target, out.BYTES_PER_ELEMENT)
  return out
}

/** One-bit pixels, the first in the least significant bit; a frame need not begin with a byte (PS3.5 8.1.1). */
export function unpackBits(bytes: Uint8Array, firstBit: number, count: number): Uint8Array {
  const out = new Uint8Array(count)
  for (let index = 0; index < count; index += 1) {
    const bit = firstBit + index
    out[index] = ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1
  }
  return out
}

/** Bits of one frame as it lies in the file. */
export function frameBits({ rows, columns, samplesPerPixel, bitsAllocated, photometric }: PixelDescription): number {
  if (photometric === 'YBR_FULL_422') return Math.ceil((rows * columns) / 2) * 4 * bitsAllocated
  return rows * columns * samplesPerPixel * bitsAllocated
}

function nameOf({ isFloat, bitsAllocated }: PixelDescription): 'PixelData' | 'FloatPixelData' | 'DoubleFloatPixelData' {
  if (!isFloat) return 'PixelData'
  return bitsAllocated === 32 ? 'FloatPixelData' : 'DoubleFloatPixelData'
}

function swapBytes(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice(0, bytes.length & ~1)
  reverse(out, 2)
  return out
}

function reverse(bytes: Uint8Array, width: number): void {
  if (width === 1) return
  for (let start = 0; start + width <= bytes.length; start += width) bytes.subarray(start, start + width).reverse()
}
