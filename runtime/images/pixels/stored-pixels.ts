import type { PixelArray } from '../../../models/contract/image/image-facts.ts'
import type { PixelDescription } from '../dicom/pixel-description.ts'

/** Samples as they come out of a file or a codec, before their unused bits are taken away. */
export type RawSamples = Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array

export function makeRoom({ bitsAllocated, isFloat }: PixelDescription, length: number): RawSamples {
  if (isFloat) return bitsAllocated === 32 ? new Float32Array(length) : new Float64Array(length)
  if (bitsAllocated <= 8) return new Uint8Array(length)
  return bitsAllocated === 16 ? new Uint16Array(length) : new Uint32Array(length)
}

/**
 * Stored values (PS3.5 8.1): only the bits from High Bit downwards belong to the pixel, in two's complement where it is signed. What
 * stands in the others (old overlays do) is left out. Works in place.
 */
export function storedValues(raw: RawSamples, description: PixelDescription): PixelArray {
  const { bitsAllocated, bitsStored, highBit, isSigned, isFloat } = description
  if (isFloat || raw instanceof Float32Array || raw instanceof Float64Array) return raw
  const unused = 32 - bitsStored
  const below = highBit + 1 - bitsStored
  const isWhole = bitsStored === bitsAllocated && bitsAllocated !== 1
  const signed = isSigned ? asSigned(raw) : undefined
  if (isWhole) return signed ?? raw
  if (signed === undefined) {
    for (let index = 0; index < raw.length; index += 1) raw[index] = (raw[index]! << (unused - below)) >>> unused
    return raw
  }
  for (let index = 0; index < signed.length; index += 1) signed[index] = (signed[index]! << (unused - below)) >> unused
  return signed
}

function asSigned(raw: Uint8Array | Uint16Array | Uint32Array): Int8Array | Int16Array | Int32Array {
  if (raw instanceof Uint8Array) return new Int8Array(raw.buffer, raw.byteOffset, raw.length)
  if (raw instanceof Uint16Array) return new Int16Array(raw.buffer, raw.byteOffset, raw.length)
  return new Int32Array(raw.buffer, raw.byteOffset, raw.length)
}
