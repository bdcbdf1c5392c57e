import { ContractError } from './errors.ts'
import type { GuardedInputs, GuardedObservation } from './guard.ts'
import type { Contract, InputSpec, PreprocessingOp } from './schema.ts'
import type { Tensor, Tensors } from './tensor.ts'
import { type Matrix, runTransform, type Sources } from './transforms.ts'

const MS_PER_HOUR = 3_600_000

type ObserveStep = Extract<PreprocessingOp, { op: 'observe' }>

/**
 * Turns guarded inputs into the model's tensors by the contract's own list of steps.
 * @returns one float32 tensor [rows, columns] per `tensor` step.
 * @throws ContractError contract_inconsistent: a step reads what no step made, or a value is still missing or not
 * finite where a tensor is made. `verifyContract` finds the former, and unfilled columns, before any patient.
 */
export function preprocess(guarded: GuardedInputs, contract: Contract, nowMs: number): Tensors {
  const matrices = new Map<string, Matrix>()
  const tensors = new Map<string, Tensor>()
  for (const step of contract.preprocessing) {
    if (step.op === 'observe') matrices.set(step.to, observe(step, guarded, contract, nowMs))
    else if (step.op === 'tensor') tensors.set(step.tensor, tensorOf(read(matrices, step.from), step.tensor))
    else matrices.set(step.to, runTransform(step, sourcesOf(step.from, matrices)))
  }
  return Object.fromEntries(tensors)
}

function sourcesOf(from: string | readonly string[], matrices: ReadonlyMap<string, Matrix>): Sources<Matrix> {
  const [first = '', ...rest] = typeof from === 'string' ? [from] : from
  return [read(matrices, first), ...rest.map((name) => read(matrices, name))]
}

function read(matrices: ReadonlyMap<string, Matrix>, name: string): Matrix {
  const matrix = matrices.get(name)
  if (matrix === undefined) throw new ContractError('contract_inconsistent', { about: name })
  return matrix
}

/** One row: the latest observation of all. More rows: one per hour before now, each with that hour's latest. */
function observe(step: ObserveStep, guarded: GuardedInputs, contract: Contract, nowMs: number): Matrix {
  const matrix = {
    rows: step.hours,
    columns: step.inputs.length,
    cells: new Float64Array(step.hours * step.inputs.length),
  }
  matrix.cells.fill(Number.NaN)
  step.inputs.forEach((name, column) => {
    const spec = contract.inputs.find((input) => input.name === name)
    if (spec === undefined) throw new ContractError('contract_inconsistent', { about: name })
    for (const observation of observationsOf(guarded, name)) {
      const hoursAgo = step.hours === 1 ? 0 : Math.floor((nowMs - observation.atMs) / MS_PER_HOUR)
      if (hoursAgo < 0 || hoursAgo >= step.hours) continue
      // Oldest first: what comes later in the same hour replaces what stood there.
      matrix.cells[(step.hours - 1 - hoursAgo) * matrix.columns + column] = numberOf(spec, observation)
    }
  })
  return matrix
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

function tensorOf({ rows, columns, cells }: Matrix, tensor: string): Tensor {
  const data = Float32Array.from(cells)
  if (!data.every(Number.isFinite)) throw new ContractError('contract_inconsistent', { about: tensor })
  return { dtype: 'float32', dims: [rows, columns], data }
}
