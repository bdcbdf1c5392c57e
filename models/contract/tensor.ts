/** What goes into and comes out of a model: dense, row-major, with the data's own typed array. */
export interface Tensor {
  readonly dtype: 'float32' | 'int64' | 'bool'
  readonly dims: readonly number[]
  readonly data: Float32Array | BigInt64Array | Uint8Array
}

export type Tensors = Readonly<Record<string, Tensor>>

/** Numbers of an output tensor, whatever its type. int64 beyond 2^53 loses precision, which no contract here allows. */
export function tensorNumbers(tensor: Tensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number)
}
