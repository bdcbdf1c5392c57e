import type { ImageFacts, ImageIdentity, Lut, SourceImage } from './decoded-image.ts'
import type { ImageErrorCode } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import type { PixelForm } from './pixels/decode-frames.ts'
import type { PixelArray } from './pixels/stored-pixels.ts'
import type { ImagePlace } from './places.ts'

/**
 * How a request crosses to the process that decodes it, and the answer back, over a pair of sockets; numbers are 32 bits,
 * little-endian. To the process: `length ‖ JSON order`, then for each file `(length ‖ bytes)* ‖ 0`, then END. Back:
 * `length ‖ JSON header`, then the bytes of the arrays that the header names, one after the other. A process answers once.
 */
export const END_OF_INPUT = 0xffffffff
export const MAX_CHUNK_BYTES = 1024 * 1024
export const MAX_ORDER_BYTES = 4096
/** A volume of thousands of slices says where each of them lies. */
export const MAX_HEADER_BYTES = 8 * 1024 * 1024
export const CHANNEL_FD = 3

export interface Order {
  readonly limits: ImageLimits
  readonly form: PixelForm
}

/** The arrays of an answer: what they are of, and how long they are in elements. */
export interface Section {
  readonly name: 'pixels' | 'modalityLut' | 'voiLut'
  readonly type: string
  readonly length: number
}

export type AnswerHeader =
  | { readonly kind: 'failed'; readonly code: ImageErrorCode; readonly about?: ImagePlace | undefined }
  | {
      readonly kind: 'decoded'
      readonly facts: ImageFacts
      readonly identity: ImageIdentity
      readonly luts: Readonly<Partial<Record<'modalityLut' | 'voiLut', Omit<Lut, 'values'>>>>
      readonly sections: readonly Section[]
    }

export const arrayKinds = {
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
} as const

/** The header of an answer and its arrays, in the order in which they are sent. */
export function encodeImage(image: SourceImage): { header: AnswerHeader; arrays: readonly PixelArray[] } {
  const { pixels, modalityLut, voiLut, identity, ...facts } = image
  const arrays: PixelArray[] = [pixels]
  const sections: Section[] = [section('pixels', pixels)]
  const luts: Partial<Record<'modalityLut' | 'voiLut', Omit<Lut, 'values'>>> = {}
  for (const [name, lut] of [
    ['modalityLut', modalityLut],
    ['voiLut', voiLut],
  ] as const) {
    if (lut === undefined) continue
    arrays.push(lut.values)
    sections.push(section(name, lut.values))
    luts[name] = { first: lut.first, bitsPerEntry: lut.bitsPerEntry }
  }
  return { header: { kind: 'decoded', facts, identity, luts, sections }, arrays }
}

function section(name: Section['name'], array: PixelArray): Section {
  return { name, type: array.constructor.name, length: array.length }
}
