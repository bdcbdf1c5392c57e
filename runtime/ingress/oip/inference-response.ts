import type { AssessedOutput } from '../../../models/contract/postprocess.ts'
import type { Contract, OutputSpec } from '../../../models/contract/schema.ts'
import { elementArrays, isBigElement } from '../../../models/contract/tensor.ts'
import type { DecisionAnswer } from '../../decisions/types.ts'
import { datatypeOf } from './datatypes.ts'
import { refuseOip } from './errors.ts'
import {
  type InferenceRequest,
  type InferenceResponse,
  type NamedTensor,
  noParameters,
  type ParameterValue,
} from './inference.ts'
import { verifyParameterNames } from './parameters.ts'

/**
 * Holds the outputs that are asked for to the contract, before anything is decided.
 * @throws OipError oip_output_unknown | oip_output_not_sent | oip_parameter_unknown
 */
export function verifyRequestedOutputs({ outputs = [] }: InferenceRequest, contract: Pick<Contract, 'outputs'>): void {
  const specs = new Map(contract.outputs.map((spec) => [spec.name, spec]))
  const names = new Set(outputs.map(({ name }) => name))
  if (names.size !== outputs.length) refuseOip('oip_output_unknown')
  for (const { name, parameters } of outputs) {
    const spec = specs.get(name)
    if (spec === undefined) refuseOip('oip_output_unknown')
    if (spec.role === 'segmentation') refuseOip('oip_output_not_sent', spec.name)
    verifyParameterNames(parameters, ['binary_data'], spec.name)
  }
}

/** A decision that scored → the answer of an inference, with the outputs by their names in the contract. */
export function toInferenceResponse(
  { decision, audit }: DecisionAnswer,
  contract: Pick<Contract, 'outputs'>,
  request: InferenceRequest,
): InferenceResponse {
  const assessed = decision.assessment?.outputs ?? {}
  const made = contract.outputs.flatMap((spec) => {
    const output = Object.hasOwn(assessed, spec.name) ? assessed[spec.name] : undefined
    return output === undefined ? [] : [{ spec, output }]
  })
  const byName = new Map(
    made
      .filter(({ spec }) => spec.role !== 'segmentation')
      .map((one) => [one.spec.name, toTensor(one.spec, one.output)]),
  )
  const wanted = request.outputs?.map(({ name }) => name) ?? [...byName.keys()]
  const kept = made.flatMap(({ spec, output }): [string, ParameterValue][] =>
    spec.role === 'segmentation' ? [[`${spec.name}.sha256`, output.sha256 ?? '']] : [],
  )
  return {
    model: request.model,
    version: decision.model.version,
    id: request.id,
    parameters: new Map<string, ParameterValue>([
      ['decision_id', decision.decisionId],
      ['alert', decision.assessment?.alert ?? false],
      ['valid_until', decision.validUntil ?? ''],
      ['audit_origin', audit.origin],
      ['audit_leaf_index', audit.leafIndex],
      ['audit_leaf_hash', audit.leafHash],
      ['clinical_status', decision.model.clinicalStatus],
      ['advisory', decision.advisory],
      ['narrative', decision.narrative],
      ...flagsOf(decision.flags),
      ...kept,
    ]),
    outputs: wanted.flatMap((name) => byName.get(name) ?? []),
  }
}

/** What the guards did to an input changes what its result means, so it comes with the result. */
function flagsOf(flags: DecisionAnswer['decision']['flags']): readonly [string, string][] {
  return flags.length === 0 ? [] : [['flags', flags.map(({ input, flag }) => `${input}:${flag}`).join(',')]]
}

function toTensor(spec: OutputSpec, { values, dims, label }: AssessedOutput): NamedTensor {
  const { name } = spec
  if (spec.role === 'tensor') {
    const datatype = datatypeOf(spec.dtype)
    const shape = dims ?? [values.length]
    const data = isBigElement(spec.dtype)
      ? elementArrays[spec.dtype].from(values.map(BigInt))
      : elementArrays[spec.dtype].from(values)
    return { name, datatype, shape, parameters: noParameters, data }
  }
  const shape = [values.length]
  if (spec.role === 'category') {
    const parameters = new Map(
      label === null
        ? []
        : ([
            ['label', label.code],
            ['text', label.text],
          ] as const),
    )
    return { name, datatype: 'INT64', shape, parameters, data: BigInt64Array.from(values.map(BigInt)) }
  }
  const of = spec.role === 'contributions' ? ([['of', spec.of.join(',')]] as const) : []
  const parameters = new Map<string, ParameterValue>([['unit', spec.unit], ...of])
  return { name, datatype: 'FP64', shape, parameters, data: Float64Array.from(values) }
}
