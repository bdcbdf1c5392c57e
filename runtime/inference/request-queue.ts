import type { Clock } from '../../device/platform/clock.ts'
import type { ContractError } from '../../models/contract/errors.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { isHopeless, retryAfterMs } from './admission.ts'
import { InferenceError } from './errors.ts'
import { DEFAULT_PRIORITY, type Priority } from './priority.ts'
import { PriorityQueue, type Waiting } from './priority-queue.ts'
import type { RunOrder } from './types.ts'

/** setTimeout takes no more; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** Of the inputs that wait for one model together: eight of the largest volumes, or all places with something small. */
export const MAX_WAITING_BYTES = 512 * 1024 * 1024

/** One request from arrival to answer. It is settled exactly once, by whoever comes first. */
export interface PendingRun extends Waiting {
  readonly inputs: Tensors
  readonly arrivedMs: number
  /** Nobody waits for it any more. */
  readonly isSettled: boolean
  /** It has left the queue for a process, with so many at once. */
  begin(batchSize: number): void
  resolve(outputs: Tensors): void
  reject(error: InferenceError | ContractError): void
}

export interface QueueSettings {
  readonly clock: Clock
  readonly maxQueue: number
  /** How long one request takes, about, to say when a place will be free. */
  typicalMs(inputs: Tensors): number
  /** The quickest that one was lately answered in; 0 when none was. */
  leastMs(inputs: Tensors): number
  /** Processes that serve the queue, and how long those at work will be so at least. */
  serving(): { readonly servers: number; readonly underWayMs: number }
  /** Told of each request that nobody waits for any more: its deadline has passed, or whoever asked has left. */
  onGone(run: PendingRun): void
}

/**
 * The requests that wait for a model. The deadline of each runs from arrival to answer, in the queue and in the worker
 * alike: at that moment it is answered, whatever the worker does.
 */
export class RequestQueue {
  readonly #settings: QueueSettings
  readonly #waiting = new PriorityQueue<PendingRun>()

  constructor(settings: QueueSettings) {
    this.#settings = settings
  }

  get size(): number {
    return this.#waiting.size
  }

  /**
   * @param client whose request it is; without one it is the box's own, which is bounded by the queue alone.
   * @throws InferenceError (as a rejection) inference_overloaded | inference_deadline | inference_cancelled, or what the run
   * is rejected with.
   */
  add(inputs: Tensors, deadlineMs: number, client?: string, order: RunOrder = {}): Promise<Tensors> {
    const { priority = DEFAULT_PRIORITY } = order
    if (order.signal?.aborted === true) return Promise.reject(new InferenceError('inference_cancelled'))
    const leftMs = deadlineMs - this.#settings.clock.monotonicMs()
    if (!(leftMs > 0)) return Promise.reject(new InferenceError('inference_deadline'))
    const asked = { inputs, inputBytes: bytesOf(inputs), client, priority, deadlineMs }
    if (!this.#hasPlace(asked) || this.#isTooLate(asked, leftMs)) return Promise.reject(this.#overloaded(inputs))
    return new Promise((resolve, reject) => this.#insert(asked, leftMs, order, { resolve, reject }))
  }

  /**
   * The next request, which stays in the queue. One for which `fits` says that its time left is too short is answered with
   * inference_deadline instead: the worker would only be busy with it in vain.
   */
  peek(fits: (inputs: Tensors, leftMs: number) => boolean): PendingRun | undefined {
    for (;;) {
      const run = this.#waiting.peek()
      if (run === undefined) return undefined
      const leftMs = run.deadlineMs - this.#settings.clock.monotonicMs()
      if (leftMs > 0 && fits(run.inputs, leftMs)) return run
      run.reject(new InferenceError('inference_deadline'))
    }
  }

  /** Takes the next request out of the queue, as {@link peek} finds it; its deadline goes on. */
  take(fits: (inputs: Tensors, leftMs: number) => boolean): PendingRun | undefined {
    return this.peek(fits) === undefined ? undefined : this.#waiting.take()
  }

  takeSuch(priority: Priority, most: number, suits: (run: PendingRun) => boolean): PendingRun[] {
    return this.#waiting.takeSuch(priority, most, suits)
  }

  countSuch(priority: Priority, most: number, suits: (run: PendingRun) => boolean): number {
    return this.#waiting.countSuch(priority, most, suits)
  }

  /** Puts back requests that were taken and could not be served: they are next in their classes. */
  putBack(runs: readonly PendingRun[]): void {
    for (const run of runs) if (!run.isSettled) this.#waiting.addAgain(run)
  }

  rejectAll(error: InferenceError): void {
    for (const run of this.#waiting.all()) run.reject(error)
  }

  #insert(
    asked: Omit<PendingRun, 'arrivedMs' | 'isSettled' | 'begin' | 'resolve' | 'reject'>,
    leftMs: number,
    { signal, begun }: RunOrder,
    { resolve, reject }: { resolve(outputs: Tensors): void; reject(error: InferenceError | ContractError): void },
  ): void {
    let settled = false
    const settle = (): boolean => {
      if (settled) return false
      settled = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
      this.#waiting.remove(run)
      return true
    }
    const run: PendingRun = {
      ...asked,
      arrivedMs: this.#settings.clock.monotonicMs(),
      get isSettled() {
        return settled
      },
      begin: (batchSize) => begun?.(batchSize),
      resolve: (outputs) => void (settle() && resolve(outputs)),
      reject: (error) => void (settle() && reject(error)),
    }
    const end = (code: 'inference_deadline' | 'inference_cancelled') => {
      if (settled) return
      run.reject(new InferenceError(code))
      this.#settings.onGone(run)
    }
    const leave = () => end('inference_cancelled')
    // Not unref'ed: a caller that awaits this answer must get it, even when nothing else keeps the process alive.
    // Timers come before what has arrived: after a pause of ours, an answer that is there already is read first.
    const expire = () => setImmediate(() => end('inference_deadline'))
    const timer = setTimeout(expire, Math.min(leftMs, MAX_TIMER_MS))
    signal?.addEventListener('abort', leave, { once: true })
    this.#waiting.add(run)
    this.#displace(run.priority)
  }

  /**
   * As many places, and as much memory, as it leaves to others: one alone gets half of them, and leaves a newcomer the
   * other. What is less urgent takes no place from it.
   */
  #hasPlace(asked: Waiting & { readonly inputs: Tensors }): boolean {
    const { maxQueue } = this.#settings
    const waiting = this.#waiting.upTo(asked.priority)
    const own = asked.client === undefined ? [] : this.#waiting.ownUpTo(asked)
    const ownBytes = own.reduce((sum, run) => sum + run.inputBytes, asked.inputBytes)
    return own.length < maxQueue - waiting.size && ownBytes <= MAX_WAITING_BYTES - waiting.bytes
  }

  /** What is less urgent gives up its places to what is more so. */
  #displace(priority: Priority): void {
    while (this.#waiting.size > this.#settings.maxQueue || this.#waiting.bytes > MAX_WAITING_BYTES) {
      const last = this.#waiting.lastBelow(priority)
      if (last === undefined) return
      last.reject(this.#overloaded(last.inputs))
    }
  }

  #isTooLate(asked: Waiting & { readonly inputs: Tensors }, leftMs: number): boolean {
    const { leastMs } = this.#settings
    const ahead = this.#waiting.size === 0 ? [] : this.#waiting.ahead(asked)
    const aheadMs = ahead.reduce((sum, { inputs }) => sum + leastMs(inputs), 0)
    return isHopeless({ leftMs, ownMs: leastMs(asked.inputs), aheadMs, ...this.#settings.serving() })
  }

  #overloaded(inputs: Tensors): InferenceError {
    const drainMs = this.#waiting.size * this.#settings.typicalMs(inputs)
    return new InferenceError('inference_overloaded', {
      retryAfterMs: retryAfterMs(drainMs, this.#settings.serving().servers),
    })
  }
}

function bytesOf(inputs: Tensors): number {
  return Object.values(inputs).reduce((sum, { data }) => sum + data.byteLength, 0)
}
