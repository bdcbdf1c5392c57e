import type { Tensor, TensorData } from '../tensor.ts'

export type NumberData = Exclude<TensorData, BigInt64Array | BigUint64Array>
export type FloatData = Float32Array | Float64Array

/** A tensor along one of its axes: `outer` blocks of `size` places, each of `inner` elements. */
export interface Lanes {
  readonly outer: number
  readonly size: number
  readonly inner: number
  /** The dimensions without that axis. */
  readonly rest: readonly number[]
}

/** @param axis from 0, or negative, counted from the last. @returns undefined when the tensor has no such axis */
export function lanesOf({ dims }: Tensor, axis: number): Lanes | undefined {
  const at = axis < 0 ? dims.length + axis : axis
  const size = dims[at]
  if (at < 0 || size === undefined) return undefined
  const [before, after] = [dims.slice(0, at), dims.slice(at + 1)]
  return { outer: elementCount(before), size, inner: elementCount(after), rest: [...before, ...after] }
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}

/** Elements that are numbers of JavaScript. @returns undefined for 64-bit integers */
export function numbersOf({ data }: Tensor): NumberData | undefined {
  return data instanceof BigInt64Array || data instanceof BigUint64Array ? undefined : data
}

/** Elements of a tensor of floating-point numbers. */
export function floatsOf({ data }: Tensor): FloatData | undefined {
  return data instanceof Float32Array || data instanceof Float64Array ? data : undefined
}

/** Room for a tensor of the same type of floating-point number. */
export function floatsLike(data: FloatData, count: number): FloatData {
  return data instanceof Float32Array ? new Float32Array(count) : new Float64Array(count)
}

/** A tensor of floating-point numbers of its own type. */
export function floatTensor(dims: readonly number[], data: FloatData): Tensor {
  return { dtype: data instanceof Float32Array ? 'float32' : 'float64', dims: [...dims], data }
}
