import { ContractError } from '../errors.ts'
import type { GuardedInputs, GuardedObservation } from '../guard.ts'
import type { Contract, InputSpec, PreprocessingOp } from '../schema.ts'
import type { Matrix } from './matrix.ts'
import { takeOf } from './take.ts'

const MS_PER_MINUTE = 60_000
const MS_PER_HOUR = 60 * MS_PER_MINUTE
const NONE: readonly number[] = []

export type ObserveStep = Extract<PreprocessingOp, { op: 'observe' | 'bins' }>

/** The ops that make a matrix of what was observed. @throws ContractError contract_inconsistent about an unknown input */
export function observe(step: ObserveStep, guarded: GuardedInputs, contract: Contract, nowMs: number): Matrix {
  return step.op === 'observe'
    ? observeHours(step, guarded, contract, nowMs)
    : observeBins(step, guarded, contract, nowMs)
}

/** One row: the latest observation of all. More rows: one per hour before now, each with that hour's latest. */
function observeHours(
  step: Extract<ObserveStep, { op: 'observe' }>,
  guarded: GuardedInputs,
  contract: Contract,
  nowMs: number,
): Matrix {
  const matrix = emptyMatrix(step.hours, step.inputs.length)
  step.inputs.forEach((name, column) => {
    const spec = specOf(contract, name)
    for (const observation of observationsOf(guarded, name)) {
      const hoursAgo = step.hours === 1 ? 0 : Math.floor((nowMs - observation.atMs) / MS_PER_HOUR)
      if (hoursAgo < 0 || hoursAgo >= step.hours) continue
      // Oldest first: what comes later in the same hour replaces what stood there.
      matrix.cells[(step.hours - 1 - hoursAgo) * matrix.columns + column] = numberOf(spec, observation)
    }
  })
  return matrix
}

/** One row per span of time; a span is [n, n+1) widths before now, as an hour is. */
function observeBins(
  step: Extract<ObserveStep, { op: 'bins' }>,
  guarded: GuardedInputs,
  contract: Contract,
  nowMs: number,
): Matrix {
  const matrix = emptyMatrix(step.count, step.inputs.length)
  step.inputs.forEach((name, column) => {
    const spec = specOf(contract, name)
    // Most spans have none.
    const bins = new Map<number, number[]>()
    for (const observation of observationsOf(guarded, name)) {
      const row = step.count - 1 - Math.floor((nowMs - observation.atMs) / (step.minutes * MS_PER_MINUTE))
      const values = bins.get(row)
      if (values === undefined) bins.set(row, [numberOf(spec, observation)])
      else values.push(numberOf(spec, observation))
    }
    for (let row = 0; row < step.count; row++)
      matrix.cells[row * matrix.columns + column] = takeOf(bins.get(row) ?? NONE, step.take)
  })
  return matrix
}

function emptyMatrix(rows: number, columns: number): Matrix {
  return { rows, columns, cells: new Float64Array(rows * columns).fill(Number.NaN) }
}

function specOf(contract: Contract, name: string): InputSpec {
  const spec = contract.inputs.find((input) => input.name === name)
  if (spec === undefined) throw new ContractError('contract_inconsistent', { about: name })
  return spec
}

function observationsOf(guarded: GuardedInputs, name: string): readonly GuardedObservation[] {
  return Object.hasOwn(guarded.inputs, name) ? (guarded.inputs[name] ?? []) : []
}

/** A code is its index in the contract's list, a boolean 0 or 1. */
function numberOf(spec: InputSpec, { value }: GuardedObservation): number {
  if (spec.kind === 'code') {
    const index = spec.values.findIndex(({ code }) => code === value)
    return index < 0 ? Number.NaN : index
  }
  return Number(value)
}
