import type { SeriesOp } from './series-schema.ts'

export type Take = Extract<SeriesOp, { op: 'bins' | 'window' }>['take']

/**
 * One value out of those measured, oldest first: none gives a missing value, but a count of 0.
 * Sums run from the oldest to the newest in float64, so that the same values always give the same bits.
 */
export function takeOf(values: readonly number[], take: Take): number {
  if (take === 'count') return values.length
  const [first, ...later] = values
  if (first === undefined) return Number.NaN
  switch (take) {
    case 'first':
      return first
    case 'latest':
      return later.at(-1) ?? first
    case 'minimum':
      return later.reduce((least, value) => Math.min(least, value), first)
    case 'maximum':
      return later.reduce((most, value) => Math.max(most, value), first)
    case 'sum':
      return sumOf(first, later)
    case 'mean':
      return sumOf(first, later) / values.length
  }
}

function sumOf(first: number, later: readonly number[]): number {
  return later.reduce((sum, value) => sum + value, first)
}
