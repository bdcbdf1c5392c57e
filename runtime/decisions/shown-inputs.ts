import { sha256 } from '../../device/crypto/bulk.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { columnInputs } from '../../models/contract/column-inputs.ts'
import type { Observation } from '../../models/contract/guard.ts'
import type { Contract, InputSpec } from '../../models/contract/schema.ts'
import { tensorBytes } from '../../models/contract/tensor.ts'
import { readTensorValue } from '../../models/contract/tensor-value.ts'
import type { DecisionRecord, Explanation, TensorMark } from './types.ts'

export type ShownValue = number | string | boolean | TensorMark

/** An input of a decision: what was sent, and what the model took. */
export interface ShownInput {
  readonly name: string
  readonly display: string
  readonly kind: InputSpec['kind']
  /** Of `used`; what was sent has its own. */
  readonly unit: string | null
  readonly range: { readonly low: number; readonly high: number } | null
  /** The words of a code. */
  readonly labels: Readonly<Record<string, string>> | null
  /** As it came, oldest first; empty when it did not. */
  readonly sent: readonly { readonly value: ShownValue; readonly unit: string | null; readonly at: string }[]
  /** As the model took it, in the contract's unit, oldest first. */
  readonly used: readonly { readonly value: ShownValue; readonly at: string }[]
  readonly flags: readonly string[]
  /** Under which name it is part of the explanation. */
  readonly contribution: string | null
}

type Features = DecisionRecord['features'][string]

/**
 * The inputs in the contract's order, and after them what was sent that the contract does not know.
 * @param contract of the package that decided; without it, the names of the record
 */
export function shownInputs(
  record: DecisionRecord,
  contract: Contract | undefined,
  explanation: Explanation | null,
): ShownInput[] {
  const specs = new Map(contract?.inputs.map((spec) => [spec.name, spec]))
  const sent = new Map(Object.entries(record.observations))
  const used = new Map(Object.entries(record.features))
  const names = new Set([...specs.keys(), ...[...sent.keys(), ...used.keys()].toSorted()])
  const groups = contributionNames(contract, explanation)
  return [...names].map((name) => ({
    ...described(name, specs.get(name), sent.get(name) ?? [], used.get(name) ?? []),
    sent: shownSent(sent.get(name) ?? [], used.get(name) ?? [], specs.get(name)),
    used: shownUsed(used.get(name) ?? [], Date.parse(record.decision.decidedAt)),
    flags: record.decision.flags.filter(({ input }) => input === name).map(({ flag }) => flag),
    contribution: groups(name),
  }))
}

type Description = Omit<ShownInput, 'sent' | 'used' | 'flags' | 'contribution'>

function described(
  name: string,
  spec: InputSpec | undefined,
  sent: readonly Observation[],
  used: Features,
): Description {
  const nothing = { unit: null, range: null, labels: null }
  if (spec === undefined) return { name, display: name, kind: kindOf(used[0]?.value ?? sent[0]?.value), ...nothing }
  const common = { ...nothing, name, display: spec.display, kind: spec.kind }
  if (spec.kind === 'quantity') return { ...common, unit: spec.unit, range: spec.range }
  if (spec.kind === 'tensor') return { ...common, range: spec.range ?? null }
  if (spec.kind === 'code')
    return { ...common, labels: Object.fromEntries(spec.values.map(({ code, display }) => [code, display])) }
  return common
}

function kindOf(value: unknown): InputSpec['kind'] {
  if (typeof value === 'object') return 'tensor'
  if (typeof value === 'boolean') return 'boolean'
  return typeof value === 'number' ? 'quantity' : 'code'
}

function shownSent(sent: readonly Observation[], used: Features, spec: InputSpec | undefined): ShownInput['sent'] {
  return sent
    .toSorted((one, other) => one.atMs - other.atMs)
    .map(({ value, unit, atMs }) => ({
      value: typeof value === 'object' ? markOf(value, used, spec) : value,
      unit: unit ?? null,
      at: new Date(atMs).toISOString(),
    }))
}

/** What was taken has its mark on record; what was refused gets one now, where it is a tensor at all. */
function markOf(value: Observation['value'], used: Features, spec: InputSpec | undefined): ShownValue {
  const taken = used.find((one) => typeof one.value === 'object')?.value
  if (used.length === 1 && taken !== undefined) return taken
  if (spec?.kind !== 'tensor') return UNREADABLE
  try {
    const { value: tensor } = readTensorValue(spec, value)
    return { dtype: tensor.dtype, dims: tensor.dims, sha256: sha256(tensorBytes(tensor)).toString('hex') }
  } catch (error) {
    if (isWardstoneError(error)) return UNREADABLE
    throw error
  }
}

const UNREADABLE = 'a tensor that does not follow the contract'

function shownUsed(used: Features, decidedAtMs: number): ShownInput['used'] {
  return used
    .toSorted((one, other) => other.ageMinutes - one.ageMinutes)
    .map(({ value, ageMinutes }) => ({
      value,
      at: new Date(Math.round(decidedAtMs - ageMinutes * 60_000)).toISOString(),
    }))
}

/** By its own name, or that of the group of columns that it stands behind, where it stands behind those of one group alone. */
function contributionNames(
  contract: Contract | undefined,
  explanation: Explanation | null,
): (input: string) => string | null {
  const named = new Set(explanation?.contributions.map(({ name }) => name))
  const spec = contract?.explanation
  const isGrouped = spec?.method === 'exact-shapley' || spec?.method === 'permutation-shapley'
  const columns = contract !== undefined && isGrouped ? (columnInputs(contract, spec.tensor) ?? []) : []
  const groups = isGrouped ? spec.groups.filter(({ name }) => named.has(name)) : []
  return (input) => {
    const parts = groups.filter((group) => group.columns.some((column) => columns[column] === input))
    const [only] = parts
    if (parts.length === 1 && only !== undefined) return only.name
    return named.has(input) ? input : null
  }
}
