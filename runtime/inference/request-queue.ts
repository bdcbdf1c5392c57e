import type { Clock } from '../../device/platform/clock.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { InferenceError } from './errors.ts'

/** setTimeout takes no more; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** One request from arrival to answer. It is settled exactly once, by whoever comes first. */
export interface PendingRun {
  readonly inputs: Tensors
  readonly deadlineMs: number
  resolve(outputs: Tensors): void
  reject(error: InferenceError): void
}

/**
 * The requests that wait for the worker, oldest first. The deadline of each runs from arrival to answer, in the queue
 * and in the worker alike: at that moment it is answered, whatever the worker does.
 */
export class RequestQueue {
  readonly #clock: Clock
  readonly #maxQueue: number
  readonly #onDeadline: (run: PendingRun) => void
  readonly #waiting = new Set<PendingRun>()

  /** `onDeadline` is told of each request that was answered by its deadline, after that answer. */
  constructor(clock: Clock, maxQueue: number, onDeadline: (run: PendingRun) => void) {
    this.#clock = clock
    this.#maxQueue = maxQueue
    this.#onDeadline = onDeadline
  }

  /** @throws InferenceError (as a rejection) inference_overloaded | inference_deadline, or what the run is rejected with. */
  add(inputs: Tensors, deadlineMs: number): Promise<Tensors> {
    const leftMs = deadlineMs - this.#clock.monotonicMs()
    if (!(leftMs > 0)) return Promise.reject(new InferenceError('inference_deadline'))
    if (this.#waiting.size >= this.#maxQueue) return Promise.reject(new InferenceError('inference_overloaded'))
    return new Promise((resolve, reject) => {
      // Not unref'ed: a caller that awaits this answer must get it, even when nothing else keeps the process alive.
      const timer = setTimeout(() => this.#expire(run), Math.min(leftMs, MAX_TIMER_MS))
      const settle = () => {
        clearTimeout(timer)
        this.#waiting.delete(run)
      }
      const run: PendingRun = {
        inputs,
        deadlineMs,
        resolve: (outputs) => {
          settle()
          resolve(outputs)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      this.#waiting.add(run)
    })
  }

  /**
   * Takes the oldest request out of the queue; its deadline goes on.
   * One with less time left than `needMs` is answered with inference_deadline instead: the worker would only be killed for it.
   */
  take(needMs: number): PendingRun | undefined {
    for (const run of this.#waiting) {
      this.#waiting.delete(run)
      if (run.deadlineMs - this.#clock.monotonicMs() > needMs) return run
      run.reject(new InferenceError('inference_deadline'))
    }
    return undefined
  }

  rejectAll(error: InferenceError): void {
    for (const run of this.#waiting) run.reject(error)
  }

  #expire(run: PendingRun): void {
    run.reject(new InferenceError('inference_deadline'))
    this.#onDeadline(run)
  }
}
