import type { Observation } from '../contract/guard.ts'
import { type IcuStay, LABEL_LEAD_HOURS, type StayHour } from '../icu-stays/stay.ts'
import { challengeColumns, sexColumn } from './columns.ts'

const HOUR_MS = 3_600_000

/** One measured value, under a contract's input name. */
export interface HourlyValue {
  readonly value: number | string | boolean
  /** UCUM code; absent for codes and booleans. */
  readonly unit?: string
}

/** What was charted in one hour of a stay; an input that was not measured is absent. */
export interface HourlyRow {
  /** Whole hours since the first row. */
  readonly hour: number
  readonly values: Readonly<Record<string, HourlyValue>>
  /** The challenge's label: from six hours before the onset of sepsis on. Absent where the outcome is not known. */
  readonly septic?: boolean
}

/** The hours of a stay under the names of the model's inputs; columns that it does not read are left out. */
export function hourlyRows({ hours, onset, isLabelled }: IcuStay): HourlyRow[] {
  const from = onset === undefined ? Number.POSITIVE_INFINITY : onset - LABEL_LEAD_HOURS
  return hours.map(({ hour, values }) => {
    const row = { hour, values: namedValues(values) }
    return isLabelled ? { ...row, septic: hour >= from } : row
  })
}

function namedValues(values: StayHour['values']): HourlyRow['values'] {
  const named = [...values].flatMap(([column, value]): [string, HourlyValue][] => {
    if (column === sexColumn) return [['sex', { value: value === 1 ? 'male' : 'female' }]]
    const spec = Object.hasOwn(challengeColumns, column) ? challengeColumns[column] : undefined
    return spec === undefined ? [] : [[spec.input, { value, unit: spec.unit }]]
  })
  return Object.fromEntries(named)
}

/**
 * The observations a sender would have at row `index` of a stay, for the inputs named, oldest first. Row `index` is
 * observed at `nowMs`, each row before it an hour earlier; rows further back than `hours` are left out.
 */
export function observationsAt(
  rows: readonly HourlyRow[],
  index: number,
  inputs: readonly string[],
  nowMs: number,
  hours: number,
): Record<string, Observation[]> {
  const observations: Record<string, Observation[]> = {}
  for (const row of rows.slice(Math.max(0, index + 1 - hours), index + 1)) {
    const atMs = nowMs - ((rows[index]?.hour ?? 0) - row.hour) * HOUR_MS
    for (const input of inputs) {
      const measured = row.values[input]
      if (measured === undefined) continue
      observations[input] ??= []
      observations[input].push({ ...measured, atMs })
    }
  }
  return observations
}
