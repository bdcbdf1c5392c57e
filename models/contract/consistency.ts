import { ContractError } from './errors.ts'
import { type Contract, type InputSpec, MAX_COLUMNS, type OutputSpec, type PreprocessingOp } from './schema.ts'
import { type MatrixShape, type Sources, transformShape } from './transforms.ts'
import { isKnownUnit } from './units.ts'

const MAX_SHAPLEY_GROUPS = 12
/** Cells of all matrices of a contract together: 8 MB of numbers for one decision. */
const MAX_CELLS = 1_000_000
/** Cells of the batch that exact Shapley values send through the model: 16 MB. */
const MAX_COALITION_CELLS = 4_000_000

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
  verifyCalibration(contract)
  verifyThreshold(contract)
  verifyExplanation(contract, tensors)
}

function verifyInputs({ inputs }: Contract): void {
  const names = inputs.map((input) => input.name)
  inputs.forEach((input, index) => {
    const path = `inputs.${input.name}`
    ensure(names.indexOf(input.name) === index, path)
    if (input.kind === 'quantity') {
      ensure(isKnownUnit(input.unit), `${path}.unit`)
      ensure(input.range.low < input.range.high, `${path}.range`)
    }
    if (input.kind === 'code') {
      ensure(areDistinct(input.values.map(({ code }) => code)), `${path}.values`)
      ensure(input.default === undefined || hasCode(input, input.default), `${path}.default`)
    }
  })
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
function verifyPreprocessing({ inputs, preprocessing }: Contract): ReadonlyMap<string, MatrixShape> {
  const matrices = new Map<string, MatrixShape>()
  const tensors = new Map<string, MatrixShape>()
  let cells = 0
  preprocessing.forEach((step, index) => {
    const path = `preprocessing.${index}`
    if (step.op === 'tensor') {
      const shape = matrices.get(step.from) ?? fault(`${path}.from`)
      ensure(!shape.mayBeMissing.includes(true), `${path}.missing`)
      ensure(!tensors.has(step.tensor), `${path}.tensor`)
      tensors.set(step.tensor, shape)
    } else {
      ensure(!matrices.has(step.to), `${path}.to`)
      const shape = stepShape(step, matrices, inputs, path)
      ensure(shape.mayBeMissing.length <= MAX_COLUMNS, `${path}.columns`)
      cells += shape.rows * shape.mayBeMissing.length
      ensure(cells <= MAX_CELLS, `${path}.cells`)
      matrices.set(step.to, shape)
    }
  })
  ensure(tensors.size > 0, 'preprocessing')
  return tensors
}

function stepShape(
  step: Exclude<PreprocessingOp, { op: 'tensor' }>,
  matrices: ReadonlyMap<string, MatrixShape>,
  inputs: readonly InputSpec[],
  path: string,
): MatrixShape {
  if (step.op === 'observe') return observedShape(step, inputs, path)
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
    return step.hours > 1 || !isAlwaysThere(input)
  })
  return { rows: step.hours, mayBeMissing }
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
    if (output.role === 'contributions') ensure(areDistinct(output.of), `${path}.of`)
    if (output.role === 'category') {
      ensure(areDistinct(output.labels.map(({ value }) => value)), `${path}.labels.value`)
      ensure(areDistinct(output.labels.map(({ code }) => code)), `${path}.labels.code`)
    }
  })
}

/** A slope of zero or less would turn a higher risk into a lower one. */
function verifyCalibration({ calibration, outputs }: Contract): void {
  if (calibration.method === 'none') return
  ensure(calibration.slope > 0, 'calibration.slope')
  ensure(
    outputs.some(({ role }) => role === 'probability'),
    'calibration.method',
  )
}

function verifyThreshold({ threshold, outputs }: Contract): void {
  if (threshold === null) return
  const output = outputs.find(({ name }) => name === threshold.output)
  if (output === undefined || output.role === 'contributions') fault('threshold.output')
  ensure(threshold.clearBelow <= threshold.alertAt, 'threshold.clearBelow')
  const { low, high } = reach(output)
  ensure(threshold.alertAt >= low && threshold.alertAt <= high, 'threshold.alertAt')
}

function reach(output: Exclude<OutputSpec, { role: 'contributions' }>): { low: number; high: number } {
  if (output.role === 'score') return output.range
  if (output.role === 'probability') return { low: 0, high: 1 }
  const values = output.labels.map(({ value }) => value)
  return { low: Math.min(...values), high: Math.max(...values) }
}

function verifyExplanation(contract: Contract, tensors: ReadonlyMap<string, MatrixShape>): void {
  const { explanation, outputs } = contract
  if (explanation.method === 'none') return
  const roleOf = (name: string) => outputs.find((output) => output.name === name)?.role
  const isNumber = (name: string) => ['score', 'probability'].includes(roleOf(name) ?? '')
  if (explanation.method === 'model-output') {
    ensure(roleOf(explanation.output) === 'contributions', 'explanation.output')
    ensure(isNumber(explanation.total), 'explanation.total')
    return
  }
  ensure(isNumber(explanation.output), 'explanation.output')
  // Every coalition is one row of a batch: the model must take this one tensor alone, as a single row.
  const shape = tensors.get(explanation.tensor)
  if (shape === undefined || tensors.size !== 1 || shape.rows !== 1) fault('explanation.tensor')
  ensure(explanation.baseline.length === shape.mayBeMissing.length, 'explanation.baseline')
  ensure(explanation.groups.length <= MAX_SHAPLEY_GROUPS, 'explanation.groups')
  ensure(explanation.baseline.length << explanation.groups.length <= MAX_COALITION_CELLS, 'explanation.groups.cells')
  ensure(areDistinct(explanation.groups.map(({ name }) => name)), 'explanation.groups.name')
  const columns = explanation.groups.flatMap((group) => group.columns).toSorted((a, b) => a - b)
  const partition = columns.length === explanation.baseline.length && columns.every((column, index) => column === index)
  ensure(partition, 'explanation.groups.columns')
  ensure(explanation.budgetMs <= contract.deadlineMs, 'explanation.budgetMs')
}

function areDistinct(list: readonly (string | number)[]): boolean {
  return new Set(list).size === list.length
}

function ensure(holds: boolean, path: string): void {
  if (!holds) fault(path)
}

function fault(path: string): never {
  throw new ContractError('contract_inconsistent', { about: path })
}
