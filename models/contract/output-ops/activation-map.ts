import type { Tensor } from '../tensor.ts'
import { floatsOf } from './axis.ts'
import type { OpOf } from './output-schema.ts'

/**
 * Σ over channels of weight × feature map (Zhou et al. 2016), in float64, channel after channel, rounded once to float32.
 * @returns undefined for a tensor that is not [N, C, rows, columns] with as many channels as weights, or holds NaN
 */
export function activationMap(tensor: Tensor, { weights, relu }: OpOf<'class-activation-map'>): Tensor | undefined {
  const data = floatsOf(tensor)
  const [images = 0, channels = 0, rows = 0, columns = 0] = tensor.dims
  if (data === undefined || tensor.dims.length !== 4 || channels !== weights.length) return undefined
  const places = rows * columns
  const made = new Float32Array(images * places)
  const sums = new Float64Array(places)
  for (let image = 0; image < images; image++) {
    sums.fill(0)
    for (let channel = 0; channel < channels; channel++) {
      const weight = weights[channel] as number
      const first = (image * channels + channel) * places
      for (let place = 0; place < places; place++)
        sums[place] = (sums[place] as number) + weight * (data[first + place] as number)
    }
    for (let place = 0; place < places; place++) {
      const sum = sums[place] as number
      if (Number.isNaN(sum)) return undefined
      made[image * places + place] = relu ? Math.max(0, sum) : sum
    }
  }
  return { dtype: 'float32', dims: [images, rows, columns], data: made }
}
