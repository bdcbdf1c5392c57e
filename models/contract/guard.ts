import { roundHalfAway } from './decimal.ts'
import { Refusal, refuseAbout as refuse, StaleRefusal } from './errors.ts'
import { guardImage, type ImageFlag, withImageObservations } from './image/image-guard.ts'
import type { PreparedImage } from './image/prepared-image.ts'
import type { Contract, InputSpec } from './schema.ts'
import type { Tensor, Tensors } from './tensor.ts'
import type { SentTensor } from './tensor-schema.ts'
import { readTensorValue } from './tensor-value.ts'
import { convertUnit } from './units.ts'

/** One value as it was sent. */
export interface Observation {
  readonly value: number | string | boolean | SentTensor
  /** UCUM code; quantities only. */
  readonly unit?: string | undefined
  /** When it was measured, in milliseconds since the Unix epoch. */
  readonly atMs: number
}

/** One value as the model is fed: in the contract's unit, rounded as the contract says. */
export interface GuardedObservation {
  readonly value: number | string | boolean | Tensor
  readonly atMs: number
}

/**
 * What happened to an input on its way in: an observation outside the plausible range, or too far from the one before
 * it, was kept or set aside, the newest one was too old, there was none, the contract's default was taken, or two were
 * given for the same moment.
 */
export interface GuardFlag {
  readonly input: string
  readonly flag: 'implausible' | 'abrupt' | 'stale' | 'missing' | 'default' | 'duplicate'
}

export interface GuardedInputs {
  /** Every input of the contract, oldest observation first; an empty list means missing. */
  readonly inputs: Readonly<Record<string, readonly GuardedObservation[]>>
  /** In the contract's order of inputs, each flag once per input; then those of the image. */
  readonly flags: readonly (GuardFlag | ImageFlag)[]
  /** What the steps made of the image, by the model's input. */
  readonly imageTensors?: Tensors
}

/** Clocks of senders may run ahead of ours by this much; an observation from that span counts as made now. */
export const FUTURE_TOLERANCE_MS = 60_000
export const MAX_OBSERVATIONS = 1000
/** The range of ECMAScript dates (ECMA-262 §21.4.1.1): beyond it a time cannot be written down. */
const MAX_TIME_MS = 8.64e15
const MS_PER_MINUTE = 60_000
const MS_PER_HOUR = 60 * MS_PER_MINUTE

/**
 * Holds what was sent against the signed contract. What comes back is complete, typed, in the contract's units and
 * fit to be fed; whatever is not is refused, and no refusal carries what was sent.
 * @param image what became of the image, where one was sent; what it says of the patient is taken as if it had been sent
 * @throws Refusal
 */
export function guard(
  observations: Readonly<Record<string, readonly Observation[]>>,
  contract: Contract,
  nowMs: number,
  image?: PreparedImage,
): GuardedInputs {
  const imageFlags = guardImage(image, contract)
  const sent = readInputs(withImageObservations(observations, image, contract, nowMs), contract)
  const guarded = contract.inputs.map((spec) => guardInput(spec, sent.get(spec.name) ?? [], nowMs))
  const inputs = new Map(guarded.map((input) => [input.spec.name, input.observations]))
  refuseMissing(contract, inputs)
  refuseOutsidePopulation(contract, inputs)
  return {
    // Own properties by definition, not by assignment: an input may be called `constructor`.
    inputs: Object.fromEntries(inputs),
    flags: [
      ...guarded.flatMap(({ spec, flags }) => [...flags].map((flag) => ({ input: spec.name, flag }))),
      ...imageFlags,
    ],
    ...(image !== undefined && 'tensors' in image.prepared ? { imageTensors: image.prepared.tensors } : {}),
  }
}

/** The names are the sender's: looked up, never used as keys of an object, never repeated in a refusal. */
function readInputs(observations: unknown, contract: Contract): Map<string, readonly unknown[]> {
  if (typeof observations !== 'object' || observations === null) throw new Refusal('input_wrong_type')
  const names = new Set(contract.inputs.map((spec) => spec.name))
  const sent = new Map<string, readonly unknown[]>()
  for (const [name, list] of Object.entries(observations)) {
    if (!names.has(name)) throw new Refusal('input_unknown')
    if (!Array.isArray(list)) refuse('input_wrong_type', name)
    sent.set(name, list)
  }
  return sent
}

interface GuardedInput {
  readonly spec: InputSpec
  readonly observations: readonly GuardedObservation[]
  readonly flags: ReadonlySet<GuardFlag['flag']>
}

function guardInput(spec: InputSpec, sent: readonly unknown[], nowMs: number): GuardedInput {
  const flags = new Set<GuardFlag['flag']>()
  if (sent.length === 0 && spec.kind === 'code' && spec.default !== undefined) {
    return { spec, observations: [{ value: spec.default, atMs: nowMs }], flags: flags.add('default') }
  }
  if (sent.length > (spec.series ? MAX_OBSERVATIONS : 1)) refuse('input_too_many', spec.name)
  const read = Array.from(sent, (observation) => readObservation(spec, observation, nowMs))
  const plausible = keepPlausible(spec, read, flags)
  const history = keepSteady(spec, keepLaterOfSameTime(plausible, flags), flags)
  const observations = keepFresh(spec, history, nowMs, flags).map(({ value, atMs }) => ({
    value,
    atMs: Math.min(atMs, nowMs),
  }))
  if (observations.length === 0) flags.add('missing')
  return { spec, observations, flags }
}

interface ReadObservation extends GuardedObservation {
  readonly plausible: boolean
}

function readObservation(spec: InputSpec, observation: unknown, nowMs: number): ReadObservation {
  if (typeof observation !== 'object' || observation === null) refuse('input_wrong_type', spec.name)
  const { value, unit, atMs } = observation as Readonly<Partial<Record<keyof Observation, unknown>>>
  if (typeof atMs !== 'number' || !(Math.abs(atMs) <= MAX_TIME_MS)) refuse('input_wrong_type', spec.name)
  if (atMs > nowMs + FUTURE_TOLERANCE_MS) refuse('input_in_future', spec.name)
  return { ...readValue(spec, value, unit), atMs }
}

function readValue(spec: InputSpec, value: unknown, unit: unknown): Pick<ReadObservation, 'value' | 'plausible'> {
  if (spec.kind === 'quantity') return readQuantity(spec, value, unit)
  if (unit !== undefined) refuse('input_unit_incompatible', spec.name)
  if (spec.kind === 'tensor') return readTensorValue(spec, value)
  if (spec.kind === 'boolean') {
    if (typeof value !== 'boolean') refuse('input_wrong_type', spec.name)
    return { value, plausible: true }
  }
  if (typeof value !== 'string') refuse('input_wrong_type', spec.name)
  if (!spec.values.some(({ code }) => code === value)) refuse('input_code_unknown', spec.name)
  return { value, plausible: true }
}

type QuantitySpec = Extract<InputSpec, { kind: 'quantity' }>

/** The plausible range is held against the converted value before rounding, so rounding cannot bring a value into it. */
function readQuantity(spec: QuantitySpec, value: unknown, unit: unknown) {
  if (typeof value !== 'number') refuse('input_wrong_type', spec.name)
  if (!Number.isFinite(value)) refuse('input_not_finite', spec.name)
  if (unit === undefined || unit === '') refuse('input_unit_missing', spec.name)
  if (typeof unit !== 'string') refuse('input_wrong_type', spec.name)
  const converted = convert(spec, value, unit)
  // Tensors are float32: a value that is infinite there is not a number the model can be fed.
  if (!Number.isFinite(Math.fround(converted))) refuse('input_not_finite', spec.name)
  return {
    // Adding 0 turns −0 into 0, which is what the record of the decision can say.
    value: spec.decimals === undefined ? converted + 0 : roundHalfAway(converted, spec.decimals),
    plausible: converted >= spec.range.low && converted <= spec.range.high,
  }
}

function convert(spec: QuantitySpec, value: number, unit: string): number {
  try {
    return convertUnit(value, unit, spec.unit, spec.molarMass, spec.valence)
  } catch (error) {
    if (error instanceof Refusal) refuse(error.code, spec.name)
    throw error
  }
}

function keepPlausible(spec: InputSpec, read: readonly ReadObservation[], flags: Set<GuardFlag['flag']>) {
  if ((spec.kind !== 'quantity' && spec.kind !== 'tensor') || read.every(({ plausible }) => plausible)) return read
  if (spec.onImplausible === 'refuse') refuse('input_out_of_range', spec.name)
  flags.add('implausible')
  return spec.onImplausible === 'flag' ? read : read.filter(({ plausible }) => plausible)
}

/**
 * Oldest first. Of two for the same moment the later in the sender's list stands, as a correction would, and the input
 * is flagged.
 */
function keepLaterOfSameTime(read: readonly ReadObservation[], flags: Set<GuardFlag['flag']>) {
  const sorted = read.toSorted((a, b) => a.atMs - b.atMs)
  const kept = sorted.filter((observation, index) => observation.atMs !== sorted[index + 1]?.atMs)
  if (kept.length < sorted.length) flags.add('duplicate')
  return kept
}

/**
 * Each is held against the one before it that was kept, so that one artefact does not make the next true value abrupt. A new
 * level is believed once enough time has passed for it, or once two in a row agree on it: a heart that has begun to race must not
 * stay hidden for hours, nor what is true after a first reading that was not.
 */
function keepSteady(spec: InputSpec, history: readonly ReadObservation[], flags: Set<GuardFlag['flag']>) {
  if (spec.kind !== 'quantity' || spec.change === undefined) return history
  const { perHour, onAbrupt } = spec.change
  const kept: ReadObservation[] = []
  let setAside: ReadObservation | undefined
  for (const observation of history) {
    const isAbrupt = changesFaster(kept.at(-1), observation, perHour)
    if (isAbrupt && onAbrupt === 'refuse') refuse('input_abrupt', spec.name)
    if (isAbrupt) flags.add('abrupt')
    const confirmed = isAbrupt && !changesFaster(setAside, observation, perHour) ? setAside : undefined
    if (confirmed !== undefined) kept.push(confirmed)
    const isKept = !isAbrupt || confirmed !== undefined || onAbrupt === 'flag'
    if (isKept) kept.push(observation)
    setAside = isKept ? undefined : observation
  }
  return kept
}

/** Within less than an hour the whole of an hour's change is plausible: two readings a minute apart may differ by noise. */
function changesFaster(before: ReadObservation | undefined, after: ReadObservation, perHour: number): boolean {
  if (before === undefined) return false
  const hours = Math.max((after.atMs - before.atMs) / MS_PER_HOUR, 1)
  return Math.abs(Number(after.value) - Number(before.value)) > perHour * hours
}

/** Staleness is judged on the newest observation; older ones of a series are history. */
function keepFresh(
  spec: InputSpec,
  history: readonly ReadObservation[],
  nowMs: number,
  flags: Set<GuardFlag['flag']>,
): readonly ReadObservation[] {
  const newest = history.at(-1)
  if (newest === undefined || nowMs - newest.atMs <= spec.maxAgeMinutes * MS_PER_MINUTE) return history
  if (spec.onStale === 'refuse')
    throw new StaleRefusal(spec.name, (nowMs - newest.atMs) / MS_PER_MINUTE, spec.maxAgeMinutes)
  flags.add('stale')
  return spec.onStale === 'flag' ? history : []
}

type Guarded = ReadonlyMap<string, readonly GuardedObservation[]>

/** One refusal names every input that has to be sent: those essential, and those that the population is judged by. */
function refuseMissing(contract: Contract, inputs: Guarded): void {
  const judgedBy = new Set(contract.population.criteria.map((criterion) => criterion.input))
  const missing = contract.inputs
    .filter((spec) => spec.onMissing === 'refuse' || judgedBy.has(spec.name))
    .map((spec) => spec.name)
    .filter((name) => latest(inputs, name) === undefined)
  if (missing.length > 0) refuse('input_missing', missing.join(', '))
}

function refuseOutsidePopulation(contract: Contract, inputs: Guarded): void {
  for (const criterion of contract.population.criteria) {
    if (!meets(criterion, latest(inputs, criterion.input))) refuse('population_excluded', criterion.reason)
  }
}

function meets(criterion: Contract['population']['criteria'][number], value: GuardedObservation['value'] | undefined) {
  if (criterion.rule === 'equals') return value === criterion.value
  if (typeof value !== 'number') return false
  return criterion.rule === 'at-least' ? value >= criterion.value : value <= criterion.value
}

function latest(inputs: Guarded, name: string): GuardedObservation['value'] | undefined {
  return inputs.get(name)?.at(-1)?.value
}
