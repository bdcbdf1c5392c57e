import { elementArrays, type Tensor } from '../tensor.ts'
import { floatsLike, floatsOf, floatTensor, lanesOf, numbersOf } from './axis.ts'
import type { OpOf } from './output-schema.ts'

/**
 * From a model's scores of classes to what is said of them. Each function returns undefined for a tensor that it cannot be
 * applied to, and for one that holds what is not a number: of NaN no class is the largest.
 */

/** Along one axis, in float64, rounded once. An axis of one place is a fault: its only class would always be certain. */
export function softmax(tensor: Tensor, { axis }: OpOf<'softmax'>): Tensor | undefined {
  const [data, lanes] = [floatsOf(tensor), lanesOf(tensor, axis)]
  if (data === undefined || lanes === undefined || lanes.size < 2) return undefined
  const { outer, size, inner } = lanes
  const made = floatsLike(data, data.length)
  const powers = new Float64Array(size)
  for (let block = 0; block < outer; block++) {
    for (let lane = 0; lane < inner; lane++) {
      const first = block * size * inner + lane
      let largest = Number.NEGATIVE_INFINITY
      for (let place = 0; place < size; place++) largest = Math.max(largest, data[first + place * inner] as number)
      // NaN anywhere makes it NaN; of an infinity there are no shares.
      if (!Number.isFinite(largest)) return undefined
      let sum = 0
      for (let place = 0; place < size; place++) {
        const power = Math.exp((data[first + place * inner] as number) - largest)
        powers[place] = power
        sum += power
      }
      for (let place = 0; place < size; place++) made[first + place * inner] = (powers[place] as number) / sum
    }
  }
  return floatTensor(tensor.dims, made)
}

/** 1 / (1 + exp(−x)) of every element. */
export function sigmoid(tensor: Tensor): Tensor | undefined {
  return mapFloats(tensor, (value) => 1 / (1 + Math.exp(-value)))
}

/** Every element divided by the temperature. */
export function temperature(tensor: Tensor, op: OpOf<'temperature'>): Tensor | undefined {
  return mapFloats(tensor, (value) => value / op.temperature)
}

/** One place along the axis, of any type of element; what it holds is judged where it is read. */
export function pick(tensor: Tensor, { axis, index }: OpOf<'pick'>): Tensor | undefined {
  const lanes = lanesOf(tensor, axis)
  if (lanes === undefined || index >= lanes.size) return undefined
  const { outer, size, inner, rest } = lanes
  const data: ArrayLike<number | bigint> = tensor.data
  const made = new elementArrays[tensor.dtype](outer * inner)
  const places: { [place: number]: number | bigint } = made
  for (let block = 0; block < outer; block++) {
    const first = (block * size + index) * inner
    for (let lane = 0; lane < inner; lane++) places[block * inner + lane] = data[first + lane] as number | bigint
  }
  return { dtype: tensor.dtype, dims: rest, data: made }
}

const MAX_UINT8_PLACES = 256

/** The place of the largest, of equals the first. An axis of one place is a fault: nothing is compared along it. */
export function argmax(tensor: Tensor, { axis }: OpOf<'argmax'>): Tensor | undefined {
  const [data, lanes] = [numbersOf(tensor), lanesOf(tensor, axis)]
  if (data === undefined || lanes === undefined || lanes.size < 2) return undefined
  const { outer, size, inner, rest } = lanes
  const isSmall = size <= MAX_UINT8_PLACES
  const made = isSmall ? new Uint8Array(outer * inner) : new Int32Array(outer * inner)
  for (let block = 0; block < outer; block++) {
    for (let lane = 0; lane < inner; lane++) {
      const first = block * size * inner + lane
      let largest = data[first] as number
      let at = 0
      let isNumber = !Number.isNaN(largest)
      for (let place = 1; place < size; place++) {
        const value = data[first + place * inner] as number
        if (value > largest) {
          largest = value
          at = place
        } else if (Number.isNaN(value)) isNumber = false
      }
      if (!isNumber) return undefined
      made[block * inner + lane] = at
    }
  }
  return { dtype: isSmall ? 'uint8' : 'int32', dims: rest, data: made }
}

function mapFloats(tensor: Tensor, change: (value: number) => number): Tensor | undefined {
  const data = floatsOf(tensor)
  if (data === undefined) return undefined
  const made = floatsLike(data, data.length)
  for (let index = 0; index < data.length; index++) {
    const value = change(data[index] as number)
    if (Number.isNaN(value)) return undefined
    made[index] = value
  }
  return floatTensor(tensor.dims, made)
}
