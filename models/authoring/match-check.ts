import { contractTensors } from '../contract/consistency.ts'
import { ContractError } from '../contract/errors.ts'
import { neededTensors } from '../contract/output-ops/output-steps.ts'
import type { Contract, OutputSpec } from '../contract/schema.ts'
import { type DimensionSpec, type FedTensor, MAX_TENSOR_BYTES } from '../contract/tensor-schema.ts'
import { memoryEstimate } from '../onnx/memory.ts'
import { knownBytes } from '../onnx/sizes.ts'
import type { OnnxSurface, OnnxValue } from '../onnx/surface.ts'
import type { DraftManifest } from './draft-check.ts'
import { type Finding, finding } from './findings.ts'

/** Where a manifest and the graph that it speaks of disagree. */
export function checkMatch(manifest: Pick<DraftManifest, 'contract' | 'memoryBytes'>, surface: OnnxSurface): Finding[] {
  const { contract, memoryBytes } = manifest
  const estimate = memoryEstimate(surface)
  return [
    ...inputFindings(contract, surface),
    ...stepFindings(contract, surface),
    ...contract.outputs.flatMap((output) => outputFindings(output, contract, surface)),
    ...(memoryBytes < estimate ? [finding('draft_memory_short', 'memoryBytes', `the estimate is ${estimate}`)] : []),
  ]
}

function inputFindings(contract: Contract, { inputs, defaults }: OnnxSurface): Finding[] {
  const fed = fedTensors(contract)
  if (fed === undefined) return []
  const unfed = inputs.filter(({ name }) => !fed.has(name)).map(({ name }) => finding('draft_tensor_unfed', name))
  const wrong = [...fed].flatMap(([name, tensor]) => {
    const value = inputs.find((input) => input.name === name)
    if (value === undefined) return defaults.includes(name) ? [] : [finding('draft_tensor_unknown', name)]
    return difference(tensor, value)
  })
  return [...unfed, ...wrong]
}

/** Undefined for a contract that contradicts itself, of which there is a finding already. */
function fedTensors(contract: Contract): ReadonlyMap<string, FedTensor> | undefined {
  try {
    return contractTensors(contract)
  } catch (error) {
    if (error instanceof ContractError) return undefined
    throw error
  }
}

/**
 * What the steps on the model's outputs read, and no step before them has made; what they would write over; and what comes
 * back of the model as it is, but is too large to.
 */
function stepFindings(contract: Contract, { outputs }: OnnxSurface): Finding[] {
  const given = new Map(outputs.map((value) => [value.name, value]))
  const known = new Set(given.keys())
  const steps = (contract.postprocessing ?? []).flatMap(({ from, to }, index) => {
    const found = known.has(from) ? [] : [finding('draft_tensor_unknown', from)]
    known.add(to)
    return given.has(to) ? [...found, finding('contract_inconsistent', `postprocessing.${index}.to`)] : found
  })
  const large = neededTensors(contract).filter((name) => {
    const value = given.get(name)
    return value !== undefined && knownBytes(value) > MAX_TENSOR_BYTES
  })
  return [...steps, ...large.map((name) => finding('onnx_tensor_too_large', `output ${name}`))]
}

function outputFindings(output: OutputSpec, { postprocessing }: Contract, { outputs }: OnnxSurface): Finding[] {
  if (postprocessing?.some(({ to }) => to === output.tensor)) return []
  const value = outputs.find(({ name }) => name === output.tensor)
  if (value === undefined) return [finding('draft_tensor_unknown', output.tensor)]
  if (output.role === 'tensor') return difference(output, value)
  if (output.role === 'segmentation') return value.dims === undefined ? [] : difference(labelsLike(value.dims), value)
  // How many numbers other roles read is their own rule; what a tensor of known size cannot give is a fault all the same.
  const count = output.role === 'contributions' ? output.of.length : 1
  const size = (value.dims ?? []).reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1)
  const isOpen = value.dims === undefined || value.dims.some((dim) => typeof dim !== 'number')
  const fits = size === count || (isOpen && count % size === 0)
  return fits ? [] : [finding('draft_tensor_shape', output.tensor, `${size} values for ${count}`)]
}

/** Labels may lie in any way, and are a byte each. */
function labelsLike(dims: NonNullable<OnnxValue['dims']>): FedTensor {
  return { dtype: 'uint8', dims: dims.map((size) => (typeof size === 'number' ? size : { max: 1 })) }
}

function difference(fed: FedTensor, value: OnnxValue): Finding[] {
  if (value.dtype !== fed.dtype)
    return [
      finding('draft_tensor_type', value.name, `${fed.dtype} in the contract, ${value.dtype ?? 'none'} in the graph`),
    ]
  if (value.dims === undefined || fits(fed.dims, value.dims)) return []
  return [
    finding('draft_tensor_shape', value.name, `${shown(fed.dims)} in the contract, ${shown(value.dims)} in the graph`),
  ]
}

/** A size that the graph fixes must be the contract's; one that it leaves free may be anything. */
function fits(contract: readonly DimensionSpec[], graph: NonNullable<OnnxValue['dims']>): boolean {
  if (contract.length !== graph.length) return false
  return contract.every((size, index) => {
    const fixed = graph[index]
    return typeof fixed !== 'number' || (typeof size === 'number' ? size === fixed : size.max === fixed)
  })
}

function shown(dims: readonly (DimensionSpec | string | null)[]): string {
  return `[${dims.map((size) => (typeof size === 'object' && size !== null ? `up to ${size.max}` : (size ?? '?'))).join(', ')}]`
}
