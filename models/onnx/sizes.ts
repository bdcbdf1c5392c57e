import { dtypes, type OnnxValue } from './surface.ts'

/**
 * How many elements sizes of an unproven file make together. They may be negative, absurd or too many to multiply: what comes out is
 * a whole number that can be compared and added, never NaN or infinite, so that no check of a size can be talked out of.
 * @returns 0 where one of the sizes is not above 0
 */
export function elementCount(sizes: readonly number[]): number {
  if (!sizes.every((size) => size > 0)) return 0
  return bounded(sizes.reduce((product, size) => product * size, 1))
}

/** At most what a number can say exactly. */
export function bounded(count: number): number {
  return Math.min(count, Number.MAX_SAFE_INTEGER)
}

/** Bytes of a value whose shape is wholly known; 0 for all others. */
export function knownBytes({ dtype, dims }: OnnxValue): number {
  const size = [...dtypes.values()].find(({ name }) => name === dtype)?.bytes
  if (size === undefined || dims === undefined || !dims.every((dim) => typeof dim === 'number')) return 0
  return bounded(elementCount(dims) * size)
}

/** Of a tensor whose first size alone is free, as a batch's is: what one patient takes. @returns 0 where other sizes are free */
export function onePatientBytes(value: OnnxValue): number {
  const [batch, ...rest] = value.dims ?? []
  return batch === undefined || typeof batch === 'number'
    ? knownBytes(value)
    : knownBytes({ ...value, dims: [1, ...rest] })
}
