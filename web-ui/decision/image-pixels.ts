import type { Explanation } from '../api/answers.ts'
import type { ImageTensor } from './image-tensor.ts'
import type { LabelMap } from './label-map.ts'

/** What of the tensor is shown, and how its numbers become grey. */
export interface ImageView {
  readonly frame: number
  /** One channel as grey, or all three as colour. */
  readonly channel: number | 'colour'
  readonly center: number
  readonly width: number
}

type Pixels = Uint8ClampedArray<ArrayBuffer>
type ExplanationMap = NonNullable<Explanation['map']>

/** Of one frame, four bytes a pixel: below the window black, above it white, in it a straight line. */
export function framePixels(tensor: ImageTensor, view: ImageView): Pixels {
  const { rows, columns, data, indexOf } = tensor
  const pixels = new Uint8ClampedArray(rows * columns * 4)
  const low = view.center - view.width / 2
  const scale = view.width > 0 ? 255 / view.width : 0
  const grey = (row: number, column: number, channel: number) =>
    ((data[indexOf(view.frame, row, column, channel)] ?? 0) - low) * scale
  let at = 0
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      for (let part = 0; part < 3; part += 1) {
        pixels[at + part] = grey(row, column, view.channel === 'colour' ? part : view.channel)
      }
      pixels[at + 3] = 255
      at += 4
    }
  }
  return pixels
}

const RAISES = [230, 97, 1] as const
const LOWERS = [0, 120, 240] as const

/** Colour where a place of the map contributed, stronger the more it did; what contributed nothing stays clear. */
export function mapPixels(map: ExplanationMap, rows: number, columns: number): Pixels {
  const pixels = new Uint8ClampedArray(rows * columns * 4)
  const strongest = Math.max(...map.values.map(Math.abs), Number.MIN_VALUE)
  const rowPlaces = placesOf(map.rowEdges, rows)
  const columnPlaces = placesOf(map.columnEdges, columns)
  let at = 0
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const [inRows, inColumns] = [rowPlaces[row] ?? -1, columnPlaces[column] ?? -1]
      const value = inRows < 0 || inColumns < 0 ? 0 : (map.values[inRows * map.columns + inColumns] ?? 0)
      pixels.set(value < 0 ? LOWERS : RAISES, at)
      pixels[at + 3] = (255 * Math.abs(value)) / strongest
      at += 4
    }
  }
  return pixels
}

/** For each line of the image the place of the map in which it lies; -1 outside. */
function placesOf(edges: readonly number[], count: number): Int32Array {
  const places = new Int32Array(count).fill(-1)
  for (let place = 0; place + 1 < edges.length; place += 1) places.fill(place, edges[place], edges[place + 1])
  return places
}

/** Colours that are told apart also by those who see few of them, after Okabe and Ito. */
export const labelColours: readonly (readonly [number, number, number])[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
]

/** Of one frame of a label map; the label 0 is what is not marked. */
export function labelPixels(labels: LabelMap, frame: number): Pixels {
  const size = labels.rows * labels.columns
  const pixels = new Uint8ClampedArray(size * 4)
  for (let place = 0; place < size; place += 1) {
    const label = labels.data[frame * size + place] ?? 0
    if (label === 0) continue
    pixels.set(colourOf(label), place * 4)
    pixels[place * 4 + 3] = 255
  }
  return pixels
}

export function colourOf(label: number): readonly [number, number, number] {
  return labelColours[(label - 1) % labelColours.length] ?? RAISES
}
