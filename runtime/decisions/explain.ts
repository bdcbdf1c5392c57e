import type { Assessment } from '../../models/contract/postprocess.ts'
import { calibrateProbability } from '../../models/contract/postprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import { type Tensor, type Tensors, tensorNumbers } from '../../models/contract/tensor.ts'
import { coalitionRows, playingGroups, shapleyValues } from './shapley.ts'
import type { Contribution, Explanation } from './types.ts'

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
  if (spec.method === 'model-output') return readContributions(assessment, contract, spec)
  if (spec.method === 'exact-shapley') return computeShapley(assessment, tensors, contract, spec, run)
  return { method: 'none', of: '', contributions: [], baseline: null, residual: 0, reason: spec.reason }
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
  const outputs = explainedOutput(raw, contract, spec.output)
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

/** The explained output of every row, calibrated as the assessment's is, so that contributions add up to what was said. */
function explainedOutput(raw: Tensors, contract: Contract, name: string): number[] {
  const output = contract.outputs.find((candidate) => candidate.name === name)
  const values = tensorNumbers(raw[output?.tensor ?? ''] as Tensor)
  return output?.role === 'probability'
    ? values.map((value) => calibrateProbability(value, contract.calibration))
    : values
}

function sum(contributions: readonly Contribution[]): number {
  return contributions.reduce((total, { value }) => total + value, 0)
}
