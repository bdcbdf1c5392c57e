import { elementArrays, isElementType, type Tensor, type Tensors } from '../../models/contract/tensor.ts'

/** What may cross to a worker or back in one request. */
export const MAX_TENSORS = 64
/** Of all inputs together: the largest that a contract can name, a volume, and as much beside it. */
export const MAX_INPUT_BYTES = 128 * 1024 * 1024
/** Of all outputs together. A worker that was taken over makes us hold as much; what is larger is made small where the model runs. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
const MAX_RANK = 16
export const MAX_NAME_LENGTH = 256

/**
 * True when a value is a set of well-formed tensors within the limits: known types, dims that multiply to the data's
 * length. Used on both sides of the channel.
 */
export function isTensors(value: unknown, maxBytes: number): value is Tensors {
  if (typeof value !== 'object' || value === null) return false
  const entries: [string, unknown][] = Object.entries(value)
  if (entries.length > MAX_TENSORS) return false
  let bytes = 0
  for (const [name, tensor] of entries) {
    if (name.length > MAX_NAME_LENGTH || !isTensor(tensor)) return false
    bytes += tensor.data.byteLength
  }
  return bytes <= maxBytes
}

function isTensor(value: unknown): value is Tensor {
  if (typeof value !== 'object' || value === null) return false
  const { dtype, dims, data } = value as { dtype?: unknown; dims?: unknown; data?: unknown }
  if (!isDimensions(dims)) return false
  const count = dims.reduce<number>((product, dim) => product * dim, 1)
  return isDataOf(dtype, data) && data.length === count
}

export function isDimensions(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_RANK && value.every(isDimension)
}

function isDimension(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isDataOf(dtype: unknown, data: unknown): data is Tensor['data'] {
  return isElementType(dtype) && data instanceof elementArrays[dtype]
}
