import {
  type CoalitionInput,
  type CoalitionSpec,
  coalitionRows,
  playingGroups,
} from '../../models/contract/coalitions.ts'
import { outputRows } from '../../models/contract/postprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { COALITIONS } from '../inference/types.ts'
import { permutationShapley } from './permutation-shapley.ts'
import { shapleyValues } from './shapley.ts'
import type { Contribution, Explanation } from './types.ts'

type SpecOf<Method extends ExplanationSpec['method']> = Extract<ExplanationSpec, { method: Method }>

/** Cells of one batch: 256 kB. A decision that came meanwhile gets its turn between two of them. */
const MAX_BATCH_CELLS = 65_536

type RunModel = (inputs: Tensors) => Promise<Tensors>

/** What the model's process needs to know of an explanation that speaks of coalitions. */
export function coalitionSpec({ explanation, outputs }: Contract): CoalitionSpec | undefined {
  if (explanation.method !== 'exact-shapley') return undefined
  const { tensor, baseline, groups } = explanation
  const output = outputs.find(({ name }) => name === explanation.output)?.tensor
  return output === undefined ? undefined : { tensor, output, baseline, groups: groups.map(({ columns }) => columns) }
}

/**
 * Exact Shapley values of groups of columns.
 * @param total the decision's own output, which the contributions are to lead to
 * @param raw what the decision's own run of the model put out: the outputs of all coalitions may be among it
 * @param run runs the model once more, on a batch of rows
 * @throws ContractError contract_output_invalid; InferenceError when that run fails
 */
export async function computeShapley(
  total: number,
  tensors: Tensors,
  contract: Contract,
  spec: SpecOf<'exact-shapley'>,
  raw: Tensors,
  run: RunModel,
): Promise<Explanation> {
  const row = (tensors[spec.tensor] as Tensor).data as Float32Array
  const input = { row, baseline: spec.baseline, groups: spec.groups.map((group) => group.columns) }
  const { players, outputs } = toldOutputs(raw, contract, spec) ?? (await askedOutputs(input, contract, spec, run))
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

/** The output of each coalition of some of the groups. */
interface CoalitionOutputs {
  readonly players: readonly number[]
  readonly outputs: readonly number[]
}

/** As the model's process told them along with the decision's own run: all groups play. */
function toldOutputs(raw: Tensors, contract: Contract, spec: SpecOf<'exact-shapley'>): CoalitionOutputs | undefined {
  const told = Object.hasOwn(raw, COALITIONS) ? raw[COALITIONS] : undefined
  const output = coalitionSpec(contract)?.output
  if (told === undefined || output === undefined) return undefined
  const outputs = outputRows({ [output]: told }, contract, spec.output, 2 ** spec.groups.length)
  return { players: [...spec.groups.keys()], outputs }
}

async function askedOutputs(
  input: CoalitionInput,
  contract: Contract,
  spec: SpecOf<'exact-shapley'>,
  run: RunModel,
): Promise<CoalitionOutputs> {
  const players = playingGroups(input)
  const data = coalitionRows(input, players)
  const width = input.row.length
  const outputs: number[] = []
  const most = Math.max(1, Math.floor(MAX_BATCH_CELLS / width))
  for (let from = 0; from < 1 << players.length; from += most) {
    const count = Math.min(most, (1 << players.length) - from)
    const rows = data.subarray(from * width, (from + count) * width)
    const raw = await run({ [spec.tensor]: { dtype: 'float32', dims: [count, width], data: rows } })
    outputs.push(...outputRows(raw, contract, spec.output, count))
  }
  return { players, outputs }
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
