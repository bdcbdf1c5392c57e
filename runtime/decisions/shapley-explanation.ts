import { outputRows } from '../../models/contract/postprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { permutationShapley } from './permutation-shapley.ts'
import { coalitionRows, playingGroups, shapleyValues } from './shapley.ts'
import type { Contribution, Explanation } from './types.ts'

type SpecOf<Method extends ExplanationSpec['method']> = Extract<ExplanationSpec, { method: Method }>

/** Cells of one batch: 256 kB. A decision that came meanwhile gets its turn between two of them. */
const MAX_BATCH_CELLS = 65_536

type RunModel = (inputs: Tensors) => Promise<Tensors>

/**
 * Exact Shapley values of groups of columns.
 * @param total the decision's own output, which the contributions are to lead to
 * @param run runs the model once more, on a batch of rows
 * @throws ContractError contract_output_invalid; InferenceError when that run fails
 */
export async function computeShapley(
  total: number,
  tensors: Tensors,
  contract: Contract,
  spec: SpecOf<'exact-shapley'>,
  run: RunModel,
): Promise<Explanation> {
  const row = (tensors[spec.tensor] as Tensor).data as Float32Array
  const input = { row, baseline: spec.baseline, groups: spec.groups.map((group) => group.columns) }
  const players = playingGroups(input)
  const data = coalitionRows(input, players)
  const outputs: number[] = []
  const most = Math.max(1, Math.floor(MAX_BATCH_CELLS / row.length))
  for (let from = 0; from < 1 << players.length; from += most) {
    const count = Math.min(most, (1 << players.length) - from)
    const rows = data.subarray(from * row.length, (from + count) * row.length)
    const raw = await run({ [spec.tensor]: { dtype: 'float32', dims: [count, row.length], data: rows } })
    outputs.push(...outputRows(raw, contract, spec.output, count))
  }
  const values = shapleyValues(outputs, players.length)
  const contributions = spec.groups.map(({ name, display }, index) => {
    const player = players.indexOf(index)
    return { name, display, value: player < 0 ? 0 : (values[player] ?? 0) }
  })
  const baseline = outputs[0] ?? 0
  return {
    method: spec.method,
    of: spec.output,
    contributions,
    baseline,
    residual: total - baseline - sum(contributions),
    reason: null,
  }
}

/**
 * Sampled Shapley values of groups of columns, with their standard errors.
 * @param total the decision's own output, which the contributions are to lead to
 * @param run runs the model once more, on a batch of rows
 * @throws ContractError contract_output_invalid; InferenceError when a run fails
 */
export async function sampleShapley(
  total: number,
  tensors: Tensors,
  contract: Contract,
  spec: SpecOf<'permutation-shapley'>,
  run: RunModel,
): Promise<Explanation> {
  const { output, background, seed, permutations } = spec
  const row = (tensors[spec.tensor] as Tensor).data as Float32Array
  const input = { row, background, groups: spec.groups.map(({ columns }) => columns), seed, permutations }
  const { values, standardErrors, baseline } = await permutationShapley(input, async (data, count) => {
    const raw = await run({ [spec.tensor]: { dtype: 'float32', dims: [count, row.length], data } })
    return outputRows(raw, contract, output, count)
  })
  const contributions = spec.groups.map(({ name, display }, index) => {
    return { name, display, value: values[index] ?? 0, standardError: standardErrors[index] ?? 0 }
  })
  return {
    method: spec.method,
    of: output,
    contributions,
    baseline,
    residual: total - baseline - sum(contributions),
    reason: null,
    sampling: { seed, permutations, backgroundRows: background.length },
  }
}

/** Of all contributions. */
export function sum(contributions: readonly Contribution[]): number {
  return contributions.reduce((total, { value }) => total + value, 0)
}
