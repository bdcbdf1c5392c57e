import type { ImageFacts, Lut, PixelArray } from '../../models/contract/image/image-facts.ts'
import type { ImageOp } from '../../models/contract/image/image-schema.ts'
import type { Prepared } from '../../models/contract/image/prepared-image.ts'
import type { Tensor } from '../../models/contract/tensor.ts'
import type { ImageIdentity, SourceImage } from './decoded-image.ts'
import type { ImageErrorCode } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import type { PixelForm } from './pixels/decode-frames.ts'
import type { ImagePlace } from './places.ts'

/**
 * How a request crosses to the process that decodes it, and the answer back, over a pair of sockets; numbers are 32 bits,
 * little-endian. To the process: `length ‖ JSON order`, then for each file `(length ‖ bytes)* ‖ 0`, then END. Back:
 * `length ‖ JSON header`, then the bytes of the arrays that the header names, one after the other. A process answers once.
 */
export const END_OF_INPUT = 0xffffffff
export const MAX_CHUNK_BYTES = 1024 * 1024
/** The model's own, and one for each gate that its contract may name, with room. */
export const MAX_PLANS = 16
/** A contract has at most 256 steps, of a few hundred bytes each; most have a dozen. */
export const MAX_ORDER_BYTES = 1024 * 1024
/** A volume of thousands of slices says where each of them lies. */
export const MAX_HEADER_BYTES = 8 * 1024 * 1024
export const CHANNEL_FD = 3

/** The image steps of one contract. */
export type Plan = readonly ImageOp[]

/** `decode`: the pixels themselves, for whoever compares decoders. `prepare`: what each plan makes of them, and no pixels. */
export type Order = DecodeOrder | PrepareOrder

export interface DecodeOrder {
  readonly kind: 'decode'
  readonly limits: ImageLimits
  readonly form: PixelForm
}

export interface PrepareOrder {
  readonly kind: 'prepare'
  readonly limits: ImageLimits
  readonly plans: readonly Plan[]
}

/** The arrays of a decoded image: what they are of, and how long they are in elements. */
export interface Section {
  readonly name: 'pixels' | 'modalityLut' | 'voiLut'
  readonly type: string
  readonly length: number
}

/** A tensor without its data. */
export type TensorShape = Pick<Tensor, 'dims'> & { readonly name: string; readonly dtype: 'float32' | 'uint8' }

export type PreparedHeader =
  | { readonly tensors: readonly TensorShape[] }
  | Extract<Prepared, { readonly refused: unknown }>

export type AnswerHeader = FailedHeader | DecodedHeader | ReceivedHeader

export interface FailedHeader {
  readonly kind: 'failed'
  readonly code: ImageErrorCode
  readonly about?: ImagePlace | undefined
}

export interface DecodedHeader {
  readonly kind: 'decoded'
  readonly facts: ImageFacts
  readonly identity: ImageIdentity
  readonly luts: Readonly<Partial<Record<'modalityLut' | 'voiLut', Omit<Lut, 'values'>>>>
  readonly sections: readonly Section[]
}

/** One entry for each plan, in their order; the arrays are their tensors, in the order of their names here. */
export interface ReceivedHeader {
  readonly kind: 'prepared'
  readonly facts: ImageFacts
  readonly identity: ImageIdentity
  readonly prepared: readonly PreparedHeader[]
}

export interface EncodedAnswer {
  readonly header: AnswerHeader
  /** In the order in which they are sent. */
  readonly arrays: readonly ArrayBufferView[]
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

export function encodeImage(image: SourceImage): EncodedAnswer {
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

export function encodePrepared(image: SourceImage, prepared: readonly Prepared[]): EncodedAnswer {
  const { pixels, modalityLut, voiLut, identity, ...facts } = image
  const arrays: ArrayBufferView[] = []
  const headers = prepared.map((each): PreparedHeader => {
    if ('refused' in each) return each
    const tensors = Object.entries(each.tensors).map(([name, { dtype, dims, data }]): TensorShape => {
      arrays.push(data)
      return { name, dtype: dtype as TensorShape['dtype'], dims }
    })
    return { tensors }
  })
  return { header: { kind: 'prepared', facts, identity, prepared: headers }, arrays }
}

function section(name: Section['name'], array: PixelArray): Section {
  return { name, type: array.constructor.name, length: array.length }
}
