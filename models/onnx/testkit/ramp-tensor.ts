import type { Tensor } from '../../contract/tensor.ts'
import type { OnnxValue } from '../surface.ts'

/** n numbers rising from 0 to just below 1, in float32: what the published outputs of the light models were computed from. */
export function rampTensor({ dims = [] }: OnnxValue): Tensor {
  const sizes = dims.map((size) => (typeof size === 'number' ? size : 1))
  const count = sizes.reduce((product, size) => product * size, 1)
  return { dtype: 'float32', dims: sizes, data: Float32Array.from({ length: count }, (_, index) => index / count) }
}
