import { ContractError } from './errors.ts'
import type { GuardedInputs } from './guard.ts'
import { isImageStep } from './image/image-steps.ts'
import type { Matrix, Sources } from './ops/matrix.ts'
import { observe } from './ops/observe.ts'
import type { Contract } from './schema.ts'
import type { Tensor, Tensors } from './tensor.ts'
import { runTransform } from './transforms.ts'

/**
 * Turns guarded inputs into the model's tensors by the contract's own list of steps.
 * @returns one float32 tensor [rows, columns] per `tensor` step, and what was sent per `pass` step.
 * @throws ContractError contract_inconsistent: a step reads what no step made, or a value is still missing or not
 * finite where a tensor is made. `verifyContract` finds the former, and unfilled columns, before any patient.
 */
export function preprocess(guarded: GuardedInputs, contract: Contract, nowMs: number): Tensors {
  const matrices = new Map<string, Matrix>()
  // The image's own steps were done where it was decoded.
  const tensors = new Map<string, Tensor>(Object.entries(guarded.imageTensors ?? {}))
  for (const step of contract.preprocessing) {
    if (isImageStep(step)) continue
    if (step.op === 'observe' || step.op === 'bins') matrices.set(step.to, observe(step, guarded, contract, nowMs))
    else if (step.op === 'pass') tensors.set(step.tensor, passed(guarded, step.input))
    else if (step.op === 'tensor') tensors.set(step.tensor, tensorOf(read(matrices, step.from), step.tensor))
    else matrices.set(step.to, runTransform(step, sourcesOf(step.from, matrices)))
  }
  return Object.fromEntries(tensors)
}

/** The newest, where an input of kind `tensor` came; its contract sees to it that one did. */
function passed({ inputs }: GuardedInputs, name: string): Tensor {
  const value = Object.hasOwn(inputs, name) ? inputs[name]?.at(-1)?.value : undefined
  if (typeof value !== 'object') throw new ContractError('contract_inconsistent', { about: name })
  return value
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

function tensorOf({ rows, columns, cells }: Matrix, tensor: string): Tensor {
  const data = Float32Array.from(cells)
  if (!data.every(Number.isFinite)) throw new ContractError('contract_inconsistent', { about: tensor })
  return { dtype: 'float32', dims: [rows, columns], data }
}
