import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { type GoldenVector, goldenDifference, guardGolden } from '../../models/contract/golden.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { type Batching, isAlike, isRow, joinRows, splitRows } from './batcher.ts'
import type { TestedModel } from './self-test.ts'

interface Case {
  readonly vector: GoldenVector
  readonly inputs: Tensors
}

/** So many different rows in a batch show whether one is taken for another. */
const MAX_CASES = 256
/** What is wrong with batches, where it is not one golden vector. */
const NO_CASES = 'no golden vector is a single row'
const NOT_RUN = 'the model does not run'
const NOT_ROWS = 'an output has not a row for each'

/**
 * Runs the golden vectors together in each size of batch and holds every answer against what its vector says, within the
 * package's tolerance: a batched answer must be the single one.
 * @returns what differs, by name: no values, so that it may be logged; undefined when nothing does
 */
export async function batchDifference(
  model: TestedModel,
  { sizes }: Batching,
  clock: Clock,
): Promise<string | undefined> {
  const cases = casesOf(model, clock)
  if (cases.length === 0) return NO_CASES
  for (const size of sizes) {
    const difference = size === 1 ? undefined : await differenceAt(size, cases, model, clock)
    if (difference !== undefined) return `${size} rows: ${difference}`
  }
  return undefined
}

async function differenceAt(
  size: number,
  cases: readonly Case[],
  { manifest, worker }: TestedModel,
  clock: Clock,
): Promise<string | undefined> {
  const { provider } = await worker.ready()
  const { contract } = manifest
  // Each vector has its turn in each size, and the last batch is filled up with the first ones.
  for (let from = 0; from < cases.length; from += size) {
    const members = Array.from({ length: size }, (_, index) => cases[(from + index) % cases.length] as Case)
    try {
      const inputs = joinRows(members.map((member) => member.inputs))
      const outputs = await worker.run(inputs, clock.monotonicMs() + contract.deadlineMs * size)
      const rows = splitRows(outputs, size)
      if (rows === undefined) return NOT_ROWS
      const wrong = members.find(({ vector }, index) => {
        const outcome = postprocess(rows[index] ?? {}, contract)
        return goldenDifference(vector, outcome, manifest.tolerance[provider] ?? 0) !== undefined
      })
      if (wrong !== undefined) return wrong.vector.name
    } catch (error) {
      if (!isWardstoneError(error)) throw error
      return NOT_RUN
    }
  }
  return undefined
}

/** Those that reach the model, as single rows that can stand under one another. */
function casesOf({ manifest, golden }: TestedModel, clock: Clock): Case[] {
  const nowMs = clock.nowMs()
  const scored = golden.vectors.filter(({ expect }) => 'outputs' in expect).slice(0, MAX_CASES)
  const cases = scored.map((vector) => {
    const guarded = guardGolden(vector, manifest.contract, nowMs)
    return { vector, inputs: preprocess(guarded, manifest.contract, nowMs) }
  })
  const [first] = cases
  if (first === undefined || !isRow(first.inputs)) return []
  return cases.filter(({ inputs }) => isAlike(inputs, first.inputs))
}
