import type { Tensor } from '../tensor.ts'
import { elementCount } from './axis.ts'
import type { OpOf } from './output-schema.ts'

type Step = OpOf<'connected-components'>

/** A block of labels in space: sizes of its axes, the first 1 where there are two. */
interface Block {
  readonly depth: number
  readonly rows: number
  readonly columns: number
}

/** Elements that were passed before, where rows and columns are counted upwards. */
interface Neighbour {
  readonly planes: number
  readonly rows: number
  readonly columns: number
}

/** Regions are told by the index of an element: more would not fit. */
const MAX_ELEMENTS = 2 ** 31 - 1

/**
 * Keeps the largest region of a label (of equals the one whose first element comes first), or those of enough elements; each
 * block of space is on its own. Takes four bytes for each element of a block beside the labels.
 * @param tensor whole numbers from 0 to 255, whatever their type; its last two or three axes are space
 * @returns uint8; undefined for a tensor of fewer axes or other values
 */
export function connectedComponents(tensor: Tensor, step: Step): Tensor | undefined {
  const space = tensor.dims.slice(-step.axes)
  const labels = labelsOf(tensor)
  const size = elementCount(space)
  if (space.length < step.axes || labels === undefined || size > MAX_ELEMENTS) return undefined
  const [depth = 1, rows = 1, columns = 1] = step.axes === 3 ? space : [1, ...space]
  const parents = new Int32Array(size)
  for (let first = 0; first < labels.length; first += size) {
    const block = labels.subarray(first, first + size)
    join(block, parents, { depth, rows, columns }, step)
    keep(block, parents, step)
  }
  return { dtype: 'uint8', dims: [...tensor.dims], data: labels }
}

/** A copy, in a byte each. */
function labelsOf({ data }: Tensor): Uint8Array<ArrayBuffer> | undefined {
  if (data instanceof Uint8Array) return new Uint8Array(data)
  const labels = new Uint8Array(data.length)
  for (let index = 0; index < data.length; index++) {
    const value = Number(data[index])
    labels[index] = value
    if (labels[index] !== value) return undefined
  }
  return labels
}

/**
 * Union-find (Galler and Fischer 1964) in one array: an element's parent, or at a root the number of elements below it,
 * negative. The root of a region is its first element.
 */
function join(labels: Uint8Array, parents: Int32Array, block: Block, { label, touch }: Step): void {
  const { depth, rows, columns } = block
  const passed = touch === 'faces' ? passedFaces : passedCorners
  for (let plane = 0; plane < depth; plane++) {
    for (let row = 0; row < rows; row++) {
      const near = passed.filter((one) => plane + one.planes >= 0 && row + one.rows >= 0 && row + one.rows < rows)
      const offsets = Int32Array.from(near, (one) => (one.planes * rows + one.rows) * columns + one.columns)
      const sides = Int32Array.from(near, (one) => one.columns)
      const first = (plane * rows + row) * columns
      for (let column = 0; column < columns; column++) {
        const index = first + column
        if (labels[index] !== label) continue
        parents[index] = -1
        let root = index
        for (let side = 0; side < sides.length; side++) {
          const at = column + (sides[side] as number)
          const other = index + (offsets[side] as number)
          if (at < 0 || at >= columns || labels[other] !== label) continue
          // Most neighbours are in the region already, and say so at once.
          if (other !== root && parents[other] !== root) root = unite(parents, root, rootOf(parents, other))
        }
      }
    }
  }
}

/** @returns the root of both */
function unite(parents: Int32Array, one: number, other: number): number {
  if (one === other) return one
  const [first, second] = one < other ? [one, other] : [other, one]
  parents[first] = (parents[first] as number) + (parents[second] as number)
  parents[second] = first
  return first
}

/** Shortens the way for the next who asks. */
function rootOf(parents: Int32Array, index: number): number {
  let at = index
  for (;;) {
    const parent = parents[at] as number
    if (parent < 0) return at
    const above = parents[parent] as number
    if (above < 0) return parent
    parents[at] = above
    at = above
  }
}

function keep(labels: Uint8Array, parents: Int32Array, { label, background, keep: which }: Step): void {
  const largest = which === 'largest' ? largestRoot(labels, parents, label) : undefined
  const atLeast = which === 'largest' ? 0 : which.atLeast
  for (let index = 0; index < labels.length; index++) {
    if (labels[index] !== label) continue
    const root = rootOf(parents, index)
    const isKept = largest === undefined ? -(parents[root] as number) >= atLeast : root === largest
    if (!isKept) labels[index] = background
  }
}

function largestRoot(labels: Uint8Array, parents: Int32Array, label: number): number {
  let [root, most] = [-1, 0]
  for (let index = 0; index < labels.length; index++) {
    if (labels[index] !== label) continue
    const size = -(parents[index] as number)
    if (size > most) [root, most] = [index, size]
  }
  return root
}

const steps = [-1, 0, 1]
const around: readonly Neighbour[] = steps.flatMap((planes) =>
  steps.flatMap((rows) => steps.map((columns) => ({ planes, rows, columns }))),
)
const passedCorners = around.filter(({ planes, rows, columns }) => planes * 9 + rows * 3 + columns < 0)
const passedFaces = passedCorners.filter(
  ({ planes, rows, columns }) => Math.abs(planes) + Math.abs(rows) + Math.abs(columns) === 1,
)
