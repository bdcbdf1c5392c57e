import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import { sha256 } from '../../device/crypto/bulk.ts'
import type { ImageFacts } from '../../models/contract/image/image-facts.ts'
import type { ImageOp } from '../../models/contract/image/image-schema.ts'
import type { Prepared, PreparedImage } from '../../models/contract/image/prepared-image.ts'
import { elementArrays, isElementType, type Tensor, type Tensors, tensorBytes } from '../../models/contract/tensor.ts'
import { MAX_TENSOR_BYTES } from '../../models/contract/tensor-schema.ts'
import type { ImageIdentity } from '../images/decoded-image.ts'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

/** A tensor as a record keeps it. */
export interface KeptTensor {
  readonly dtype: string
  readonly dims: readonly number[]
  /** Of the little-endian bytes, lowercase hex. */
  readonly sha256: string
  /** The bytes, deflated (RFC 1951), as base64; null when that is more than a record takes. */
  readonly deflated: string | null
}

/** What stands in a record for an image. Its pixels do not: the archive has them, and the hashes say which they were. */
export interface ImageRecord {
  readonly files: readonly { readonly sha256: string; readonly bytes: number }[]
  readonly identity: ImageIdentity
  readonly facts: ImageFacts
  readonly prepared: { readonly tensors: Readonly<Record<string, KeptTensor>> } | Extract<Prepared, { refused: string }>
  /** Where the voxels of a tensor lie in the patient, as far as the file says it and the steps let it be told. */
  readonly grids: readonly {
    readonly tensor: string
    readonly layout: ImageLayout
    readonly affineRas: readonly number[]
  }[]
}

type ImageLayout = Extract<ImageOp, { op: 'image-tensor' }>['layout']

/** What one model said that looked at the image before the one that was asked. */
export interface GateRecord {
  readonly model: string
  readonly version: string
  readonly packageHash: string
  readonly output: string
  /** Null where the model refused the image itself, and `refusal` says with what. */
  readonly value: number | null
  readonly passed: boolean
  readonly refusal: { readonly code: string; readonly about: string | null } | null
  /** What does not pass is, in the words of the contract of the model that was asked. */
  readonly reason: string
}

/** All tensors of one record together: a decision stays quick to write and to read. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024

/** A third of the processor time of zlib's own choice, for a sixteenth more bytes (radiographs as float32, 224² and 512²). */
const DEFLATE_LEVEL = 4

/** @param kept how many bytes of base64 the record holds already */
export async function keepTensor(tensor: Tensor, kept = 0): Promise<KeptTensor> {
  const bytes = tensorBytes(tensor)
  const { dtype, dims } = tensor
  const deflated = (await deflate(bytes, { level: DEFLATE_LEVEL })).toString('base64')
  const fits = kept + deflated.length <= MAX_KEPT_BYTES
  return { dtype, dims, sha256: sha256(bytes).toString('hex'), deflated: fits ? deflated : null }
}

export async function keepTensors(tensors: Tensors): Promise<Readonly<Record<string, KeptTensor>>> {
  const kept: [string, KeptTensor][] = []
  let size = 0
  for (const [name, tensor] of Object.entries(tensors)) {
    const one = await keepTensor(tensor, size)
    size += one.deflated?.length ?? 0
    kept.push([name, one])
  }
  return Object.fromEntries(kept)
}

/** @returns undefined when it was not kept, or is not what the record says it was */
export async function keptTensor({ dtype, dims, deflated, sha256: expected }: KeptTensor): Promise<Tensor | undefined> {
  if (deflated === null || !isElementType(dtype)) return undefined
  const bytes = await inflate(Buffer.from(deflated, 'base64'), { maxOutputLength: MAX_TENSOR_BYTES }).catch(
    () => undefined,
  )
  if (bytes === undefined || sha256(bytes).toString('hex') !== expected) return undefined
  const count = dims.reduce((product, size) => product * size, 1)
  const Kind = elementArrays[dtype]
  if (bytes.length !== count * Kind.BYTES_PER_ELEMENT) return undefined
  // Copied, so that it begins where a typed array may begin.
  return { dtype, dims, data: new Kind(new Uint8Array(bytes).buffer) }
}

/** The image of a record as the guard and the preprocessing took it. @returns undefined when the model's tensors were too large to be kept */
export async function keptImage({ facts, prepared }: ImageRecord): Promise<PreparedImage | undefined> {
  if ('refused' in prepared) return { facts, prepared }
  const tensors: [string, Tensor][] = []
  for (const [name, kept] of Object.entries(prepared.tensors)) {
    const tensor = await keptTensor(kept)
    if (tensor === undefined) return undefined
    tensors.push([name, tensor])
  }
  return { facts, prepared: { tensors: Object.fromEntries(tensors) } }
}

/** Where every frame of a series lay is not needed to decide again; the block's place is. */
export function recordedFacts(facts: ImageFacts): ImageFacts {
  return { ...facts, frameFacts: facts.frameFacts.slice(0, 1) }
}
