import { verifyCalibration } from './calibration.ts'
import { areDistinct, ensure, fault } from './contract-fault.ts'
import { verifyExplanation } from './explanation-consistency.ts'
import { MAX_COLUMNS } from './fields.ts'
import { verifyImageSteps } from './image/image-consistency.ts'
import type { ImageOp } from './image/image-schema.ts'
import { isImageStep } from './image/image-steps.ts'
import type { MatrixShape, Sources } from './ops/matrix.ts'
import { verifyOutputOps } from './output-ops/output-consistency.ts'
import type { Contract, InputSpec, OutputSpec, PreprocessingOp } from './schema.ts'
import { elementArrays } from './tensor.ts'
import { type FedTensor, MAX_OUTPUT_VALUES, MAX_TENSOR_BYTES } from './tensor-schema.ts'
import { mostElements } from './tensor-value.ts'
import { transformShape } from './transforms.ts'
import { isKnownUnit } from './units.ts'

/** Cells of all matrices of a contract together: 8 MB of numbers for one decision. */
const MAX_CELLS = 1_000_000

/**
 * The tensors that a contract feeds, by the name of the model's input.
 * @throws ContractError contract_inconsistent, as {@link verifyContract}
 */
export function contractTensors(contract: Contract): ReadonlyMap<string, FedTensor> {
  verifyInputs(contract)
  return verifyPreprocessing(contract)
}

/**
 * Checks a contract against itself, before any patient: names are unique and resolve, every step's columns fit, no
 * missing value can reach a tensor, thresholds, calibration and explanation speak of outputs that exist and can bear it.
 * @throws ContractError contract_inconsistent, `about` the field at fault as a path; a list's members go by name or index.
 */
export function verifyContract(contract: Contract): void {
  verifyInputs(contract)
  verifyPopulation(contract)
  const tensors = verifyPreprocessing(contract)
  verifyOutputs(contract)
  verifyOutputOps(contract)
  verifyCalibration(contract)
  verifyThreshold(contract)
  verifyExplanation(contract, tensors)
}

function verifyInputs({ inputs, image }: Contract): void {
  ensure(inputs.length > 0 || image !== undefined, 'inputs')
  const names = inputs.map((input) => input.name)
  inputs.forEach((input, index) => {
    const path = `inputs.${input.name}`
    ensure(names.indexOf(input.name) === index, path)
    if (input.kind === 'quantity') {
      ensure(isKnownUnit(input.unit), `${path}.unit`)
      ensure(input.range.low < input.range.high, `${path}.range`)
      // Of a single observation there is no change.
      ensure(input.change === undefined || input.series, `${path}.change`)
    }
    if (input.kind === 'tensor') verifyTensorInput(input, path)
    if (input.kind === 'code') {
      ensure(areDistinct(input.values.map(({ code }) => code)), `${path}.values`)
      ensure(input.default === undefined || hasCode(input, input.default), `${path}.default`)
    }
  })
}

/** One tensor is one observation: there is no history of them, and what an integer is cannot be left open. */
function verifyTensorInput(input: Extract<InputSpec, { kind: 'tensor' }>, path: string): void {
  ensure(!input.series, `${path}.series`)
  ensure(input.range === undefined || input.range.low < input.range.high, `${path}.range`)
  ensure(input.onNotFinite === 'refuse' || input.dtype.startsWith('float'), `${path}.onNotFinite`)
  ensure(mostElements(input.dims) * elementArrays[input.dtype].BYTES_PER_ELEMENT <= MAX_TENSOR_BYTES, `${path}.dims`)
}

/** A rule of size needs a quantity, equality a code of the input's own list or a boolean. */
function verifyPopulation({ inputs, population }: Contract): void {
  population.criteria.forEach((criterion, index) => {
    const path = `population.criteria.${index}`
    const input = inputs.find(({ name }) => name === criterion.input)
    if (input === undefined) fault(`${path}.input`)
    if (criterion.rule !== 'equals') ensure(input.kind === 'quantity', `${path}.rule`)
    else if (typeof criterion.value === 'boolean') ensure(input.kind === 'boolean', `${path}.value`)
    else ensure(hasCode(input, criterion.value), `${path}.value`)
  })
}

function hasCode(input: InputSpec, code: string): boolean {
  return input.kind === 'code' && input.values.some((value) => value.code === code)
}

/** Follows the shapes through the steps without any data. Returns those of the tensors. */
function verifyPreprocessing(contract: Contract): ReadonlyMap<string, FedTensor> {
  const { inputs, preprocessing } = contract
  const matrices = new Map<string, MatrixShape>()
  const tensors = new Map(verifyImageSteps(contract))
  let cells = 0
  preprocessing.forEach((step, index) => {
    const path = `preprocessing.${index}`
    if (isImageStep(step)) return
    if (step.op === 'tensor') {
      const shape = matrices.get(step.from) ?? fault(`${path}.from`)
      ensure(!shape.mayBeMissing.includes(true), `${path}.missing`)
      ensure(shape.varies === undefined, `${path}.rows`)
      ensure(!tensors.has(step.tensor), `${path}.tensor`)
      tensors.set(step.tensor, { dtype: 'float32', dims: [shape.rows, shape.mayBeMissing.length] })
    } else if (step.op === 'pass') {
      const input = inputs.find(({ name }) => name === step.input)
      if (input?.kind !== 'tensor' || input.onMissing !== 'refuse') fault(`${path}.input`)
      ensure(!tensors.has(step.tensor), `${path}.tensor`)
      tensors.set(step.tensor, { dtype: input.dtype, dims: input.dims })
    } else {
      ensure(!matrices.has(step.to), `${path}.to`)
      const shape = stepShape(step, matrices, inputs, path)
      ensure(shape.mayBeMissing.length <= MAX_COLUMNS, `${path}.columns`)
      // A window reads what it looks back on once for every row.
      cells += shape.rows * shape.mayBeMissing.length * (step.op === 'window' ? step.rows : 1)
      ensure(cells <= MAX_CELLS, `${path}.cells`)
      matrices.set(step.to, shape)
    }
  })
  ensure(tensors.size > 0, 'preprocessing')
  return tensors
}

function stepShape(
  step: Exclude<PreprocessingOp, ImageOp | { op: 'tensor' | 'pass' }>,
  matrices: ReadonlyMap<string, MatrixShape>,
  inputs: readonly InputSpec[],
  path: string,
): MatrixShape {
  if (step.op === 'observe') return observedShape(step, inputs, path)
  if (step.op === 'bins') return binnedShape(step, inputs, path)
  const [first, ...rest] = typeof step.from === 'string' ? [step.from] : step.from
  const from: Sources<MatrixShape> = [
    matrices.get(first ?? '') ?? fault(`${path}.from`),
    ...rest.map((name) => matrices.get(name) ?? fault(`${path}.from`)),
  ]
  const shape = transformShape(step, from)
  return 'fault' in shape ? fault(`${path}.${shape.fault}`) : shape
}

function observedShape(
  step: Extract<PreprocessingOp, { op: 'observe' }>,
  inputs: readonly InputSpec[],
  path: string,
): MatrixShape {
  ensure(areDistinct(step.inputs), `${path}.inputs`)
  const mayBeMissing = step.inputs.map((name) => {
    const input = inputs.find((candidate) => candidate.name === name) ?? fault(`${path}.inputs`)
    ensure(input.kind !== 'tensor', `${path}.inputs`)
    return step.hours > 1 || !isAlwaysThere(input)
  })
  return { rows: step.hours, mayBeMissing }
}

/** Of codes there is no mean, least or sum. */
function binnedShape(
  step: Extract<PreprocessingOp, { op: 'bins' }>,
  inputs: readonly InputSpec[],
  path: string,
): MatrixShape {
  ensure(areDistinct(step.inputs), `${path}.inputs`)
  const isOfAny = ['latest', 'first', 'count'].includes(step.take)
  for (const name of step.inputs) {
    const input = inputs.find((candidate) => candidate.name === name) ?? fault(`${path}.inputs`)
    ensure(input.kind !== 'tensor', `${path}.inputs`)
    ensure(isOfAny || input.kind !== 'code', `${path}.take`)
  }
  return { rows: step.count, mayBeMissing: step.inputs.map(() => step.take !== 'count') }
}

/** A default stands in for what was not sent, not for what was sent and set aside as stale. */
function isAlwaysThere(input: InputSpec): boolean {
  if (input.onMissing === 'refuse') return true
  return input.kind === 'code' && input.default !== undefined && input.onStale !== 'treat-as-missing'
}

function verifyOutputs({ outputs }: Contract): void {
  const names = outputs.map((output) => output.name)
  outputs.forEach((output, index) => {
    const path = `outputs.${output.name}`
    ensure(names.indexOf(output.name) === index, path)
    if (output.role === 'score') ensure(output.range.low < output.range.high, `${path}.range`)
    if (output.role === 'tensor') ensure(mostElements(output.dims) <= MAX_OUTPUT_VALUES, `${path}.dims`)
    if (output.role === 'contributions') ensure(areDistinct(output.of), `${path}.of`)
    if (output.role === 'category') {
      ensure(areDistinct(output.labels.map(({ value }) => value)), `${path}.labels.value`)
      ensure(areDistinct(output.labels.map(({ code }) => code)), `${path}.labels.code`)
    }
  })
  // All of them are part of one record.
  const values = outputs.reduce((sum, output) => sum + (output.role === 'tensor' ? mostElements(output.dims) : 0), 0)
  ensure(values <= MAX_OUTPUT_VALUES, 'outputs')
}

function verifyThreshold({ threshold, outputs }: Contract): void {
  if (threshold === null) return
  const output = outputs.find(({ name }) => name === threshold.output)
  if (output === undefined || !canBeJudged(output)) fault('threshold.output')
  ensure(threshold.clearBelow <= threshold.alertAt, 'threshold.clearBelow')
  const { low, high } = reach(output)
  ensure(threshold.alertAt >= low && threshold.alertAt <= high, 'threshold.alertAt')
}

type JudgedOutput = Extract<OutputSpec, { role: 'score' | 'probability' | 'category' }>

function canBeJudged(output: OutputSpec): output is JudgedOutput {
  return output.role === 'score' || output.role === 'probability' || output.role === 'category'
}

function reach(output: JudgedOutput): { low: number; high: number } {
  if (output.role === 'score') return output.range
  if (output.role === 'probability') return { low: 0, high: 1 }
  const values = output.labels.map(({ value }) => value)
  return { low: Math.min(...values), high: Math.max(...values) }
}
