import { latestColumn } from '../features.ts'
import { sepsisInputs } from '../inputs.ts'
import { featureRows, type TrainingStay } from './scoring.ts'

export interface ReferenceHistogram {
  readonly input: string
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}

interface Seen {
  readonly value: number
  readonly patient: number
}

/** A released count stands for at least this many distinct patients. */
const MINIMUM_PATIENTS = 11
const BINS = 10

/**
 * How the inputs' latest values were distributed over the answered hours of these stays. The outer edges are the
 * plausible range, never the smallest or largest value that some patient had; a bin of fewer than 11 patients joins its
 * neighbour.
 */
export function referenceHistograms(stays: readonly TrainingStay[]): ReferenceHistogram[] {
  const rows = stays.flatMap((stay, patient) =>
    featureRows(stay.rows).flatMap((features) => (features === undefined ? [] : [{ features, patient }])),
  )
  return sepsisInputs.map(({ name, range }) => {
    const column = latestColumn(name)
    const seen = rows
      .map(({ features, patient }) => ({ value: features[column] ?? Number.NaN, patient }))
      // What stands for "not measured" lies outside the range.
      .filter(({ value }) => value >= Math.fround(range.low) && value <= range.high)
    return {
      input: name,
      ...mergeSmall(
        [range.low, ...quantiles(seen).filter((edge) => edge > range.low && edge < range.high), range.high],
        seen,
      ),
    }
  })
}

/** Rounded so that an edge is not one patient's value to the last digit. */
function quantiles(seen: readonly Seen[]): number[] {
  const sorted = seen.map(({ value }) => value).sort((left, right) => left - right)
  const edges = Array.from({ length: BINS - 1 }, (_, index) =>
    Number((sorted[Math.floor(((index + 1) / BINS) * sorted.length)] ?? 0).toPrecision(2)),
  )
  return [...new Set(edges)]
}

/** A last bin that is too small joins the one before it. */
function mergeSmall(edges: readonly number[], seen: readonly Seen[]): Omit<ReferenceHistogram, 'input'> {
  const kept = [edges[0] ?? 0]
  const bins: Seen[][] = []
  for (const high of edges.slice(1)) {
    const low = kept.at(-1) ?? 0
    const last = high === edges.at(-1)
    const inside = seen.filter(({ value }) => value >= low && (value < high || last))
    const isSmall = new Set(inside.map(({ patient }) => patient)).size < MINIMUM_PATIENTS
    if (isSmall && last && bins.length > 0) {
      bins.push([...(bins.pop() ?? []), ...inside])
      kept[kept.length - 1] = high
    } else if (!isSmall || last) {
      kept.push(high)
      bins.push(inside)
    }
  }
  return { edges: kept, counts: bins.map((inside) => inside.length) }
}
