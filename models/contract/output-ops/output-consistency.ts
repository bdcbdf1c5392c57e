import { areDistinct, ensure } from '../contract-fault.ts'
import type { Contract } from '../schema.ts'
import type { OutputOp } from './output-schema.ts'
import { neededTensors } from './output-steps.ts'

/** What leaves the type of its input as it is, or makes labels of it. */
const labelOps: readonly OutputOp['op'][] = ['argmax', 'connected-components', 'pick']

/**
 * Checks the output ops against the contract: each writes a name of its own, reads what comes before it, and is of use; a
 * segmentation reads labels. Sizes are those of the model, and are held where it runs.
 * @throws ContractError contract_inconsistent, about `postprocessing.N.field` or a field of `outputs.NAME`
 */
export function verifyOutputOps(contract: Contract): void {
  const ops = contract.postprocessing ?? []
  const made = ops.map(({ to }) => to)
  const read = new Set([...neededTensors(contract), ...ops.map(({ from }) => from)])
  ops.forEach((op, index) => {
    const path = `postprocessing.${index}`
    ensure(made.indexOf(op.to) === index, `${path}.to`)
    ensure(!made.slice(index).includes(op.from), `${path}.from`)
    ensure(read.has(op.to), `${path}.to`)
    if (op.op === 'connected-components') ensure(op.label !== op.background, `${path}.background`)
    // Along the batch an op would mix what the explanation asks of each row.
    if ('axis' in op && op.axis === 0) ensure(!sendsBatches(contract), `${path}.axis`)
  })
  verifySegmentations(contract, ops)
}

function sendsBatches({ explanation }: Contract): boolean {
  if (explanation.method === 'exact-shapley' || explanation.method === 'permutation-shapley') return true
  return 'batch' in explanation && (explanation.batch ?? 1) > 1
}

function verifySegmentations({ outputs }: Contract, ops: readonly OutputOp[]): void {
  for (const output of outputs) {
    if (output.role !== 'segmentation') continue
    const path = `outputs.${output.name}`
    const maker = ops.find(({ to }) => to === output.tensor)
    ensure(maker === undefined || labelOps.includes(maker.op), `${path}.tensor`)
    ensure(areDistinct(output.labels.map(({ value }) => value)), `${path}.labels.value`)
    ensure(areDistinct(output.labels.map(({ code }) => code)), `${path}.labels.code`)
  }
}
