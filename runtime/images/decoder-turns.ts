import type { Clock } from '../../device/platform/clock.ts'
import { ImageError } from './errors.ts'

export interface TurnSettings {
  readonly clock: Clock
  /** Requests at work at once. */
  readonly maxConcurrent: number
  /** Requests that may wait; one more is refused. */
  readonly maxWaiting: number
}

interface Waiting {
  start(): void
  refuse(error: ImageError): void
}

const RETRY_MS = 1000

/**
 * Who may decode now. Clients take turns, each with its own requests in their order. One client has all decoders but one at most, so
 * that another's image never waits for the whole of its queue, and as many waiting places as it leaves free. Without a
 * client it is the box's own request, which only the totals bound.
 */
export class DecoderTurns {
  readonly #settings: TurnSettings
  readonly #running = new Map<string | undefined, number>()
  /** By client, in the order of their turns; none is empty. */
  readonly #turns = new Map<string | undefined, Set<Waiting>>()
  #atWork = 0
  #waiting = 0
  #isStopped = false

  constructor(settings: TurnSettings) {
    this.#settings = settings
  }

  get waiting(): number {
    return this.#waiting
  }

  /**
   * Waits for a turn, no longer than its deadline. It is held until it is given back by what this returns, which may be called
   * more than once.
   * @throws ImageError image_decoder_overloaded | image_deadline | image_decoder_unavailable
   */
  async take(deadlineMs: number, client: string | undefined): Promise<() => void> {
    if (this.#isStopped) throw new ImageError('image_decoder_unavailable')
    const leftMs = deadlineMs - this.#settings.clock.monotonicMs()
    if (!(leftMs > 0)) throw new ImageError('image_deadline')
    if (this.#mayRun(client)) this.#begin(client)
    else await this.#wait(leftMs, client)
    return this.#onceEnding(client)
  }

  /** Refuses those that wait, and whoever comes. */
  stop(): void {
    this.#isStopped = true
    for (const waiting of [...this.#turns.values()]) {
      for (const each of waiting) each.refuse(new ImageError('image_decoder_unavailable'))
    }
  }

  #mayRun(client: string | undefined): boolean {
    const { maxConcurrent } = this.#settings
    const share = client === undefined ? maxConcurrent : Math.max(1, maxConcurrent - 1)
    return this.#atWork < maxConcurrent && (this.#running.get(client) ?? 0) < share
  }

  #begin(client: string | undefined): void {
    this.#atWork += 1
    this.#running.set(client, (this.#running.get(client) ?? 0) + 1)
  }

  #onceEnding(client: string | undefined): () => void {
    let isEnded = false
    return () => {
      if (isEnded) return
      isEnded = true
      this.#atWork -= 1
      const others = (this.#running.get(client) ?? 1) - 1
      if (others === 0) this.#running.delete(client)
      else this.#running.set(client, others)
      this.#startNext()
    }
  }

  async #wait(leftMs: number, client: string | undefined): Promise<void> {
    const own = client === undefined ? 0 : (this.#turns.get(client)?.size ?? 0)
    if (own >= this.#settings.maxWaiting - this.#waiting) {
      throw new ImageError('image_decoder_overloaded', { retryAfterMs: RETRY_MS })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = {
      start: () => {
        this.#leave(waiting, client)
        this.#begin(client)
        resolve()
      },
      refuse: (error) => {
        this.#leave(waiting, client)
        reject(error)
      },
    }
    const timer = setTimeout(() => waiting.refuse(new ImageError('image_deadline')), Math.min(leftMs, MAX_TIMER_MS))
    this.#enter(waiting, client)
    await promise.finally(() => clearTimeout(timer))
  }

  #enter(waiting: Waiting, client: string | undefined): void {
    const own = this.#turns.get(client)
    if (own === undefined) this.#turns.set(client, new Set([waiting]))
    else own.add(waiting)
    this.#waiting += 1
  }

  #leave(waiting: Waiting, client: string | undefined): void {
    const own = this.#turns.get(client)
    if (!own?.delete(waiting)) return
    this.#waiting -= 1
    if (own.size === 0) this.#turns.delete(client)
  }

  /** The oldest of the first client that may run; that client is last then. */
  #startNext(): void {
    for (const [client, own] of this.#turns) {
      if (!this.#mayRun(client)) continue
      const [next] = own
      next?.start()
      if (this.#turns.delete(client)) this.#turns.set(client, own)
      return
    }
  }
}

/** setTimeout takes no more; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
