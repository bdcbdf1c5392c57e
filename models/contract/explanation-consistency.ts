import { areDistinct, ensure, fault } from './contract-fault.ts'
import type { Contract, ExplanationSpec } from './schema.ts'
import type { DimensionSpec, FedTensor } from './tensor-schema.ts'
import { mostElements } from './tensor-value.ts'

const MAX_SHAPLEY_GROUPS = 12
/** Cells of the batch that exact Shapley values send through the model: 16 MB. */
const MAX_COALITION_CELLS = 4_000_000
/** Cells of all batches of sampled orders together: 800 MB pass through the model, a few at a time. */
const MAX_SAMPLED_CELLS = 200_000_000
/** Cells of an image, once for each place that is covered: 2 GB pass through the model, a few images at a time. */
const MAX_COVERED_CELLS = 500_000_000

type SpecOf<Method extends ExplanationSpec['method']> = Extract<ExplanationSpec, { method: Method }>
type ShapleySpec = SpecOf<'exact-shapley' | 'permutation-shapley'>
type MapSpec = SpecOf<'class-activation-map' | 'occlusion'>
type Fed = ReadonlyMap<string, FedTensor>

/**
 * Checks the explanation against the rest of the contract: what it speaks of exists and can bear it, and what it sends
 * through the model has an end.
 * @param tensors what the contract feeds, by the name of the model's input
 * @throws ContractError contract_inconsistent, about a path below `explanation`
 */
export function verifyExplanation(contract: Contract, tensors: Fed): void {
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
  if (explanation.method === 'class-activation-map' || explanation.method === 'occlusion')
    verifyMap(explanation, contract, tensors)
  else verifyGroups(explanation, tensors)
  ensure(explanation.budgetMs <= contract.deadlineMs, 'explanation.budgetMs')
}

/** Every coalition is one row of a batch: the model must take this one tensor alone, as a single row. */
function verifyGroups(explanation: ShapleySpec, tensors: Fed): void {
  const fed = tensors.get(explanation.tensor)
  const [rows, width] = fed?.dims.length === 2 ? fed.dims : []
  if (fed?.dtype !== 'float32' || tensors.size !== 1 || rows !== 1 || typeof width !== 'number')
    fault('explanation.tensor')
  verifyCoalitions(explanation, width)
  ensure(areDistinct(explanation.groups.map(({ name }) => name)), 'explanation.groups.name')
  const columns = explanation.groups.flatMap((group) => group.columns).toSorted((a, b) => a - b)
  const partition = columns.length === width && columns.every((column, index) => column === index)
  ensure(partition, 'explanation.groups.columns')
}

/**
 * A map lies over one image that the model takes as an image; it is made by the op for it, or by covering places that are
 * there. Several images at once are sent only to a model that takes nothing else.
 */
function verifyMap(explanation: MapSpec, contract: Contract, tensors: Fed): void {
  const layout = imageLayout(contract, explanation.tensor) ?? fault('explanation.tensor')
  const fed = tensors.get(explanation.tensor)
  if (fed?.dtype !== 'float32' || fed.dims.length !== 4 || fed.dims[0] !== 1) fault('explanation.tensor')
  ensure(tensors.size === 1 || (explanation.batch ?? 1) === 1, 'explanation.batch')
  if (explanation.method === 'class-activation-map') {
    const made = contract.postprocessing?.find(({ to }) => to === explanation.map)
    ensure(made?.op === 'class-activation-map', 'explanation.map')
    return
  }
  ensure(explanation.layout === layout, 'explanation.layout')
  const [rows, columns] = layout === 'NCHW' ? fed.dims.slice(2) : fed.dims.slice(1)
  ensure(explanation.rows <= most(rows), 'explanation.rows')
  ensure(explanation.columns <= most(columns), 'explanation.columns')
  const places = explanation.rows * explanation.columns
  ensure(places * mostElements(fed.dims) <= MAX_COVERED_CELLS, 'explanation.cells')
}

/** How an image of one frame lies in the tensor that the contract makes of it; undefined for any other tensor. */
export function imageLayout({ preprocessing }: Contract, tensor: string): 'NCHW' | 'NHWC' | undefined {
  const step = preprocessing.find((one) => one.op === 'image-tensor' && one.tensor === tensor)
  if (step?.op !== 'image-tensor') return undefined
  return step.layout === 'NCHW' || step.layout === 'NHWC' ? step.layout : undefined
}

function most(size: DimensionSpec | undefined): number {
  return typeof size === 'number' ? size : (size?.max ?? 0)
}

/** The rows that coalitions stand against are as wide as the tensor, and what is sent through the model has an end. */
function verifyCoalitions(explanation: ShapleySpec, width: number): void {
  const { groups } = explanation
  if (explanation.method === 'exact-shapley') {
    ensure(explanation.baseline.length === width, 'explanation.baseline')
    ensure(groups.length <= MAX_SHAPLEY_GROUPS, 'explanation.groups')
    ensure(width << groups.length <= MAX_COALITION_CELLS, 'explanation.groups.cells')
    return
  }
  const { background, permutations } = explanation
  background.forEach((row, index) => {
    ensure(row.length === width, `explanation.background.${index}`)
  })
  ensure(2 * permutations * groups.length * background.length * width <= MAX_SAMPLED_CELLS, 'explanation.permutations')
}
