import type { Explanation, ReadInput } from '../api/answers.ts'

/** One measurement on the way to a chart. */
export interface Point {
  readonly atMs: number
  /** In the contract's unit; null where only another unit is known. */
  readonly value: number | null
  /** False: it was sent, and the guards set it aside. */
  readonly isUsed: boolean
}

export interface TimeWindow {
  readonly fromMs: number
  readonly untilMs: number
}

/** Times of sender and record may differ in the last digits. */
const SAME_MOMENT_MS = 1000
const MINUTE_MS = 60_000

/** The numbers of an input over time, oldest first: what was used, and what was sent besides. */
export function pointsOf({ kind, sent, used, unit }: ReadInput): readonly Point[] {
  if (kind !== 'quantity') return []
  const points: Point[] = used.flatMap(({ value, at }) => pointAt(value, at, true))
  const moments = points.map(({ atMs }) => atMs)
  for (const { value, at, unit: sentUnit } of sent) {
    const [point] = pointAt(value, at, false)
    const isUsed = point === undefined || moments.some((atMs) => Math.abs(atMs - point.atMs) <= SAME_MOMENT_MS)
    // A value in another unit would stand in the wrong place: its moment alone is kept.
    if (!isUsed) points.push(sentUnit === null || sentUnit === unit ? point : { ...point, value: null })
  }
  return points.sort((a, b) => a.atMs - b.atMs)
}

function pointAt(value: unknown, at: string, isUsed: boolean): Point[] {
  const atMs = Date.parse(at)
  return typeof value === 'number' && Number.isFinite(atMs) ? [{ atMs, value, isUsed }] : []
}

/** One span for all charts, so that they can be read against each other. */
export function windowOf(inputs: readonly ReadInput[]): TimeWindow | undefined {
  const times = inputs.flatMap((input) => pointsOf(input).map(({ atMs }) => atMs))
  if (times.length === 0) return undefined
  const [fromMs, untilMs] = [Math.min(...times), Math.max(...times)]
  const margin = Math.max(MINUTE_MS, (untilMs - fromMs) * 0.03)
  return { fromMs: fromMs - margin, untilMs: untilMs + margin }
}

/** What contributed most first; without an explanation in the contract's order. */
export function byContribution(inputs: readonly ReadInput[], explanation: Explanation | null): readonly ReadInput[] {
  const sizes = new Map(explanation?.contributions.map(({ name, value }) => [name, Math.abs(value)]))
  const size = ({ contribution }: ReadInput) => (contribution === null ? 0 : (sizes.get(contribution) ?? 0))
  return inputs.toSorted((a, b) => size(b) - size(a))
}
