import type { Observation } from '../../../models/contract/guard.ts'
import type { Contract, InputSpec } from '../../../models/contract/schema.ts'
import { type Datatype, elementTypes, isTexts, writeElements } from './datatypes.ts'
import { refuseOip } from './errors.ts'
import type { NamedTensor } from './inference.ts'
import { textParameter, verifyParameterNames } from './parameters.ts'

const INPUT_NAME = /^[a-z][a-z0-9-]{0,63}$/
const MS_PER_MINUTE = 60_000
/** 200 years: what is older was not measured in a patient. */
const MAX_AGE_MINUTES = 200 * 366 * 24 * 60
/** RFC 3339 with seconds and a known offset, as POST /v1/decisions takes it. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i

/**
 * Tensors by the names of a contract's inputs → observations. Nothing is judged here that the guards judge: they refuse what
 * does not fit the contract, and record that they did.
 * @param nowMs moment of an observation that came without one
 * @throws OipError for what has no meaning as an observation
 */
export function readObservations(
  tensors: readonly NamedTensor[],
  contract: Pick<Contract, 'inputs'>,
  nowMs: number,
): Readonly<Record<string, readonly Observation[]>> {
  const specs = new Map(contract.inputs.map((spec) => [spec.name, spec]))
  const observations = new Map<string, readonly Observation[]>()
  for (const tensor of tensors) {
    const spec = specs.get(tensor.name)
    // A name that no contract can have is not repeated anywhere, not even in the sealed record of a refusal.
    if (!INPUT_NAME.test(tensor.name)) refuseOip('oip_request_malformed', 'inputs')
    if (observations.has(tensor.name)) refuseOip('oip_request_malformed', spec === undefined ? 'inputs' : spec.name)
    // Of an input that the contract does not have only the name goes on: the guards refuse it.
    observations.set(tensor.name, spec === undefined ? [] : observationsOf(spec, tensor, nowMs))
  }
  return Object.fromEntries(observations)
}

const known = ['unit', 'ages_minutes', 'times']

function observationsOf(spec: InputSpec, tensor: NamedTensor, nowMs: number): readonly Observation[] {
  const { datatype, parameters, shape, data } = tensor
  const { name } = spec
  if (!takenDatatypes(spec).includes(datatype)) refuseOip('oip_datatype_mismatch', name)
  verifyParameterNames(parameters, spec.kind === 'quantity' ? known : known.slice(1), name)
  if (spec.kind === 'tensor') {
    const [atMs = nowMs] = momentsOf(tensor, name, 1, nowMs)
    const base64 = Buffer.from(writeElements(data)).toString('base64')
    return [{ value: { dims: shape, base64 }, atMs }]
  }
  const [count = 0] = shape
  if (shape.length !== 1 || count === 0 || (count > 1 && !spec.series)) refuseOip('oip_shape_invalid', name)
  const moments = momentsOf(tensor, name, count, nowMs)
  // The contract's own unit stands for one that was not said; the metadata of the model names it.
  const unit = spec.kind === 'quantity' ? { unit: textParameter(parameters, 'unit') ?? spec.unit } : {}
  return valuesOf(spec, data, name).map((value, index) => ({ value, ...unit, atMs: moments[index] ?? nowMs }))
}

const numeric = Object.keys(elementTypes).filter((datatype) => datatype !== 'BOOL') as readonly Datatype[]

function takenDatatypes(spec: InputSpec): readonly Datatype[] {
  switch (spec.kind) {
    case 'quantity':
      return numeric
    case 'code':
      return ['BYTES']
    case 'boolean':
      return ['BOOL']
    case 'tensor':
      return numeric.concat('BOOL').filter((datatype) => datatype !== 'BYTES' && elementTypes[datatype] === spec.dtype)
  }
}

function valuesOf(spec: InputSpec, data: NamedTensor['data'], name: string): readonly (number | string | boolean)[] {
  if (isTexts(data)) return data.map((text) => decodeText(text, name))
  return Array.from(data as ArrayLike<number | bigint>, (element) => {
    if (spec.kind === 'boolean') return element !== 0
    return typeof element === 'bigint' ? exactNumber(element, name) : element
  })
}

function exactNumber(integer: bigint, name: string): number {
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : refuseOip('oip_element_invalid', name)
}

const CODE = /^[\x20-\x7e]{1,128}$/

/** As much as a code can be; whether it is one of the contract's the guards say. */
function decodeText(bytes: Uint8Array, name: string): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  return CODE.test(text) ? text : refuseOip('oip_element_invalid', name)
}

/**
 * When each element was measured: `ages_minutes` before now, or `times`; comma-separated where they are several. A parameter
 * of this protocol cannot be a list.
 */
function momentsOf({ parameters }: NamedTensor, name: string, count: number, nowMs: number): readonly number[] {
  const ages = parameters.get('ages_minutes')
  const times = textParameter(parameters, 'times')
  if (ages !== undefined && times !== undefined) refuseOip('oip_parameter_invalid', name)
  if (ages === undefined && times === undefined) {
    if (count === 1) return [nowMs]
    refuseOip('oip_times_missing', name)
  }
  const moments =
    times === undefined
      ? listOf(String(ages)).map((age) => nowMs - ageMinutes(age, name) * MS_PER_MINUTE)
      : listOf(times).map((time) => momentMs(time, name))
  return moments.length === count ? moments : refuseOip('oip_parameter_invalid', name)
}

function listOf(text: string): string[] {
  return text.split(',').map((item) => item.trim())
}

function ageMinutes(text: string, name: string): number {
  const age = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  return age <= MAX_AGE_MINUTES ? age : refuseOip('oip_parameter_invalid', name)
}

function momentMs(text: string, name: string): number {
  const [, day] = MOMENT.exec(text) ?? []
  const isMoment = day !== undefined && isDay(day) && !text.endsWith('-00:00')
  const atMs = isMoment ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? refuseOip('oip_parameter_invalid', name) : atMs
}

/** Date.parse makes a day of March of a 30th of February. */
function isDay(day: string): boolean {
  const atMs = Date.parse(day)
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(day)
}
