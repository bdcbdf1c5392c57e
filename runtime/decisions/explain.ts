import { type Assessment, outputRows } from '../../models/contract/postprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { permutationShapley } from './permutation-shapley.ts'
import { coalitionRows, playingGroups, shapleyValues } from './shapley.ts'
import type { Contribution, Explanation } from './types.ts'

const RESIDUAL_SLACK = 1e-4
const NOT_ADDING_UP = 'The contributions do not add up to the result.'

type RunModel = (inputs: Tensors) => Promise<Tensors>

/**
 * Says what each input contributed to the output, by the method of the signed contract.
 * @param run runs the model once more; exact Shapley values need one batch of 2^groups rows
 * @throws InferenceError when that run fails
 */
export async function explain(
  assessment: Assessment,
  tensors: Tensors,
  contract: Contract,
  run: RunModel,
): Promise<Explanation> {
  const spec = contract.explanation
  if (spec.method === 'none') return unexplained('', spec.reason)
  const explanation =
    spec.method === 'model-output'
      ? readContributions(assessment, contract, spec)
      : spec.method === 'exact-shapley'
        ? await computeShapley(assessment, tensors, contract, spec, run)
        : await sampleShapley(assessment, tensors, contract, spec, run)
  return addsUp(explanation, assessment, contract) ? explanation : unexplained(explanation.of, NOT_ADDING_UP)
}

/** It takes longer than the decision may wait, and follows as a record of its own. */
export function pending(of: string): Explanation {
  return { method: 'pending', of, contributions: [], baseline: null, residual: 0, reason: null }
}

/** No explanation, and why. */
export function unexplained(of: string, reason: string): Explanation {
  return { method: 'none', of, contributions: [], baseline: null, residual: 0, reason }
}

function readContributions(
  assessment: Assessment,
  contract: Contract,
  spec: Extract<ExplanationSpec, { method: 'model-output' }>,
): Explanation {
  const output = contract.outputs.find((candidate) => candidate.name === spec.output)
  const names = output?.role === 'contributions' ? output.of : []
  const values = assessment.outputs[spec.output]?.values ?? []
  const contributions = names.map((name, index) => ({
    name,
    display: contract.inputs.find((input) => input.name === name)?.display ?? name,
    value: values[index] ?? 0,
  }))
  const total = assessment.outputs[spec.total]?.values[0] ?? 0
  return {
    method: spec.method,
    of: spec.total,
    contributions,
    baseline: 0,
    residual: total - sum(contributions),
    reason: null,
  }
}

async function computeShapley(
  assessment: Assessment,
  tensors: Tensors,
  contract: Contract,
  spec: Extract<ExplanationSpec, { method: 'exact-shapley' }>,
  run: RunModel,
): Promise<Explanation> {
  const row = (tensors[spec.tensor] as Tensor).data as Float32Array
  const input = { row, baseline: spec.baseline, groups: spec.groups.map((group) => group.columns) }
  const players = playingGroups(input)
  const data = coalitionRows(input, players)
  const raw = await run({ [spec.tensor]: { dtype: 'float32', dims: [1 << players.length, row.length], data } })
  const outputs = outputRows(raw, contract, spec.output, 1 << players.length)
  const values = shapleyValues(outputs, players.length)
  const contributions = spec.groups.map(({ name, display }, index) => {
    const player = players.indexOf(index)
    return { name, display, value: player < 0 ? 0 : (values[player] ?? 0) }
  })
  const baseline = outputs[0] ?? 0
  const total = assessment.outputs[spec.output]?.values[0] ?? 0
  return {
    method: spec.method,
    of: spec.output,
    contributions,
    baseline,
    residual: total - baseline - sum(contributions),
    reason: null,
  }
}

async function sampleShapley(
  assessment: Assessment,
  tensors: Tensors,
  contract: Contract,
  spec: Extract<ExplanationSpec, { method: 'permutation-shapley' }>,
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
  const total = assessment.outputs[output]?.values[0] ?? 0
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

/**
 * Contributions that do not add up to what they explain would be contributions the model never made: then there is no
 * explanation. float32 sums and a score's rounding leave a little; that much is allowed.
 */
function addsUp({ of, residual }: Explanation, assessment: Assessment, { outputs }: Contract): boolean {
  const spec = outputs.find((output) => output.name === of)
  const rounding = spec?.role === 'score' ? 0.5 * 10 ** -spec.decimals : 0
  const total = assessment.outputs[of]?.values[0] ?? 0
  return Math.abs(residual) <= rounding + RESIDUAL_SLACK * Math.max(1, Math.abs(total))
}

function sum(contributions: readonly Contribution[]): number {
  return contributions.reduce((total, { value }) => total + value, 0)
}
