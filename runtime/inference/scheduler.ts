import type { Clock } from '../../device/platform/clock.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { type Batching, isAlike, isRow, planBatch } from './batcher.ts'
import type { CoreShare, CoreShares } from './core-shares.ts'
import { Dispatch } from './dispatch.ts'
import type { InferenceError } from './errors.ts'
import type { ModelInstance } from './model-instance.ts'
import { type PendingRun, RequestQueue } from './request-queue.ts'
import type { RunTimes } from './run-times.ts'
import { MAX_INPUT_BYTES } from './tensor-check.ts'
import type { RunOrder } from './types.ts'

export interface SchedulerParts {
  readonly clock: Clock
  readonly times: RunTimes
  readonly maxQueue: number
  /** Threads of one process. */
  readonly threads: number
  /** The cores of the box; without them a process runs whenever it is asked. */
  readonly cores: CoreShares | undefined
}

/**
 * Which request runs next, where, and with which others. One model has one queue and some processes. A request
 *   1. is admitted, or refused at once: the queue is full, or it would miss its deadline even if all went well (admission.ts);
 *   2. waits for its turn: by urgency, by turns of the clients, by deadline (priority-queue.ts);
 *   3. waits for cores, which all models share (core-shares.ts);
 *   4. is joined by others like it, where the package allows batches and they were shown to change nothing (batcher.ts);
 *   5. goes to a process that is idle, or nearly so: the next is sent before the last answer is back (model-instance.ts).
 * At its deadline, or when whoever asked has left, it is over wherever it is. A process that dies takes with it what it worked on;
 * what waited behind that in the same process is asked again.
 */
export class Scheduler {
  readonly #parts: SchedulerParts
  readonly #instances: readonly ModelInstance[]
  readonly #queue: RequestQueue
  readonly #share: (CoreShare & { leave(): void }) | undefined
  /** Those that failed together with others: each is asked alone now. */
  readonly #alone = new WeakSet<PendingRun>()
  /** A process could run something and has no cores. */
  #wantsCores = false
  #batching: Batching | undefined
  #batchTimer: NodeJS.Timeout | undefined

  constructor(parts: SchedulerParts, instances: readonly ModelInstance[]) {
    this.#parts = parts
    this.#instances = instances
    this.#share = parts.cores?.join(() => this.serve())
    this.#queue = new RequestQueue({
      clock: parts.clock,
      maxQueue: parts.maxQueue,
      typicalMs: (inputs) => parts.times.typicalMs(inputs),
      leastMs: (inputs) => parts.times.leastMs(inputs) ?? 0,
      serving: () => this.#serving(),
      onGone: (run) => this.#gone(run),
    })
  }

  get isIdle(): boolean {
    return this.#queue.size === 0 && this.#instances.every((instance) => instance.isIdle)
  }

  useBatches(batching: Batching): void {
    this.#batching = batching
  }

  add(inputs: Tensors, deadlineMs: number, client: string | undefined, order: RunOrder | undefined): Promise<Tensors> {
    const wasEmpty = this.#queue.size === 0
    const answer = this.#queue.add(inputs, deadlineMs, client, order)
    // One that finds nothing before it is always tried, so that a slow first answer does not shut out what follows.
    this.serve(wasEmpty ? () => true : undefined)
    return answer
  }

  /** Gives as much to the processes as they take. */
  serve(fits = (inputs: Tensors, leftMs: number) => this.#parts.times.allows(inputs, leftMs)): void {
    this.#wantsCores = false
    for (const instance of this.#idleFirst()) {
      while (this.#giveNext(instance, fits));
    }
    if (!this.#wantsCores) this.#share?.withdraw()
  }

  #idleFirst(): readonly ModelInstance[] {
    if (this.#instances.length === 1) return this.#instances
    return this.#instances.toSorted((one, other) => Number(other.isIdle) - Number(one.isIdle))
  }

  /** A process has answered; one that has nothing more to do gives back its cores, and asks for them again in its turn. */
  opened(instance: ModelInstance): void {
    if (instance.isIdle && instance.hasCores) {
      const head = this.#queue.peek((inputs, leftMs) => this.#parts.times.allows(inputs, leftMs))
      instance.giveCoresBack(head && { threads: this.#parts.threads, priority: head.priority })
    }
    this.serve()
  }

  /** Takes back what a process was given. */
  putBack(runs: readonly PendingRun[], how: 'alone' | 'as before'): void {
    if (how === 'alone') for (const run of runs) this.#alone.add(run)
    this.#queue.putBack(runs)
    this.serve()
  }

  /** Takes no cores any more, and answers all that wait. */
  close(error: InferenceError): void {
    clearTimeout(this.#batchTimer)
    this.#queue.rejectAll(error)
    this.#share?.leave()
  }

  #serving() {
    const running = this.#instances.filter(({ state }) => state === 'ready' || state === 'busy')
    const underWayMs = running.reduce((sum, instance) => sum + instance.underWayMs, 0)
    return { servers: Math.max(1, running.length), underWayMs }
  }

  #gone(run: PendingRun): void {
    for (const instance of this.#instances) instance.abandon(run)
    this.serve()
  }

  /** @returns whether the process took something, and may take more */
  #giveNext(instance: ModelInstance, fits: (inputs: Tensors, leftMs: number) => boolean): boolean {
    const head = this.#queue.size === 0 ? undefined : this.#queue.peek(fits)
    if (head === undefined || !instance.canTake(head)) return false
    const count = this.#batchFor(head)
    if (count === 'later' || !this.#hasCores(instance, head)) return false
    this.#queue.take(() => true)
    const partners = count < 2 ? [] : this.#queue.takeSuch(head.priority, count - 1, this.#isLike(head))
    const dispatch = new Dispatch([head, ...partners])
    for (const run of dispatch.runs) run.begin(dispatch.runs.length)
    instance.run(dispatch)
    return true
  }

  /** How many run together with the next one, itself among them. */
  #batchFor(head: PendingRun): number | 'later' {
    const batching = this.#batching
    if (batching === undefined || this.#alone.has(head) || !isRow(head.inputs)) return 1
    const mostRows = Math.floor(MAX_INPUT_BYTES / Math.max(1, head.inputBytes))
    const most = Math.min(mostRows, Math.max(...batching.sizes))
    const waiting = this.#queue.countSuch(head.priority, most, this.#isLike(head))
    const nowMs = this.#parts.clock.monotonicMs()
    const slackMs = head.deadlineMs - nowMs - 2 * this.#parts.times.typicalMs(head.inputs)
    const plan = planBatch(waiting, nowMs - head.arrivedMs, {
      ...batching,
      maxWaitMs: Math.min(batching.maxWaitMs, slackMs),
    })
    if (plan.take !== undefined) return plan.take
    clearTimeout(this.#batchTimer)
    this.#batchTimer = setTimeout(() => this.serve(), plan.waitMs)
    return 'later'
  }

  #isLike(head: PendingRun): (run: PendingRun) => boolean {
    return (run) => !this.#alone.has(run) && isAlike(run.inputs, head.inputs)
  }

  #hasCores(instance: ModelInstance, { priority }: PendingRun): boolean {
    const share = this.#share
    if (share === undefined) return true
    if (instance.hasCores) return instance.allows(priority) && share.mayGoOn(priority)
    const cores = share.take({ threads: this.#parts.threads, priority })
    if (cores === undefined) {
      this.#wantsCores = true
      return false
    }
    instance.useCores(cores)
    return true
  }
}
