/** The types of element that a contract can name, each with the typed array of its data; a bool is one byte, 0 or 1. */
export const elementArrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const

export type ElementType = keyof typeof elementArrays
export const elementTypeNames = Object.keys(elementArrays) as readonly ElementType[] as readonly [
  ElementType,
  ...ElementType[],
]

/** What goes into and comes out of a model: dense, row-major, with the data's own typed array. */
export interface Tensor {
  readonly dtype: ElementType
  readonly dims: readonly number[]
  readonly data: TensorData
}

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

export type Tensors = Readonly<Record<string, Tensor>>

/** Numbers of an output tensor, whatever its type. int64 beyond 2^53 loses precision, which no contract here allows. */
export function tensorNumbers({ dtype, data }: Tensor): number[] {
  return isBigElement(dtype) ? Array.from(data as BigInt64Array, Number) : Array.from(data as Float64Array)
}

/** A tensor's data as it lies in memory: little-endian, as on every machine that the runtime is built for. */
export function tensorBytes({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

export function isElementType(value: unknown): value is ElementType {
  return typeof value === 'string' && Object.hasOwn(elementArrays, value)
}

export function isBigElement(dtype: ElementType): dtype is 'int64' | 'uint64' {
  return dtype === 'int64' || dtype === 'uint64'
}
