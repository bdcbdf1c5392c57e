import type { Contract, InputSpec, OutputSpec } from '../../../models/contract/schema.ts'
import type { Manifest } from '../../../models/package/manifest.ts'
import { type Datatype, datatypeOf } from './datatypes.ts'

export interface TensorMetadata {
  readonly name: string
  readonly datatype: Datatype
  /** −1 where a size is free. */
  readonly shape: readonly number[]
}

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
  /** What the protocol has no member for: units, ranges, codes, how old an observation may be. */
  readonly properties: Readonly<Record<string, string>>
}

/** What a generic client has to know of a model: the inputs and outputs of its contract, not those of its graph. */
export function describeModel(slot: string, manifest: Manifest, packageHash: string): ModelMetadata {
  const { contract, modelId, version, display, intendedUse, clinicalStatus } = manifest
  const properties: [string, string][] = [
    ['display', display],
    ['intended_use', intendedUse],
    ['clinical_status', clinicalStatus],
    ['model_id', modelId],
    ['package_hash', packageHash],
    ['validity_minutes', String(contract.validityMinutes)],
    ['deadline_ms', String(contract.deadlineMs)],
    ...(contract.image === undefined ? [] : [['image', 'POST /v1/decisions'] satisfies [string, string]]),
    ...contract.inputs.flatMap(inputProperties),
    ...contract.outputs.flatMap(outputProperties),
  ]
  return {
    name: slot,
    versions: [version],
    platform: 'onnx_onnxv1',
    inputs: contract.inputs.map(describeInput),
    // The labels of a segmentation are not sent as a tensor.
    outputs: contract.outputs.filter(({ role }) => role !== 'segmentation').map(describeOutput),
    properties: Object.fromEntries(properties),
  }
}

function describeInput(spec: InputSpec): TensorMetadata {
  const { name } = spec
  if (spec.kind === 'tensor')
    return {
      name,
      datatype: datatypeOf(spec.dtype),
      shape: spec.dims.map((size) => (typeof size === 'number' ? size : -1)),
    }
  const datatype = ({ quantity: 'FP64', code: 'BYTES', boolean: 'BOOL' } as const)[spec.kind]
  return { name, datatype, shape: [spec.series ? -1 : 1] }
}

function describeOutput(spec: OutputSpec): TensorMetadata {
  const { name } = spec
  if (spec.role === 'tensor')
    return {
      name,
      datatype: datatypeOf(spec.dtype),
      shape: spec.dims.map((size) => (typeof size === 'number' ? size : -1)),
    }
  if (spec.role === 'category') return { name, datatype: 'INT64', shape: [1] }
  return { name, datatype: 'FP64', shape: [spec.role === 'contributions' ? spec.of.length : 1] }
}

function inputProperties(spec: InputSpec): [string, string][] {
  const properties: [string, string | undefined][] = [
    ['display', spec.display],
    ['kind', spec.kind],
    ['required', String(spec.onMissing === 'refuse')],
    ['max_age_minutes', String(spec.maxAgeMinutes)],
    ['unit', spec.kind === 'quantity' ? spec.unit : undefined],
    ['range', 'range' in spec && spec.range !== undefined ? `${spec.range.low}..${spec.range.high}` : undefined],
    ['codes', spec.kind === 'code' ? spec.values.map(({ code }) => code).join(',') : undefined],
  ]
  return named(`inputs.${spec.name}`, properties)
}

function outputProperties(spec: Contract['outputs'][number]): [string, string][] {
  const properties: [string, string | undefined][] = [
    ['display', spec.display],
    ['role', spec.role],
    ['unit', spec.unit],
    ['of', spec.role === 'contributions' ? spec.of.join(',') : undefined],
    ['labels', 'labels' in spec ? spec.labels.map(({ value, code }) => `${value}=${code}`).join(',') : undefined],
  ]
  return named(`outputs.${spec.name}`, properties)
}

function named(prefix: string, properties: readonly [string, string | undefined][]): [string, string][] {
  return properties.flatMap(([name, value]) => (value === undefined ? [] : [[`${prefix}.${name}`, value]]))
}
