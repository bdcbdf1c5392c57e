import { type HourlyRow, observationsAt } from '../models/sepsis-risk/hourly.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'

/** A patient as the demo has one: an opaque reference and hourly rows. */
export interface DemoPatient {
  readonly subject: string
  readonly rows: readonly HourlyRow[]
}

/** The body of one `POST /v1/decisions`. */
export interface DecisionBody {
  readonly model: string
  readonly subject: string
  readonly purpose: 'demonstration'
  readonly inputs: Readonly<Record<string, unknown>>
}

/** What every model in the box is told of a patient at one row: the inputs its own contract names, nothing else. */
export function decisionBody(patient: DemoPatient, rowIndex: number, model: ModelSummary, nowMs: number): DecisionBody {
  const longestHours = Math.ceil(Math.max(...model.inputs.map(({ maxAgeMinutes }) => maxAgeMinutes)) / 60)
  const names = model.inputs.map(({ name }) => name)
  const observed = observationsAt(patient.rows, rowIndex, names, nowMs, Math.min(longestHours, 336))
  const inputs = Object.entries(observed).map(([name, observations]) => {
    const sent = observations.map(({ value, unit, atMs }) => ({ value, unit, at: new Date(atMs).toISOString() }))
    const isSeries = model.inputs.some((input) => input.name === name && input.series)
    return [name, isSeries ? sent : sent.at(-1)]
  })
  return { model: model.slot, subject: patient.subject, purpose: 'demonstration', inputs: Object.fromEntries(inputs) }
}

/** The rows at which decisions are asked for: a third, two thirds, and the end of what was recorded. */
export function askedRows(rowCount: number): number[] {
  const rows = [Math.floor(rowCount / 3), Math.floor((2 * rowCount) / 3), rowCount - 1]
  return [...new Set(rows.filter((row) => row >= 0))]
}
