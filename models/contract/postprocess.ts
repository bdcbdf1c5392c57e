import { sha256 } from '../../device/crypto/bulk.ts'
import { calibrateProbability } from './calibration.ts'
import { roundHalfAway } from './decimal.ts'
import { ContractError } from './errors.ts'
import type { Calibration, Contract, OutputSpec, Threshold } from './schema.ts'
import { isBigElement, type Tensor, type Tensors, tensorBytes, tensorNumbers } from './tensor.ts'
import { MAX_OUTPUT_VALUES } from './tensor-schema.ts'
import { fitsDimensions } from './tensor-value.ts'

export interface AssessedOutput {
  readonly role: OutputSpec['role']
  readonly display: string
  readonly unit: string
  /**
   * One value; one per member of `of` for contributions; all of them, row-major, for a tensor; for a segmentation how many
   * elements have each label, in the contract's order of labels.
   */
  readonly values: readonly number[]
  /** How the values of a tensor, or the labels of a segmentation, lie; no other role has it. */
  readonly dims?: readonly number[] | undefined
  /** Of a segmentation's labels, one byte each, row-major: SHA-256, hex. */
  readonly sha256?: string | undefined
  /** The words of a category; null for every other role. */
  readonly label: { readonly code: string; readonly text: string } | null
}

/** What the model says, in the contract's terms. */
export interface Assessment {
  readonly outputs: Readonly<Record<string, AssessedOutput>>
  /** Records of releases before `clearBelow` counted have none. */
  readonly threshold: {
    readonly output: string
    readonly alertAt: number
    readonly clearBelow?: number | undefined
  } | null
  /** The output reaches `alertAt`, or an alert that stands has not fallen below `clearBelow`. */
  readonly alert: boolean
}

/** A softmax in float32 may miss 0 or 1 by this much; such a value is taken as 0 or 1, anything further is a fault. */
const PROBABILITY_SLACK = 1e-6

/**
 * Reads the model's raw outputs as the contract describes them: checks count and range, rounds scores, calibrates
 * probabilities, puts categories in words, and compares with the threshold.
 * @param stands does an alert stand from before? Asked only where that decides: from `clearBelow` up to `alertAt`.
 * @throws ContractError contract_output_invalid, about the output.
 */
export function postprocess(raw: Tensors, contract: Contract, stands: () => boolean = () => false): Assessment {
  const outputs = new Map(contract.outputs.map((spec) => [spec.name, assess(spec, raw, contract.calibration)]))
  const { threshold } = contract
  return {
    outputs: Object.fromEntries(outputs),
    threshold: threshold && { ...threshold },
    alert: threshold !== null && alerts(outputs.get(threshold.output), threshold, stands),
  }
}

/**
 * One number per row of a batch, for the output that an explanation speaks of, held to the same range as the decision's
 * own and calibrated like it.
 * @throws ContractError contract_output_invalid when a row is missing, not finite or out of range
 */
export function outputRows(raw: Tensors, contract: Contract, name: string, rows: number): number[] {
  const spec = contract.outputs.find((output) => output.name === name)
  if (spec?.role !== 'score' && spec?.role !== 'probability')
    throw new ContractError('contract_output_invalid', { about: name })
  const numbers = readNumbers(spec, raw, rows)
  return numbers.map((value) =>
    spec.role === 'score' ? inRange(spec, value) : probability(spec, value, contract.calibration),
  )
}

function assess(spec: OutputSpec, raw: Tensors, calibration: Calibration): AssessedOutput {
  if (spec.role === 'tensor') return assessTensor(spec, raw)
  if (spec.role === 'segmentation') return assessSegmentation(spec, raw)
  const numbers = readTensor(spec, raw)
  const [first = Number.NaN] = numbers
  const said = { role: spec.role, display: spec.display, unit: spec.unit }
  switch (spec.role) {
    case 'score':
      return { ...said, values: [score(spec, first)], label: null }
    case 'probability':
      return { ...said, values: [probability(spec, first, calibration)], label: null }
    case 'category':
      return { ...said, values: [first], label: labelOf(spec, first) }
    case 'contributions':
      return { ...said, values: numbers, label: null }
  }
}

/** Dimensions and type as the contract has them, and numbers that JSON can say exactly: nothing is left out or cut. */
function assessTensor(spec: Extract<OutputSpec, { role: 'tensor' }>, raw: Tensors): AssessedOutput {
  const dims = Object.hasOwn(raw, spec.tensor) ? (raw[spec.tensor]?.dims ?? []) : []
  if (raw[spec.tensor]?.dtype !== spec.dtype || !fitsDimensions(dims, spec.dims)) invalid(spec)
  const count = dims.reduce((product, size) => product * size, 1)
  if (count > MAX_OUTPUT_VALUES) invalid(spec)
  const { role, display, unit } = spec
  return { role, display, unit, values: readNumbers(spec, raw, count), label: null, dims: [...dims] }
}

/** A label that the contract does not list would be left out of every count: it is a fault. */
function assessSegmentation(spec: Extract<OutputSpec, { role: 'segmentation' }>, raw: Tensors): AssessedOutput {
  const tensor = Object.hasOwn(raw, spec.tensor) ? raw[spec.tensor] : undefined
  if (tensor?.dtype !== 'uint8' || tensor.data.length === 0 || elementCount(tensor) !== tensor.data.length)
    invalid(spec)
  const bytes = tensorBytes(tensor)
  const counts = new Uint32Array(256)
  for (let index = 0; index < bytes.length; index++) {
    const label = bytes[index] as number
    counts[label] = (counts[label] as number) + 1
  }
  const values = spec.labels.map(({ value }) => counts[value] ?? 0)
  if (values.reduce((sum, count) => sum + count, 0) !== bytes.length) invalid(spec)
  const { role, display, unit } = spec
  return { role, display, unit, values, label: null, dims: [...tensor.dims], sha256: sha256(bytes).toString('hex') }
}

function readTensor(spec: OutputSpec, raw: Tensors): readonly number[] {
  return readNumbers(spec, raw, spec.role === 'contributions' ? spec.of.length : 1)
}

/** Whatever the tensor's shape and type: exactly so many finite numbers, no more. */
function readNumbers(spec: OutputSpec, raw: Tensors, count: number): readonly number[] {
  const tensor = Object.hasOwn(raw, spec.tensor) ? raw[spec.tensor] : undefined
  if (tensor === undefined || tensor.data.length !== count || elementCount(tensor) !== count) invalid(spec)
  const numbers = tensorNumbers(tensor)
  const exact = isBigElement(tensor.dtype) ? Number.isSafeInteger : Number.isFinite
  if (!numbers.every(exact)) invalid(spec)
  return numbers.map((value) => value + 0)
}

function elementCount(tensor: Tensor): number {
  return tensor.dims.reduce((product, size) => product * size, 1)
}

function score(spec: Extract<OutputSpec, { role: 'score' }>, value: number): number {
  return roundHalfAway(inRange(spec, value), spec.decimals)
}

/** The range's ends count as the model can say them: as float32. */
function inRange(spec: Extract<OutputSpec, { role: 'score' }>, value: number): number {
  const low = Math.min(spec.range.low, Math.fround(spec.range.low))
  const high = Math.max(spec.range.high, Math.fround(spec.range.high))
  if (value < low || value > high) invalid(spec)
  return value
}

function probability(spec: OutputSpec, value: number, calibration: Calibration): number {
  if (value < -PROBABILITY_SLACK || value > 1 + PROBABILITY_SLACK) invalid(spec)
  const calibrated = calibrateProbability(value, calibration)
  if (!Number.isFinite(calibrated)) invalid(spec)
  return calibrated
}

function labelOf(spec: Extract<OutputSpec, { role: 'category' }>, value: number) {
  const label = spec.labels.find((candidate) => candidate.value === value)
  if (label === undefined) invalid(spec)
  return { code: label.code, text: label.text }
}

/** Compared as float32, in which the model speaks: its 0.9 is below the decimal 0.9 and still reaches it. */
function alerts(output: AssessedOutput | undefined, threshold: Threshold, stands: () => boolean): boolean {
  const value = output?.values[0]
  if (value === undefined) throw new ContractError('contract_inconsistent', { about: threshold.output })
  const reaches = (limit: number) => Math.fround(value) >= Math.fround(limit)
  return reaches(threshold.alertAt) || (reaches(threshold.clearBelow) && stands())
}

function invalid(spec: OutputSpec): never {
  throw new ContractError('contract_output_invalid', { about: spec.name })
}
