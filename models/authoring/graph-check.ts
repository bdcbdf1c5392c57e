import { isElementType } from '../contract/tensor.ts'
import { MAX_TENSOR_BYTES } from '../contract/tensor-schema.ts'
import { memoryEstimate } from '../onnx/memory.ts'
import {
  changedWithSeven,
  libraryDomains,
  newestIrVersion,
  newestOpsets,
  oldestPromisedOpset,
  operatorNames,
  randomOperators,
  trainingDomains,
} from '../onnx/operators.ts'
import { knownBytes } from '../onnx/sizes.ts'
import type { OnnxSurface, OnnxValue } from '../onnx/surface.ts'
import { type Finding, finding } from './findings.ts'

const MAX_TENSORS = 64
const MAX_TENSOR_NAME = 64
/** From here on a model is not one of many on a box. */
const LARGE_BYTES = 2 * 1024 ** 3

/**
 * What is wrong with a graph whatever contract is put around it. Nothing is loaded.
 * @param read the outputs that a contract reads; the runtime does not ask for others, so that they may be of any type
 */
export function checkGraph(surface: OnnxSurface, read?: readonly string[]): Finding[] {
  const outputs = read === undefined ? surface.outputs : surface.outputs.filter(({ name }) => read.includes(name))
  return [
    ...fileFindings(surface),
    ...opsetFindings(surface),
    ...operatorFindings(surface),
    ...valueFindings('input', surface.inputs),
    ...valueFindings('output', surface.outputs, outputs),
  ]
}

function fileFindings(surface: OnnxSurface): Finding[] {
  const memory = memoryEstimate(surface)
  return [
    ...(surface.externalTensors > 0 ? [finding('onnx_external_data', `${surface.externalTensors} tensors`)] : []),
    ...(surface.irVersion > newestIrVersion
      ? [finding('onnx_ir_too_new', `version ${surface.irVersion}`, `the newest is ${newestIrVersion}`)]
      : []),
    ...(surface.hasPlainNames ? [] : [finding('onnx_name_quoted', surface.graphName)]),
    ...(surface.hasTraining ? [finding('onnx_training', 'training_info')] : []),
    ...(memory > LARGE_BYTES ? [finding('onnx_memory_large', `about ${Math.ceil(memory / 1e6)} MB`)] : []),
  ]
}

function opsetFindings({ opsets, operators }: OnnxSurface): Finding[] {
  const imported = new Map(opsets.map(({ domain, version }) => [canonical(domain), version]))
  const used = new Set(operators.map(({ domain }) => domain))
  const missing = [...used].filter((domain) => newestOpsets[domain] !== undefined && !imported.has(domain))
  const [version, newest] = [imported.get(''), Object.entries(newestOpsets)]
  const tooNew = newest.filter(([domain, most]) => (imported.get(domain) ?? 0) > most)
  return [
    ...missing.map((domain) => finding('onnx_opset_missing', shown(domain))),
    ...tooNew.map(([domain, most]) =>
      finding('onnx_opset_too_new', `${shown(domain)} ${imported.get(domain)}`, `the newest is ${most}`),
    ),
    ...(version !== undefined && version < oldestPromisedOpset
      ? [finding('onnx_opset_old', `${shown('')} ${version}`, `promised from ${oldestPromisedOpset}`)]
      : []),
  ]
}

function operatorFindings({ operators, functions, opsets }: OnnxSurface): Finding[] {
  const version = opsets.find(({ domain }) => canonical(domain) === '')?.version ?? oldestPromisedOpset
  const own = new Set(functions.map(({ domain, name }) => `${canonical(domain)}\n${name}`))
  return operators
    .filter(({ domain, name }) => !own.has(`${domain}\n${name}`))
    .flatMap(({ domain, name, count }) => {
      const about = `${domain === '' ? '' : `${domain}.`}${name}`
      const times = count === 1 ? 'once' : `${count} times`
      if (trainingDomains.has(domain)) return [finding('onnx_training', about, times)]
      if (libraryDomains.has(domain)) return [finding('onnx_domain_vendor', about, times)]
      if (newestOpsets[domain] === undefined) return [finding('onnx_domain_unknown', about, times)]
      if (domain === '' && version < oldestPromisedOpset && changedWithSeven.has(name))
        return [finding('onnx_operator_old', about, `version ${version}, the oldest is ${oldestPromisedOpset}`)]
      if (!operatorNames.has(name)) return [finding('onnx_operator_unknown', about, times)]
      return domain === '' && randomOperators.has(name) ? [finding('onnx_operator_random', about, times)] : []
    })
}

function valueFindings(side: 'input' | 'output', values: readonly OnnxValue[], crossing = values): Finding[] {
  const tooMany = crossing.length > MAX_TENSORS ? [finding('onnx_tensors_too_many', `${crossing.length} ${side}s`)] : []
  const none = values.length === 0 ? [finding('onnx_nothing_crosses', `no ${side}`)] : []
  return [
    ...tooMany,
    ...none,
    ...repeatedNames(side, values),
    ...crossing.flatMap((value) => oneValueFindings(side, value)),
  ]
}

function repeatedNames(side: 'input' | 'output', values: readonly OnnxValue[]): Finding[] {
  const times = Map.groupBy(values, ({ name }) => name)
  const repeated = [...times].filter(([, { length }]) => length > 1)
  return repeated.map(([name]) => finding('onnx_name_repeated', `${side} ${name}`))
}

function oneValueFindings(side: 'input' | 'output', value: OnnxValue): Finding[] {
  const about = `${side} ${value.name}`
  const isNamed = value.name.length >= 1 && value.name.length <= MAX_TENSOR_NAME
  const found = isNamed ? [] : [finding('onnx_name_unusable', about.slice(0, MAX_TENSOR_NAME + side.length + 1))]
  if (value.kind !== 'tensor' || !isElementType(value.dtype))
    return [...found, finding('onnx_type_unsupported', about, value.dtype ?? value.kind)]
  if (value.dims === undefined) return [...found, finding('onnx_shape_unknown', about)]
  const free = value.dims.filter((dim) => typeof dim !== 'number').map((dim) => dim ?? 'unnamed')
  if (free.length > 0 && side === 'input') found.push(finding('onnx_shape_unbounded', about, free.join(', ')))
  // Of a larger output a step may make less where the model runs; the contract says which come back.
  if (side === 'input' && knownBytes(value) > MAX_TENSOR_BYTES) found.push(finding('onnx_tensor_too_large', about))
  return found
}

/** `ai.onnx` is the default domain's other name. */
function canonical(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}

function shown(domain: string): string {
  return domain === '' ? 'ai.onnx' : domain
}
