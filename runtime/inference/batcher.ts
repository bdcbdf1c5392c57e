import { elementArrays, type Tensor, type Tensors } from '../../models/contract/tensor.ts'

/** How a package lets its model be asked several things at once. */
export interface Batching {
  /** Rows of one run, each a size that is tried before the model is ready; 1 is among them. */
  readonly sizes: readonly number[]
  /** The longest that a request waits for others to come. */
  readonly maxWaitMs: number
}

/**
 * How many of those that wait to run together now: as many as the largest size, or after the wait as the largest size that
 * they fill; no row is made up to fill one.
 * @returns how long to wait for more, where the wait is not over
 */
export function planBatch(
  waiting: number,
  waitedMs: number,
  { sizes, maxWaitMs }: Batching,
): { readonly take: number; readonly waitMs?: never } | { readonly take?: never; readonly waitMs: number } {
  const largest = Math.max(1, ...sizes)
  if (waiting < largest && waitedMs < maxWaitMs) return { waitMs: maxWaitMs - waitedMs }
  return { take: Math.max(1, ...sizes.filter((size) => size <= waiting)) }
}

/** Is it one row, of which several can be put under one another? */
export function isRow(inputs: Tensors): boolean {
  const tensors = Object.values(inputs)
  return tensors.length > 0 && tensors.every(({ dims }) => dims.length > 0 && dims[0] === 1)
}

/** Same names, types and dimensions. */
export function isAlike(one: Tensors, other: Tensors): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]))
}

function isSame(one: Tensor | undefined, other: Tensor | undefined): boolean {
  if (one === undefined || other === undefined || one.dtype !== other.dtype) return false
  return one.dims.length === other.dims.length && one.dims.every((size, axis) => size === other.dims[axis])
}

/** Puts rows that are alike under one another. */
export function joinRows(rows: readonly Tensors[]): Tensors {
  const [first = {}] = rows
  const joined = Object.entries(first).map(
    ([
      name,
      {
        dtype,
        dims: [, ...rest],
        data,
      },
    ]): [string, Tensor] => {
      const whole = new elementArrays[dtype](data.length * rows.length)
      rows.forEach((row, index) => {
        const part = row[name]?.data
        // The typed arrays of one type: alike was asked before.
        if (part !== undefined) (whole as Float32Array).set(part as Float32Array, index * data.length)
      })
      return [name, { dtype, dims: [rows.length, ...rest], data: whole }]
    },
  )
  return Object.fromEntries(joined)
}

/** Takes the answer apart, a row for each. @returns undefined when an output has not that many rows */
export function splitRows(outputs: Tensors, count: number): Tensors[] | undefined {
  const tensors = Object.entries(outputs)
  if (tensors.some(([, { dims }]) => dims[0] !== count)) return undefined
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(tensors.map(([name, tensor]) => [name, rowOf(tensor, index, count)])),
  )
}

/** A copy: one that asked must not keep the others' answers in memory. */
function rowOf({ dtype, dims: [, ...rest], data }: Tensor, index: number, count: number): Tensor {
  const length = data.length / count
  return { dtype, dims: [1, ...rest], data: data.slice(index * length, (index + 1) * length) }
}
