import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { type GoldenVector, goldenObservations } from '../../models/contract/golden.ts'
import { guard } from '../../models/contract/guard.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Contract, ExplanationSpec, GoldenVectors } from '../../models/contract/schema.ts'
import { type Tensors, tensorNumbers } from '../../models/contract/tensor.ts'
import type { ModelWorker } from '../inference/types.ts'
import { explain } from './explain.ts'

/** What each golden vector's explanation was; undefined where there was none. */
export type ExplanationProbe = readonly (readonly number[] | undefined)[]

/** So many vectors say enough, and the orders of a sampled explanation need not be many to differ. */
const MAX_VECTORS = 3
const PERMUTATIONS = 2
const RUN_MS = 30_000
/** A difference below this share of the largest contribution is rounding. */
const SLACK = 1e-6
/** A model of other parameters keeps to no range. */
const ANY_RANGE = { low: -Number.MAX_VALUE, high: Number.MAX_VALUE }

/** Explains some golden vectors, whatever the outputs are worth. @returns nothing for a contract without explanation */
export async function probeExplanation(
  golden: GoldenVectors,
  contract: Contract,
  worker: Pick<ModelWorker, 'run'>,
  clock: Clock,
): Promise<ExplanationProbe> {
  const { explanation } = contract
  if (explanation.method === 'none') return []
  const scored = golden.vectors.filter(({ expect }) => 'outputs' in expect).slice(0, MAX_VECTORS)
  const probe: (readonly number[] | undefined)[] = []
  for (const vector of scored) {
    try {
      probe.push(await contributionsOf(vector, contract, explanation, worker, clock))
    } catch (error) {
      if (!isWardstoneError(error)) throw error
      probe.push(undefined)
    }
  }
  return probe
}

/**
 * Does an explanation depend on the model? `independent` when it is the same for every vector that has one, though the
 * parameters are others; `unknown` when there is nothing to compare, as where the randomised model does not run.
 */
export function judgeDependence(
  own: ExplanationProbe,
  randomised: ExplanationProbe,
): 'depends' | 'independent' | 'unknown' {
  const pairs = own.flatMap((one, index) => {
    const other = randomised[index]
    const isTelling = one?.some((value) => value !== 0) === true
    return isTelling && other !== undefined ? [{ one, other }] : []
  })
  if (pairs.length === 0) return 'unknown'
  return pairs.some(({ one, other }) => differs(one, other)) ? 'depends' : 'independent'
}

function differs(one: readonly number[], other: readonly number[]): boolean {
  const largest = Math.max(...one.map(Math.abs))
  return one.some((value, index) => !(Math.abs(value - (other[index] ?? Number.NaN)) <= SLACK * largest))
}

async function contributionsOf(
  vector: GoldenVector,
  contract: Contract,
  spec: Exclude<ExplanationSpec, { method: 'none' }>,
  worker: Pick<ModelWorker, 'run'>,
  clock: Clock,
): Promise<readonly number[] | undefined> {
  const nowMs = clock.nowMs()
  const run = (inputs: Tensors) => worker.run(inputs, clock.monotonicMs() + RUN_MS)
  const tensors = preprocess(guard(goldenObservations(vector, nowMs), contract, nowMs), contract, nowMs)
  const raw = await run(tensors)
  const output = contract.outputs.find(({ name }) => name === spec.output)
  if (spec.method === 'model-output') {
    const tensor = raw[output?.tensor ?? '']
    return tensor === undefined ? undefined : tensorNumbers(tensor)
  }
  const outputs = contract.outputs.filter(({ name }) => name === spec.output).map(unranged)
  const explanation = spec.method === 'permutation-shapley' ? { ...spec, permutations: PERMUTATIONS } : spec
  const free: Contract = { ...contract, outputs, threshold: null, explanation }
  const { method, contributions } = await explain(postprocess(raw, free), tensors, free, run)
  return method === 'none' ? undefined : contributions.map(({ value }) => value)
}

function unranged(output: Contract['outputs'][number]): Contract['outputs'][number] {
  return output.role === 'score' ? { ...output, range: ANY_RANGE } : output
}
