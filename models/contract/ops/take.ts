import type { SeriesOp } from './series-schema.ts'

export type Take = Extract<SeriesOp, { op: 'bins' | 'window' }>['take']

/**
 * One value out of those measured, oldest first: none gives a missing value, but a count of 0.
 * Sums run from the oldest to the newest in float64, so that the same values always give the same bits.
 */
export function takeOf(values: readonly number[], take: Take): number {
  if (take === 'count') return values.length
  if (values.length === 0) return Number.NaN
  switch (take) {
    case 'first':
      return values[0] ?? Number.NaN
    case 'latest':
      return values.at(-1) ?? Number.NaN
    case 'minimum':
      return values.reduce((least, value) => Math.min(least, value))
    case 'maximum':
      return values.reduce((most, value) => Math.max(most, value))
    case 'sum':
      return sumOf(values)
    case 'mean':
      return sumOf(values) / values.length
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value)
}
