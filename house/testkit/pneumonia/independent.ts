import type { Tensor } from '../../../models/contract/tensor.ts'
import type { GreyPicture } from '../images/png.ts'

const SIDE = 224
const mean = [0.485, 0.456, 0.406]
const sd = [0.229, 0.224, 0.225]

/**
 * The published preparation, written for this test alone and by its words: the white border cut off, Pillow's `resize` of an
 * 8-bit image to 224 × 224 (a triangle as wide as the reduction, first along rows, then along columns, rounded after each), divided by
 * 255, normalised per channel, [1, 3, 224, 224].
 */
export function publishedTensor(picture: GreyPicture): Tensor {
  const small = resized(withoutBorder(picture))
  const data = new Float32Array(3 * SIDE * SIDE)
  small.forEach((line, row) => {
    line.forEach((value, column) => {
      for (let channel = 0; channel < 3; channel++) {
        const unit = Math.fround(value / 255)
        data[(channel * SIDE + row) * SIDE + column] = (unit - mean[channel]!) / sd[channel]!
      }
    })
  })
  return { dtype: 'float32', dims: [1, 3, SIDE, SIDE], data }
}

export type Lines = readonly (readonly number[])[]

/** The bounding box of what is not white. */
export function withoutBorder({ rows, columns, values }: GreyPicture): Lines {
  const lines = Array.from({ length: rows }, (_, row) => [...values.subarray(row * columns, (row + 1) * columns)])
  const inked = (list: Lines): [number, number] => {
    const isInked = (line: readonly number[]) => line.some((value) => value < 255)
    return [list.findIndex(isInked), list.findLastIndex(isInked)]
  }
  const [top, bottom] = inked(lines)
  const [left, right] = inked(turned(lines))
  return lines.slice(top, bottom + 1).map((line) => line.slice(left, right + 1))
}

function turned(lines: Lines): Lines {
  return lines[0]!.map((_, column) => lines.map((line) => line[column]!))
}

function resized(lines: Lines): Lines {
  return turned(turned(lines.map(shortened)).map(shortened))
}

/**
 * One line to 224 values: each the mean of its neighbourhood, weighted by a triangle. Like Pillow for 8-bit images, a weight is a
 * whole number of 2^-22, and a half rounds up.
 */
function shortened(line: readonly number[]): number[] {
  const scale = line.length / SIDE
  const reach = Math.max(scale, 1)
  return Array.from({ length: SIDE }, (_, place) => {
    const centre = (place + 0.5) * scale
    const first = Math.max(0, Math.floor(centre - reach))
    const near = line.slice(first, Math.ceil(centre + reach)).map((value, index) => {
      return { value, weight: Math.max(0, 1 - Math.abs(first + index + 0.5 - centre) / reach) }
    })
    const total = near.reduce((sum, { weight }) => sum + weight, 0)
    const whole = near.reduce((sum, { value, weight }) => sum + value * Math.round((weight / total) * 2 ** 22), 0)
    return Math.min(255, Math.floor((whole + 2 ** 21) / 2 ** 22))
  })
}
