import type { HourlyRow } from '../hourly.ts'
import { labInputs, MINIMUM_AGE_YEARS, type SepsisInput, sepsisInputs } from '../inputs.ts'

/** One hour of a stay as the model would see it. A hour that the guards refuse has no features. */
export interface StayHour {
  readonly hour: number
  /** Physical units, NaN = not measured in time; undefined when an essential input is missing or stale. */
  readonly values: readonly number[] | undefined
}

export interface TrainingStay {
  readonly hours: readonly StayHour[]
  /** Hour of the onset of sepsis; undefined for a stay without. The label starts six hours before. */
  readonly onset: number | undefined
  readonly ageYears: number
}

const LABEL_LEAD_HOURS = 6

/** @returns undefined for a patient outside the population. */
export function trainingStay(rows: readonly HourlyRow[]): TrainingStay | undefined {
  const age = rows[0]?.values.age?.value
  if (typeof age !== 'number' || age < MINIMUM_AGE_YEARS) return undefined
  const labelled = rows.findIndex((row) => row.septic === true)
  return {
    hours: latestValues(rows),
    ageYears: age,
    onset: labelled < 0 ? undefined : (rows[labelled]?.hour ?? 0) + LABEL_LEAD_HOURS,
  }
}

export function isLabelled(stay: TrainingStay, hour: number): boolean {
  return stay.onset !== undefined && hour >= stay.onset - LABEL_LEAD_HOURS
}

/** The same columns as preprocessing makes them, before a missing lab is filled: held equal to it by a test. */
export function latestValues(rows: readonly HourlyRow[]): StayHour[] {
  const latest = sepsisInputs.map(() => ({ value: Number.NaN, hour: Number.NEGATIVE_INFINITY }))
  return rows.map((row) => {
    sepsisInputs.forEach((input, column) => {
      const value = row.values[input.name]?.value
      if (typeof value === 'number' && isPlausible(input, value)) latest[column] = { value, hour: row.hour }
    })
    return { hour: row.hour, values: inTime(latest, row.hour) }
  })
}

function inTime(latest: readonly { value: number; hour: number }[], hour: number): number[] | undefined {
  const values = sepsisInputs.map((input, column) => {
    const seen = latest[column]
    return seen !== undefined && hour - seen.hour <= input.maxAgeHours ? seen.value : Number.NaN
  })
  const refused = sepsisInputs.some((input, column) => input.kind !== 'lab' && Number.isNaN(values[column]))
  return refused ? undefined : values
}

function isPlausible(input: SepsisInput, value: number): boolean {
  return value >= input.range.low && value <= input.range.high
}

/** Fills what is missing, limits each value, and appends whether each lab was measured. */
export function featureRow(values: readonly number[], fill: readonly number[]): number[] {
  const limited = sepsisInputs.map((input, column) => {
    const value = values[column] ?? Number.NaN
    const filled = Number.isNaN(value) ? (fill[column] ?? 0) : value
    return Math.min(input.clip.high, Math.max(input.clip.low, filled))
  })
  const firstLab = sepsisInputs.findIndex((input) => input.kind === 'lab')
  const measured = labInputs.map((_, index) => (Number.isNaN(values[firstLab + index] ?? Number.NaN) ? 0 : 1))
  return [...limited, ...measured]
}
