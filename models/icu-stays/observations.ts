import type { Observation } from '../contract/guard.ts'
import type { Contract, InputSpec } from '../contract/schema.ts'
import { type StayColumn, stayColumns } from './columns.ts'
import type { IcuStay } from './stay.ts'

const HOUR_MS = 3_600_000
/** The most hours that any op looks back on; what is older is never read. */
const MAX_HOURS = 336

/** An input of a contract, and the column of a stay that it is told of. */
export interface MatchedInput {
  readonly input: InputSpec
  readonly column: StayColumn
}

/** Inputs that are a column by name, else by LOINC code; an input that is none of them is never sent. */
export function matchInputs({ inputs }: Pick<Contract, 'inputs'>): readonly MatchedInput[] {
  return inputs.flatMap((input) => {
    const column =
      stayColumns.find(({ names }) => names.includes(input.name)) ??
      stayColumns.find(({ loinc }) =>
        input.codes.some(({ system, code }) => system === 'LOINC' && loinc.includes(code)),
      )
    return column === undefined ? [] : [{ input, column }]
  })
}

/**
 * What a sender would say at one hour of a stay: every value up to then, oldest first, the hour itself measured at
 * `nowMs` and each before it an hour earlier; of an input that is no series the latest alone.
 */
export function observationsOfHour(
  stay: IcuStay,
  hour: number,
  matched: readonly MatchedInput[],
  nowMs: number,
): Record<string, readonly Observation[]> {
  const rows = stay.hours.slice(Math.max(0, hour + 1 - MAX_HOURS), hour + 1)
  const observed = matched.map(({ input, column }): [string, readonly Observation[]] => {
    const all = rows.flatMap((row) => {
      const value = row.values.get(column.column)
      return value === undefined ? [] : [observationOf(input, value, column.unit, nowMs - (hour - row.hour) * HOUR_MS)]
    })
    return [input.name, input.series ? all : all.slice(-1)]
  })
  return Object.fromEntries(observed.filter(([, list]) => list.length > 0))
}

/** The files say 0 and 1 where a contract may have a boolean, or codes of these names. */
function observationOf(input: InputSpec, value: number, unit: string, atMs: number): Observation {
  if (input.kind === 'boolean') return { value: value === 1, atMs }
  if (input.kind === 'code') return { value: String(value), atMs }
  return { value, unit, atMs }
}
