import type { ImageOp } from './image-schema.ts'

export type Filter = Exclude<Extract<ImageOp, { op: 'image-resize' }>['filter'], 'nearest'>

/** For each place of the result, which places of the source it is made of, and how much of each. */
export interface Weights {
  /** The first place; never before that of the place before. */
  readonly starts: Int32Array
  readonly counts: Int32Array
  /** `stride` for each place of the result, `counts` of them used; together 1, in fixed point {@link FIXED_ONE}. */
  readonly weights: Float64Array
  readonly stride: number
}

/** Weights of 8-bit images are whole numbers of 2^-22, as in Pillow: sums of them are exact, and the same everywhere. */
export const FIXED_ONE = 2 ** 22

const kernels: Readonly<Record<Filter, { readonly support: number; weight(distance: number): number }>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/**
 * Convolution resampling as Pillow does it: places are the middles of unit squares; when the result is smaller, the
 * filter is as much wider; weights beyond the edge are left out and the others made to add up to one.
 */
export function resizeWeights(from: number, to: number, filter: Filter, isFixed: boolean): Weights {
  const { support, weight } = kernels[filter]
  const scale = from / to
  const spread = Math.max(1, scale)
  const reach = support * spread
  const stride = Math.min(from, Math.ceil(reach) * 2 + 1)
  const starts = new Int32Array(to)
  const counts = new Int32Array(to)
  const weights = new Float64Array(to * stride)
  for (let place = 0; place < to; place += 1) {
    const middle = (place + 0.5) * scale
    const start = Math.max(0, Math.trunc(middle - reach + 0.5))
    const count = Math.min(from, Math.trunc(middle + reach + 0.5)) - start
    const own = weights.subarray(place * stride, place * stride + count)
    for (let index = 0; index < count; index += 1) own[index] = weight((start + index - middle + 0.5) / spread)
    const sum = own.reduce((total, part) => total + part, 0)
    for (let index = 0; index < count; index += 1) own[index] = sum === 0 ? 0 : own[index]! / sum
    if (isFixed) toFixedPoint(own)
    starts[place] = start
    counts[place] = count
  }
  return { starts, counts, weights, stride }
}

/** Halves away from zero. */
function toFixedPoint(weights: Float64Array): void {
  for (let index = 0; index < weights.length; index += 1) {
    const weight = weights[index]!
    weights[index] = Math.sign(weight) * Math.floor(Math.abs(weight) * FIXED_ONE + 0.5)
  }
}

/** Keys' cubic with a = −1/2. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}
