import { parseCanonical } from '../../device/platform/canonical-json.ts'
import { ContractError, Refusal, refusals } from './errors.ts'
import { type GuardedInputs, guard, type Observation } from './guard.ts'
import type { PreparedImage } from './image/prepared-image.ts'
import type { Assessment } from './postprocess.ts'
import { type Contract, type GoldenVectors, goldenVectorsSchema } from './schema.ts'
import { mostElements } from './tensor-value.ts'

export type GoldenVector = GoldenVectors['vectors'][number] & {
  /** What became of its image, once that has been decoded. */
  readonly prepared?: PreparedImage | undefined
}

/** The vectors of a package, with their images decoded where they have any. */
export interface GoldenCases {
  readonly vectors: readonly GoldenVector[]
}

const MS_PER_MINUTE = 60_000

/**
 * Reads a package's file of role `golden-vectors`: canonical JSON (RFC 8785) of the schema, each vector with a name of
 * its own.
 * @throws ContractError contract_inconsistent about `golden-vectors`
 */
export function parseGoldenVectors(bytes: Uint8Array): GoldenVectors {
  const parsed = goldenVectorsSchema.safeParse(readJson(bytes))
  if (!parsed.success)
    throw new ContractError('contract_inconsistent', { about: 'golden-vectors', cause: parsed.error })
  const names = new Set(parsed.data.vectors.map((vector) => vector.name))
  if (names.size !== parsed.data.vectors.length) fault('golden-vectors')
  return parsed.data
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseCanonical(bytes)
  } catch (cause) {
    throw new ContractError('contract_inconsistent', { about: 'golden-vectors', cause })
  }
}

/**
 * Checks that the vectors speak of this contract: inputs it has (but where `input_unknown` is what they show), outputs
 * it has with as many values, refusals that exist.
 * @throws ContractError contract_inconsistent, about `golden-vectors` and the vector's name
 */
export function verifyGoldenVectors(vectors: GoldenVectors, contract: Contract): void {
  const inputs = new Set(contract.inputs.map((input) => input.name))
  for (const { name, inputs: sent, image, expect } of vectors.vectors) {
    const knowsInputs = Object.keys(sent).every((input) => inputs.has(input))
    if (image !== undefined && contract.image === undefined) fault(`golden-vectors: ${name}`)
    const fits =
      'refused' in expect
        ? Object.hasOwn(refusals, expect.refused) && (knowsInputs || expect.refused === 'input_unknown')
        : knowsInputs && Object.entries(expect.outputs).every(([output, values]) => hasOutput(contract, output, values))
    if (!fits) fault(`golden-vectors: ${name}`)
  }
  if (!vectors.vectors.some((vector) => isTelling(vector, contract))) fault('golden-vectors: none runs the model')
}

/** A vector that is scored and says what the judged output must be; refusals alone would never run the model. */
function isTelling({ expect }: GoldenVector, { threshold }: Contract): boolean {
  if (!('outputs' in expect)) return false
  return threshold === null ? Object.keys(expect.outputs).length > 0 : Object.hasOwn(expect.outputs, threshold.output)
}

function hasOutput(contract: Contract, name: string, values: readonly number[]): boolean {
  const output = contract.outputs.find((candidate) => candidate.name === name)
  if (output === undefined) return false
  if (output.role === 'tensor') return values.length <= mostElements(output.dims)
  if (output.role === 'segmentation') return values.length === output.labels.length
  return values.length === (output.role === 'contributions' ? output.of.length : 1)
}

/** A vector's inputs, guarded, as of `nowMs`. @throws Refusal */
export function guardGolden(vector: GoldenVector, contract: Contract, nowMs: number): GuardedInputs {
  return guard(goldenObservations(vector, nowMs), contract, nowMs, vector.prepared)
}

/** A vector's inputs as a sender would give them at `nowMs`. */
export function goldenObservations(vector: GoldenVector, nowMs: number): Record<string, Observation[]> {
  const inputs = Object.entries(vector.inputs).map(([name, list]): [string, Observation[]] => [
    name,
    list.map(({ value, unit, ageMinutes }) => ({ value, unit, atMs: nowMs - ageMinutes * MS_PER_MINUTE })),
  ])
  return Object.fromEntries(inputs)
}

/**
 * Compares what came out with what the vector says. Outputs that the vector does not mention are not compared.
 * @param tolerance largest absolute difference of a value that still passes
 * @returns undefined when as expected; else what differs, by name: no values, so that it may be logged.
 */
export function goldenDifference(
  vector: GoldenVector,
  outcome: Assessment | Refusal,
  tolerance: number,
): string | undefined {
  const { expect } = vector
  if ('refused' in expect) return refusalDifference(expect, outcome)
  if (outcome instanceof Refusal) return 'refused'
  const output = Object.keys(expect.outputs).find(
    (name) => !isClose(expect.outputs[name] ?? [], valuesOf(outcome, name), tolerance),
  )
  return output ?? (expect.alert === outcome.alert ? undefined : 'alert')
}

function refusalDifference(
  expected: { readonly refused: string; readonly about?: string | undefined },
  outcome: Assessment | Refusal,
): string | undefined {
  if (!(outcome instanceof Refusal)) return 'not refused'
  if (outcome.code !== expected.refused) return 'refused with another code'
  return expected.about === undefined || outcome.about === expected.about ? undefined : 'refused about another input'
}

function valuesOf(assessment: Assessment, name: string): readonly number[] {
  return Object.hasOwn(assessment.outputs, name) ? (assessment.outputs[name]?.values ?? []) : []
}

/** Written so that a NaN is never close. */
function isClose(expected: readonly number[], values: readonly number[], tolerance: number): boolean {
  if (values.length !== expected.length) return false
  return expected.every((value, index) => Math.abs(value - (values[index] ?? Number.NaN)) <= tolerance)
}

function fault(about: string): never {
  throw new ContractError('contract_inconsistent', { about })
}
