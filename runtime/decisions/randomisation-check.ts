import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { type GoldenCases, type GoldenVector, guardGolden } from '../../models/contract/golden.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import { type Tensors, tensorNumbers } from '../../models/contract/tensor.ts'
import type { ModelWorker } from '../inference/types.ts'
import { explain } from './explain.ts'
import { isMapSpec, type MapSpec, mapOf } from './map-explanation.ts'

/** What each golden vector's explanation was; undefined where there was none. */
export type ExplanationProbe = readonly (Probed | undefined)[]

/** Contributions, which count as they are; or a map, which is read by where it is high and where it is low. */
export type Probed = readonly number[] | ProbedMap

export interface ProbedMap {
  readonly map: readonly number[]
}

/** So many vectors say enough, and the orders of a sampled explanation need not be many to differ. */
const MAX_VECTORS = 3
const PERMUTATIONS = 2
/** Nor need the places of a map be small. */
const GRID = 4
const RUN_MS = 30_000
/** A difference below this share of the largest contribution is rounding. */
const SLACK = 1e-6
/** Maps that go up and down together as closely as this show the same. */
const SAME_PATTERN = 0.999
/** A calibration that is level somewhere would hide what a place does there. */
const UNCALIBRATED: Contract['calibration'] = { method: 'none' }
/** A model of other parameters keeps to no range. */
const ANY_RANGE = { low: -Number.MAX_VALUE, high: Number.MAX_VALUE }

/** Explains some golden vectors, whatever the outputs are worth. @returns nothing for a contract without explanation */
export async function probeExplanation(
  golden: GoldenCases,
  contract: Contract,
  worker: Pick<ModelWorker, 'run'>,
  clock: Clock,
): Promise<ExplanationProbe> {
  const { explanation } = contract
  if (explanation.method === 'none') return []
  const scored = golden.vectors.filter(({ expect }) => 'outputs' in expect).slice(0, MAX_VECTORS)
  const probe: (Probed | undefined)[] = []
  for (const vector of scored) {
    try {
      probe.push(await explanationOf(vector, contract, explanation, worker, clock))
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
    return one !== undefined && isTelling(one) && other !== undefined ? [{ one, other }] : []
  })
  if (pairs.length === 0) return 'unknown'
  return pairs.some(({ one, other }) => differs(one, other)) ? 'depends' : 'independent'
}

function isContributions(probed: Probed): probed is readonly number[] {
  return Array.isArray(probed)
}

function isTelling(probed: Probed): boolean {
  if (isContributions(probed)) return probed.some((value) => value !== 0)
  return probed.map.some((value) => value !== probed.map[0])
}

function differs(one: Probed, other: Probed): boolean {
  if (isContributions(one)) return !isContributions(other) || differInSize(one, other)
  // A map that only became stronger or weaker still points at the same places.
  return isContributions(other) || !(correlation(one.map, other.map) >= SAME_PATTERN)
}

function differInSize(one: readonly number[], other: readonly number[]): boolean {
  const largest = Math.max(...one.map(Math.abs))
  return one.some((value, index) => !(Math.abs(value - (other[index] ?? Number.NaN)) <= SLACK * largest))
}

/** Pearson's; NaN where one of them is the same everywhere, or they are of other sizes. */
function correlation(one: readonly number[], other: readonly number[]): number {
  const [ones, others] = [fromMean(one), fromMean(other)]
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? Number.NaN), 0)
  if (one.length !== other.length) return Number.NaN
  return product(ones, others) / Math.sqrt(product(ones, ones) * product(others, others))
}

function fromMean(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.map((value) => value - mean)
}

async function explanationOf(
  vector: GoldenVector,
  contract: Contract,
  spec: Exclude<ExplanationSpec, { method: 'none' }>,
  worker: Pick<ModelWorker, 'run'>,
  clock: Clock,
): Promise<Probed | undefined> {
  const nowMs = clock.nowMs()
  const run = (inputs: Tensors) => worker.run(inputs, clock.monotonicMs() + RUN_MS)
  const tensors = preprocess(guardGolden(vector, contract, nowMs), contract, nowMs)
  const outputs = contract.outputs.filter(({ name }) => name === spec.output).map(unranged)
  if (isMapSpec(spec)) {
    const free: Contract = { ...contract, outputs, calibration: UNCALIBRATED }
    return { map: (await mapOf(tensors, free, coarse(spec), run)).values }
  }
  const raw = await run(tensors)
  if (spec.method === 'model-output') {
    const tensor = raw[outputs[0]?.tensor ?? '']
    return tensor === undefined ? undefined : tensorNumbers(tensor)
  }
  const explanation = spec.method === 'permutation-shapley' ? { ...spec, permutations: PERMUTATIONS } : spec
  const free: Contract = { ...contract, outputs, threshold: null, explanation }
  const { method, contributions } = await explain(postprocess(raw, free), tensors, free, run, raw)
  return method === 'none' ? undefined : contributions.map(({ value }) => value)
}

function coarse(spec: MapSpec): MapSpec {
  if (spec.method !== 'occlusion') return spec
  return { ...spec, rows: Math.min(spec.rows, GRID), columns: Math.min(spec.columns, GRID) }
}

function unranged(output: Contract['outputs'][number]): Contract['outputs'][number] {
  return output.role === 'score' ? { ...output, range: ANY_RANGE } : output
}
