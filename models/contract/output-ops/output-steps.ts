import type { Contract } from '../schema.ts'
import type { OutputOp } from './output-schema.ts'

/** What is done with the outputs of a model where it runs, and what of all that is sent back. */
export interface OutputSteps {
  readonly ops: readonly OutputOp[]
  /** Names of tensors: outputs of the model, or made by an op. */
  readonly keep: readonly string[]
}

export function outputSteps(contract: Contract): OutputSteps {
  return { ops: contract.postprocessing ?? [], keep: neededTensors(contract) }
}

/** The tensors that the outputs and the explanation of a contract read, each once. */
export function neededTensors({ outputs, explanation }: Contract): readonly string[] {
  const maps = explanation.method === 'class-activation-map' ? [explanation.map] : []
  return [...new Set([...outputs.map(({ tensor }) => tensor), ...maps])]
}

/** Of what the steps read or send back, that which the model itself has to give. */
export function modelOutputs({ ops, keep }: OutputSteps): readonly string[] {
  const made = new Set(ops.map(({ to }) => to))
  return [...new Set([...ops.map(({ from }) => from), ...keep])].filter((name) => !made.has(name))
}
