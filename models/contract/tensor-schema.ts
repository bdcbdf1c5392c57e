import { z } from 'zod'
import { finite } from './fields.ts'
import { type ElementType, elementTypeNames } from './tensor.ts'

/** Onnxruntime takes no more, and neither do the channels to a worker. */
export const MAX_RANK = 16
/** Of one input or output as the contract allows it; what a request may carry is bounded again where it comes in. */
export const MAX_TENSOR_BYTES = 64 * 1024 * 1024
/** Of an output of role `tensor`: each of its values is part of the answer and of its record. */
export const MAX_OUTPUT_VALUES = 65_536
/** Values that are written out one by one; larger tensors are sent as base64. */
export const MAX_WRITTEN_VALUES = 1000

const size = z.int().min(1).max(MAX_TENSOR_BYTES)
/** A size, or the most that a free one, such as the batch, may be. */
const dimension = z.union([size, z.strictObject({ max: size })])

export const tensorFields = {
  dtype: z.enum(elementTypeNames),
  dims: z.array(dimension).max(MAX_RANK),
}

export const tensorInputFields = {
  ...tensorFields,
  /** Plausible range of every element, inclusive; without it any number is. */
  range: z.strictObject({ low: finite, high: finite }).optional(),
  /** `allow`: floating-point elements may be NaN or infinite, because the model was made for that. */
  onNotFinite: z.enum(['refuse', 'allow']),
}

/** A tensor in JSON: its dimensions, and its elements written out, or as base64 of the little-endian bytes. */
export const sentTensor = z.union([
  z.strictObject({
    dims: z.array(z.int().min(0)).max(MAX_RANK),
    data: z.array(z.union([z.number(), z.boolean(), z.string().max(24)])).max(MAX_WRITTEN_VALUES),
  }),
  z.strictObject({
    dims: z.array(z.int().min(0)).max(MAX_RANK),
    base64: z.string().max(Math.ceil((MAX_TENSOR_BYTES * 4) / 3) + 4),
  }),
])

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T
export type SentTensor = DeepReadonly<z.infer<typeof sentTensor>>
export type DimensionSpec = number | { readonly max: number }

/** What a contract feeds to one of the model's inputs. */
export interface FedTensor {
  readonly dtype: ElementType
  readonly dims: readonly DimensionSpec[]
}
