import { type TensorLayout, tensorLayouts } from '../api/answers.ts'

/** The image as the model took it, in the order in which it lies in memory. */
export interface ImageTensor {
  readonly data: Float32Array | Uint8Array
  readonly channels: number
  readonly frames: number
  readonly rows: number
  readonly columns: number
  readonly least: number
  readonly most: number
  /** Of one element. */
  indexOf(frame: number, row: number, column: number, channel: number): number
}

/** Beyond any image that is kept with a record. */
const MAX_ELEMENTS = 64 * 1024 * 1024

/** @param headers of GET /v1/decisions/{id}/image @returns undefined when the bytes are not what the headers say */
export function parseImageTensor(
  bytes: Uint8Array<ArrayBuffer>,
  headers: Pick<Headers, 'get'>,
): ImageTensor | undefined {
  const layout = tensorLayouts.find((each) => each === headers.get('wardstone-layout'))
  const dims = (headers.get('wardstone-dims') ?? '').split(',').map(Number)
  const dtype = headers.get('wardstone-dtype')
  if (layout === undefined || dims.length !== layout.length || dims[0] !== 1) return undefined
  const count = dims.reduce((product, size) => product * size, 1)
  const isSized = dims.every((size) => Number.isSafeInteger(size) && size > 0) && count <= MAX_ELEMENTS
  const width = dtype === 'float32' ? 4 : dtype === 'uint8' ? 1 : 0
  if (!isSized || width === 0 || bytes.length !== count * width) return undefined
  const data = dtype === 'float32' ? floats(bytes) : bytes
  return { data, ...shapeOf(layout, dims), ...rangeOf(data) }
}

/** Little-endian, on whatever machine the browser runs. */
function floats(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true))
}

function shapeOf(layout: TensorLayout, dims: readonly number[]) {
  const size = (axis: string) => dims[layout.indexOf(axis)] ?? 1
  const [channels, frames, rows, columns] = [size('C'), size('D'), size('H'), size('W')]
  const strides = new Map<string, number>()
  let stride = 1
  for (let axis = layout.length - 1; axis >= 0; axis -= 1) {
    strides.set(layout[axis] ?? '', stride)
    stride *= dims[axis] ?? 1
  }
  const [c, d, h, w] = ['C', 'D', 'H', 'W'].map((axis) => strides.get(axis) ?? 0) as [number, number, number, number]
  const indexOf = (frame: number, row: number, column: number, channel: number) =>
    frame * d + row * h + column * w + channel * c
  return { channels, frames, rows, columns, indexOf }
}

function rangeOf(data: Float32Array | Uint8Array): { least: number; most: number } {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of data) {
    if (value < least) least = value
    if (value > most) most = value
  }
  return Number.isFinite(least) && Number.isFinite(most) ? { least, most } : { least: 0, most: 1 }
}
