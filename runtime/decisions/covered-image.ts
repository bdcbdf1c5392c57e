import type { Draw } from './seeded-draw.ts'

/** An image as the model takes it: one frame, its numbers as they lie in the tensor. */
export interface Picture {
  readonly data: Float32Array
  readonly layout: 'NCHW' | 'NHWC'
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** Parts an image into places, row by row: each element of it lies in exactly one. */
export interface Grid {
  /** Where the places begin and end, in rows of the image: one more than there are rows of places. */
  readonly rowEdges: readonly number[]
  readonly columnEdges: readonly number[]
}

/** Places of one size, as nearly as whole elements allow. */
export function evenGrid(picture: Picture, rows: number, columns: number): Grid {
  return { rowEdges: evenEdges(picture.height, rows), columnEdges: evenEdges(picture.width, columns) }
}

/**
 * The same, its inner edges moved together by up to half a place, down or up and to the right or left: places at the rim
 * become larger or smaller. What a map owes to where the edges happened to lie, another seed shows.
 */
export function shiftedGrid(picture: Picture, rows: number, columns: number, draw: Draw): Grid {
  return {
    rowEdges: shifted(evenEdges(picture.height, rows), draw),
    columnEdges: shifted(evenEdges(picture.width, columns), draw),
  }
}

export function placesOf({ rowEdges, columnEdges }: Grid): number {
  return (rowEdges.length - 1) * (columnEdges.length - 1)
}

/** Copies of the image one after another, each with other places covered. */
export function coveredImages(
  picture: Picture,
  grid: Grid,
  covers: readonly (readonly number[])[],
  fill: number,
): Float32Array<ArrayBuffer> {
  const size = picture.data.length
  const images = new Float32Array(covers.length * size)
  covers.forEach((places, index) => {
    const image = images.subarray(index * size, (index + 1) * size)
    image.set(picture.data)
    for (const place of places) coverPlace(image, picture, grid, place, fill)
  })
  return images
}

function coverPlace(image: Float32Array, picture: Picture, grid: Grid, place: number, fill: number): void {
  const { channels, height, width, layout } = picture
  const across = grid.columnEdges.length - 1
  const [row, column] = [Math.floor(place / across), place % across]
  const [top = 0, bottom = 0] = grid.rowEdges.slice(row, row + 2)
  const [left = 0, right = 0] = grid.columnEdges.slice(column, column + 2)
  // A run of one row: of one channel, or of all channels together.
  const [planes, step] = layout === 'NCHW' ? [channels, 1] : [1, channels]
  for (let plane = 0; plane < planes; plane++)
    for (let y = top; y < bottom; y++) {
      const start = (plane * height + y) * width
      image.fill(fill, (start + left) * step, (start + right) * step)
    }
}

function evenEdges(length: number, count: number): number[] {
  return Array.from({ length: count + 1 }, (_, index) => Math.floor((index * length) / count))
}

function shifted(edges: readonly number[], draw: Draw): number[] {
  const length = edges.at(-1) ?? 0
  const half = Math.floor(length / (edges.length - 1) / 2)
  const shift = draw(2 * half + 1) - half
  return edges.map((edge, index) => (index === 0 || index === edges.length - 1 ? edge : edge + shift))
}
