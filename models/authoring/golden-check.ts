import { ContractError, Refusal } from '../contract/errors.ts'
import { type GoldenVector, goldenDifference, guardGolden, verifyGoldenVectors } from '../contract/golden.ts'
import { type Contract, type GoldenVectors, goldenVectorsSchema } from '../contract/schema.ts'
import { type Finding, finding } from './findings.ts'
import { pathText } from './mark.ts'

/** Any moment will do: vectors say how old their values are, never when they were measured. */
const NOW_MS = Date.UTC(2026, 0, 5)
/** One wrong habit is in every vector; so many say it. */
const MAX_FINDINGS = 20

/**
 * Golden vectors as far as they can be judged without running the model: each is sent through the guards of the contract. A box refuses
 * a package for one that is wrong, which is late to learn it. One with an image is not judged: nothing is decoded here.
 * @param value what the file holds as JSON
 */
export function checkGolden(value: unknown, contract: Contract): Finding[] {
  const parsed = goldenVectorsSchema.safeParse(value)
  if (!parsed.success) return parsed.error.issues.slice(0, MAX_FINDINGS).map(schemaFinding)
  const { vectors } = parsed.data
  const names = new Set(vectors.map(({ name }) => name))
  if (names.size < vectors.length) return [finding('golden_invalid', 'vectors', 'two have the same name')]
  const strange = strangeFinding(parsed.data, contract)
  if (strange !== undefined) return [strange]
  const plain = vectors.filter(({ image }) => image === undefined)
  return plain.flatMap((vector) => contradiction(vector, contract)).slice(0, MAX_FINDINGS)
}

function schemaFinding({ path, code }: { readonly path: readonly PropertyKey[]; readonly code: string }): Finding {
  return finding('golden_invalid', pathText(path), code.replaceAll('_', ' '))
}

function strangeFinding(vectors: GoldenVectors, contract: Contract): Finding | undefined {
  try {
    verifyGoldenVectors(vectors, contract)
    return undefined
  } catch (error) {
    if (!(error instanceof ContractError)) throw error
    return finding('golden_invalid', error.about ?? 'golden-vectors')
  }
}

function contradiction(vector: GoldenVector, contract: Contract): Finding[] {
  const { name, expect } = vector
  const refusal = refusalOf(vector, contract)
  if ('refused' in expect) {
    const difference = refusal === undefined ? 'not refused' : goldenDifference(vector, refusal, 0)
    return difference === undefined ? [] : [finding('golden_contradicted', name, difference)]
  }
  if (refusal !== undefined) {
    const about = refusal.about === undefined ? '' : ` (${refusal.about})`
    return [finding('golden_contradicted', name, `it would be refused: ${refusal.code}${about}`)]
  }
  return isAlertPossible(expect, contract) ? [] : [finding('golden_contradicted', name, 'alert')]
}

function refusalOf(vector: GoldenVector, contract: Contract): Refusal | undefined {
  try {
    guardGolden(vector, contract, NOW_MS)
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** No alert stands before a golden vector, so that only reaching the threshold makes one; compared as postprocess does. */
function isAlertPossible(expect: { outputs: Record<string, number[]>; alert: boolean }, { threshold }: Contract) {
  if (threshold === null) return !expect.alert
  const [value] = Object.hasOwn(expect.outputs, threshold.output) ? (expect.outputs[threshold.output] ?? []) : []
  return value === undefined || expect.alert === Math.fround(value) >= Math.fround(threshold.alertAt)
}
