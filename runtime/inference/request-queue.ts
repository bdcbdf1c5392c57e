import type { Clock } from '../../device/platform/clock.ts'
import type { ContractError } from '../../models/contract/errors.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { InferenceError } from './errors.ts'

/** setTimeout takes no more; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
const MIN_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000
/** Of the inputs that wait for one model together: eight of the largest volumes, or all places with something small. */
export const MAX_WAITING_BYTES = 512 * 1024 * 1024

/** One request from arrival to answer. It is settled exactly once, by whoever comes first. */
export interface PendingRun {
  readonly inputs: Tensors
  readonly inputBytes: number
  readonly deadlineMs: number
  resolve(outputs: Tensors): void
  reject(error: InferenceError | ContractError): void
}

export interface QueueSettings {
  readonly clock: Clock
  readonly maxQueue: number
  /** How long one request takes, about, to say when a place will be free. */
  typicalMs(inputs: Tensors): number
  /** Told of each request that was answered by its deadline, after that answer. */
  onDeadline(run: PendingRun): void
}

/**
 * The requests that wait for the worker. Clients take turns, and each has its own requests served in their order: one
 * with hundreds delays another by one of them. The deadline of each runs from arrival to answer, in the queue and in
 * the worker alike: at that moment it is answered, whatever the worker does.
 */
export class RequestQueue {
  readonly #settings: QueueSettings
  /** By client, in the order of their turns; none is empty. Undefined stands for the box itself. */
  readonly #turns = new Map<string | undefined, Set<PendingRun>>()
  #size = 0
  #bytes = 0

  constructor(settings: QueueSettings) {
    this.#settings = settings
  }

  /**
   * @param client whose request it is; without one it is the box's own, which is bounded by the queue alone.
   * @throws InferenceError (as a rejection) inference_overloaded | inference_deadline, or what the run is rejected with.
   */
  add(inputs: Tensors, deadlineMs: number, client?: string): Promise<Tensors> {
    const leftMs = deadlineMs - this.#settings.clock.monotonicMs()
    if (!(leftMs > 0)) return Promise.reject(new InferenceError('inference_deadline'))
    const inputBytes = bytesOf(inputs)
    if (!this.#hasPlace(client, inputBytes)) return Promise.reject(this.#overloaded(inputs))
    return new Promise((resolve, reject) => {
      let settled = false
      const settle = (): boolean => {
        if (settled) return false
        clearTimeout(timer)
        this.#remove(run, client)
        settled = true
        return true
      }
      const run: PendingRun = {
        inputs,
        inputBytes,
        deadlineMs,
        resolve: (outputs) => void (settle() && resolve(outputs)),
        reject: (error) => void (settle() && reject(error)),
      }
      const expire = () => {
        if (settled) return
        run.reject(new InferenceError('inference_deadline'))
        this.#settings.onDeadline(run)
      }
      // Not unref'ed: a caller that awaits this answer must get it, even when nothing else keeps the process alive.
      // Timers come before what has arrived: after a pause of ours, an answer that is there already is read first.
      const timer = setTimeout(() => setImmediate(expire), Math.min(leftMs, MAX_TIMER_MS))
      this.#insert(run, client)
    })
  }

  /**
   * Takes the next request out of the queue; its deadline goes on. One for which `fits` says that its time left is too
   * short is answered with inference_deadline instead: the worker would only be busy with it in vain.
   */
  take(fits: (inputs: Tensors, leftMs: number) => boolean): PendingRun | undefined {
    for (;;) {
      const run = this.#next()
      if (run === undefined) return undefined
      const leftMs = run.deadlineMs - this.#settings.clock.monotonicMs()
      if (leftMs > 0 && fits(run.inputs, leftMs)) return run
      run.reject(new InferenceError('inference_deadline'))
    }
  }

  rejectAll(error: InferenceError): void {
    for (const waiting of [...this.#turns.values()]) for (const run of waiting) run.reject(error)
  }

  /**
   * As many places, and as much memory, as it leaves to others: one alone gets half of them, and leaves a newcomer the other.
   */
  #hasPlace(client: string | undefined, inputBytes: number): boolean {
    const waiting = client === undefined ? undefined : this.#turns.get(client)
    const own = [...(waiting ?? [])].reduce((sum, run) => sum + run.inputBytes, inputBytes)
    const hasPlace = (waiting?.size ?? 0) < this.#settings.maxQueue - this.#size
    return hasPlace && own <= MAX_WAITING_BYTES - this.#bytes
  }

  #overloaded(inputs: Tensors): InferenceError {
    const drainMs = this.#size * this.#settings.typicalMs(inputs)
    const retryAfterMs = Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, drainMs))
    return new InferenceError('inference_overloaded', { retryAfterMs })
  }

  #insert(run: PendingRun, client: string | undefined): void {
    const waiting = this.#turns.get(client)
    if (waiting === undefined) this.#turns.set(client, new Set([run]))
    else waiting.add(run)
    this.#size += 1
    this.#bytes += run.inputBytes
  }

  #remove(run: PendingRun, client: string | undefined): void {
    const waiting = this.#turns.get(client)
    if (!waiting?.delete(run)) return
    this.#size -= 1
    this.#bytes -= run.inputBytes
    if (waiting.size === 0) this.#turns.delete(client)
  }

  /** The oldest request of the client whose turn it is; that client is last then. */
  #next(): PendingRun | undefined {
    for (const [client, waiting] of this.#turns) {
      for (const run of waiting) {
        this.#remove(run, client)
        if (this.#turns.delete(client)) this.#turns.set(client, waiting)
        return run
      }
    }
    return undefined
  }
}

function bytesOf(inputs: Tensors): number {
  return Object.values(inputs).reduce((sum, { data }) => sum + data.byteLength, 0)
}
