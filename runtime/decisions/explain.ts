import type { Assessment } from '../../models/contract/postprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { explainByMap } from './map-explanation.ts'
import { computeShapley, sampleShapley, sum } from './shapley-explanation.ts'
import type { Explanation } from './types.ts'

const RESIDUAL_SLACK = 1e-4
const NOT_ADDING_UP = 'The contributions do not add up to the result.'
const OTHER_OUTPUT = 'Run again for the explanation, the model gave another result.'

type RunModel = (inputs: Tensors) => Promise<Tensors>

/**
 * Says what each input, or each place of the image, contributed to the output, by the method of the signed contract.
 * @param raw what the model put out: the outputs that exact Shapley values are made of may be among it
 * @param run runs the model once more: exact Shapley values need one batch of 2^groups rows otherwise, the others several runs
 * @throws InferenceError when that run fails; ContractError contract_output_invalid when its answer is none
 */
export async function explain(
  assessment: Assessment,
  tensors: Tensors,
  contract: Contract,
  run: RunModel,
  raw: Tensors = {},
): Promise<Explanation> {
  const spec = contract.explanation
  if (spec.method === 'none') return unexplained('', spec.reason)
  const explanation = await explainBy(spec, assessment, tensors, contract, run, raw)
  if (addsUp(explanation, assessment, contract)) return explanation
  return unexplained(explanation.of, explanation.map === undefined ? NOT_ADDING_UP : OTHER_OUTPUT)
}

/** It takes longer than the decision may wait, and follows as a record of its own. */
export function pending(of: string): Explanation {
  return { method: 'pending', of, contributions: [], baseline: null, residual: 0, reason: null }
}

/** No explanation, and why. */
export function unexplained(of: string, reason: string): Explanation {
  return { method: 'none', of, contributions: [], baseline: null, residual: 0, reason }
}

async function explainBy(
  spec: Exclude<ExplanationSpec, { method: 'none' }>,
  assessment: Assessment,
  tensors: Tensors,
  contract: Contract,
  run: RunModel,
  raw: Tensors,
): Promise<Explanation> {
  const total = assessment.outputs[spec.method === 'model-output' ? spec.total : spec.output]?.values[0] ?? 0
  switch (spec.method) {
    case 'model-output':
      return readContributions(total, assessment, contract, spec)
    case 'exact-shapley':
      return computeShapley(total, tensors, contract, spec, raw, run)
    case 'permutation-shapley':
      return sampleShapley(total, tensors, contract, spec, run)
    case 'class-activation-map':
    case 'occlusion':
      return explainByMap(total, tensors, contract, spec, run)
  }
}

function readContributions(
  total: number,
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
  return {
    method: spec.method,
    of: spec.total,
    contributions,
    baseline: 0,
    residual: total - sum(contributions),
    reason: null,
  }
}

/**
 * Contributions that do not add up to what they explain would be contributions the model never made, and a map of another
 * output is a map of something else: then there is no explanation. float32 sums and a score's rounding leave a little; that
 * much is allowed.
 */
function addsUp({ of, residual }: Explanation, assessment: Assessment, { outputs }: Contract): boolean {
  const spec = outputs.find((output) => output.name === of)
  const rounding = spec?.role === 'score' ? 0.5 * 10 ** -spec.decimals : 0
  const total = assessment.outputs[of]?.values[0] ?? 0
  return Math.abs(residual) <= rounding + RESIDUAL_SLACK * Math.max(1, Math.abs(total))
}
