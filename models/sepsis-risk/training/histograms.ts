import { sepsisInputs } from '../inputs.ts'
import type { TrainingStay } from './dataset.ts'

export interface ReferenceHistogram {
  readonly input: string
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}

/** A released count stands for at least this many distinct patients. */
const MINIMUM_PATIENTS = 11
const BINS = 10

/**
 * How the inputs were distributed over the scored hours of the training stays. The outer edges are the plausible range,
 * never the smallest or largest value that some patient had; a bin of fewer than 11 patients joins its neighbour.
 */
export function referenceHistograms(stays: readonly TrainingStay[]): ReferenceHistogram[] {
  return sepsisInputs.map((input, column) => {
    const seen = stays.flatMap((stay, patient) =>
      stay.hours.flatMap(({ values }) => {
        const value = values?.[column] ?? Number.NaN
        return Number.isNaN(value) ? [] : [{ value, patient }]
      }),
    )
    const inner = quantiles(seen.map(({ value }) => value))
    return { input: input.name, ...mergeSmall([input.range.low, ...inner, input.range.high], seen) }
  })
}

/** Rounded so that an edge is not one patient's value to the last digit. */
function quantiles(values: readonly number[]): number[] {
  const sorted = values.toSorted((left, right) => left - right)
  const edges = Array.from({ length: BINS - 1 }, (_, index) =>
    Number((sorted[Math.floor(((index + 1) / BINS) * sorted.length)] ?? 0).toPrecision(2)),
  )
  return [...new Set(edges)]
}

function mergeSmall(edges: readonly number[], seen: readonly { value: number; patient: number }[]) {
  const kept = [edges[0] ?? 0]
  const counts: number[] = []
  for (const high of edges.slice(1)) {
    const low = kept.at(-1) ?? 0
    const last = high === edges.at(-1)
    const inside = seen.filter(({ value }) => value >= low && (value < high || (last && value === high)))
    if (new Set(inside.map(({ patient }) => patient)).size < MINIMUM_PATIENTS && !last) continue
    kept.push(high)
    counts.push(inside.length)
  }
  return { edges: kept, counts }
}
