import type { Clock } from '../../../device/platform/clock.ts'
import { errorCode } from '../../../device/platform/errors.ts'
import type { DecisionService } from '../../decisions/service-types.ts'
import type { Slots } from '../../decisions/types.ts'
import type { OipDecisionRequest } from './decision-request.ts'

/** As Triton divides failures (docs/user_guide/metrics.md, "Failure Count Categories"). */
export const failureReasons = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const
export type FailureReason = (typeof failureReasons)[number]

const reasons: Readonly<Record<string, FailureReason>> = {
  inference_deadline: 'REJECTED',
  inference_overloaded: 'REJECTED',
  inference_unavailable: 'REJECTED',
  inference_worker_lost: 'BACKEND',
  inference_out_of_memory: 'BACKEND',
  inference_failed: 'BACKEND',
  contract_output_invalid: 'BACKEND',
}

/** How often, and for how long together, in microseconds. */
export interface Sum {
  count: number
  us: number
}

/** What was answered in runs for so many requests each. */
export interface BatchTally {
  /** Requests, not runs: {@link runsOf} says how many these were. */
  requests: number
  inputUs: number
  inferUs: number
  outputUs: number
}

/** One version of the model in a slot, since the runtime started. */
export interface ModelTally {
  readonly slot: string
  readonly version: string
  readonly success: Sum
  readonly fail: Sum
  readonly failures: Record<FailureReason, number>
  readonly queue: Sum
  readonly computeInput: Sum
  readonly computeInfer: Sum
  readonly computeOutput: Sum
  /** By the number of requests in a run. */
  readonly batches: Map<number, BatchTally>
  /** Requests that are in work: they wait, or the model runs for them. */
  pending: number
  /** Milliseconds since the Unix epoch; zero before the first. */
  lastInferenceMs: number
}

/** A slot that is updated every day for a year has fewer versions; the oldest goes first. */
const MAX_TALLIES = 512

/**
 * Counts what is decided, whichever protocol asked: it stands between the adapters and the decision room. A slot that does
 * not exist is not counted, so that no sender can make a row.
 */
export class InferenceStatistics {
  readonly #slots: Slots
  readonly #clock: Clock
  readonly #tallies = new Map<string, ModelTally>()

  constructor(slots: Slots, clock: Clock) {
    this.#slots = slots
    this.#clock = clock
  }

  /** The same service, counted. @param decisions an object of functions, as `createDecisionService` makes it */
  watch(decisions: DecisionService): DecisionService {
    return { ...decisions, decide: (request, caller) => this.#count(request, () => decisions.decide(request, caller)) }
  }

  /** Every model that runs, and every other that has been asked. */
  tallies(): readonly ModelTally[] {
    for (const slot of this.#slots.keys()) this.#tallyOf(slot)
    return [...this.#tallies.values()]
  }

  async #count(
    request: OipDecisionRequest,
    decide: () => ReturnType<DecisionService['decide']>,
  ): ReturnType<DecisionService['decide']> {
    const tally = this.#tallyOf(request.model)
    if (tally === undefined) return decide()
    const startMs = this.#clock.monotonicMs()
    const tookUs = () => Math.round((this.#clock.monotonicMs() - startMs) * 1000)
    const isCancelled = () => request.signal?.aborted === true
    tally.pending += 1
    try {
      const answer = await decide()
      const { outcome, refusal, timings } = answer.decision
      if (outcome === 'scored') this.#succeed(tally, timings, answer.batchSize ?? 1, tookUs())
      else fail(tally, reasonOf(refusal?.code ?? '', isCancelled()), tookUs())
      return answer
    } catch (error) {
      fail(tally, reasonOf(errorCode(error), isCancelled()), tookUs())
      throw error
    } finally {
      tally.pending -= 1
    }
  }

  #succeed(tally: ModelTally, timings: Readonly<Record<string, number>>, batchSize: number, tookUs: number): void {
    const { receiveUs = 0, guardUs = 0, gateUs = 0, queueUs = 0, inferUs = 0, explainUs = 0 } = timings
    add(tally.success, tookUs)
    add(tally.queue, queueUs)
    const inputUs = receiveUs + guardUs + gateUs
    add(tally.computeInput, inputUs)
    // Where the queue has no lap of its own, its time lies in that of the model.
    add(tally.computeInfer, inferUs)
    add(tally.computeOutput, explainUs)
    addBatch(tally.batches, Math.max(1, batchSize), { inputUs, inferUs, outputUs: explainUs })
    tally.lastInferenceMs = this.#clock.nowMs()
  }

  #tallyOf(slot: string): ModelTally | undefined {
    const content = this.#slots.get(slot)
    if (content?.state !== 'active') return undefined
    const { version } = content.model.manifest
    const key = `${slot} ${version}`
    const known = this.#tallies.get(key)
    if (known !== undefined) return known
    const tally = emptyTally(slot, version)
    this.#tallies.set(key, tally)
    const [oldest] = this.#tallies.keys()
    if (this.#tallies.size > MAX_TALLIES && oldest !== undefined) this.#tallies.delete(oldest)
    return tally
  }
}

function emptyTally(slot: string, version: string): ModelTally {
  const none = (): Sum => ({ count: 0, us: 0 })
  return {
    slot,
    version,
    success: none(),
    fail: none(),
    failures: { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 },
    queue: none(),
    computeInput: none(),
    computeInfer: none(),
    computeOutput: none(),
    batches: new Map(),
    pending: 0,
    lastInferenceMs: 0,
  }
}

function reasonOf(code: string, isCancelled: boolean): FailureReason {
  if (isCancelled) return 'CANCELED'
  return (Object.hasOwn(reasons, code) ? reasons[code] : undefined) ?? 'OTHER'
}

function fail(tally: ModelTally, reason: FailureReason, us: number): void {
  tally.failures[reason] += 1
  add(tally.fail, us)
}

function add(sum: Sum, us: number): void {
  sum.count += 1
  sum.us += us
}

function addBatch(batches: ModelTally['batches'], size: number, took: Omit<BatchTally, 'requests'>): void {
  const before = batches.get(size) ?? { requests: 0, inputUs: 0, inferUs: 0, outputUs: 0 }
  const inputUs = before.inputUs + took.inputUs
  const inferUs = before.inferUs + took.inferUs
  batches.set(size, { requests: before.requests + 1, inputUs, inferUs, outputUs: before.outputUs + took.outputUs })
}

/** How often the model ran for requests that were answered. One that left its batch early takes its share of a run with it. */
export function runsOf({ batches }: Pick<ModelTally, 'batches'>): number {
  return batchesOf({ batches }).reduce((sum, { runs }) => sum + runs.count, 0)
}

/** The runs by their size, the smallest first. The run of a batch is the time of each in it, so it counts a share for each. */
export function batchesOf({ batches }: Pick<ModelTally, 'batches'>) {
  return [...batches]
    .sort(([one], [other]) => one - other)
    .map(([size, { requests, inputUs, inferUs, outputUs }]) => {
      const count = Math.ceil(requests / size)
      return {
        size,
        input: { count, us: inputUs },
        runs: { count, us: Math.round(inferUs / size) },
        output: { count, us: outputUs },
      }
    })
}
