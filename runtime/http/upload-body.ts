import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../device/platform/clock.ts'
import { HttpError } from './errors.ts'
import type { HttpLimits } from './limits.ts'

type UploadLimits = Pick<
  HttpLimits,
  'maxUploadBytes' | 'uploadTimeoutMs' | 'uploadSilenceMs' | 'uploadGraceMs' | 'minUploadBytesPerSecond'
>

/**
 * The body of a request, read as it comes and only when it is asked for: what is not asked for stays with the sender
 * (the socket is not read), and nothing is kept here. Only the time in which this side waits counts against the sender.
 */
export class UploadBody {
  readonly #request: IncomingMessage
  readonly #limits: UploadLimits
  readonly #clock: Clock
  #bytes = 0
  #waitedMs = 0
  readonly #waiting = new Set<() => void>()
  #isWatched = false
  #fault: HttpError | undefined

  constructor(request: IncomingMessage, limits: UploadLimits, clock: Clock) {
    this.#request = request
    this.#limits = limits
    this.#clock = clock
  }

  /** What was wrong with the request while its body was read, by whoever found it; the first of several. */
  get fault(): HttpError | undefined {
    return this.#fault
  }

  /** Has the last byte been taken out? */
  get isEmptied(): boolean {
    return this.#request.readableEnded
  }

  /** Bytes still to come, as the length was announced; undefined when it was not. */
  get leftBytes(): number | undefined {
    const { headers, complete } = this.#request
    if (complete) return 0
    return headers['content-length'] === undefined ? undefined : Number(headers['content-length']) - this.#bytes
  }

  /**
   * The next bytes; undefined at the end. Once it has thrown it throws the same again.
   * @throws HttpError request_too_large | request_timeout | request_malformed (the sender went away)
   */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#fault !== undefined) throw this.#fault
    for (;;) {
      const bytes = this.#take()
      if (bytes !== null) {
        if (this.#bytes > this.#limits.maxUploadBytes) throw this.fail(new HttpError('request_too_large'))
        return bytes
      }
      if (this.isEmptied) return undefined
      if (this.#request.destroyed) throw this.fail(new HttpError('request_malformed', { about: 'body' }))
      await this.#wait()
    }
  }

  /** Marks the body as one that cannot be read on. */
  fail(fault: HttpError): HttpError {
    this.#fault ??= fault
    return this.#fault
  }

  /**
   * Takes out what nobody wants, so that the sender comes to the end and sees the answer, within these bounds.
   * @returns whether the end was reached: only then can the connection carry another request
   */
  async drain(maxBytes: number, forMs: number): Promise<boolean> {
    const untilMs = this.#clock.monotonicMs() + forMs
    const mostBytes = this.#bytes + maxBytes
    while (this.#bytes <= mostBytes) {
      if (this.#take() !== null) continue
      if (this.isEmptied) return true
      const leftMs = untilMs - this.#clock.monotonicMs()
      if (this.#request.destroyed || leftMs <= 0) return false
      await this.#arrival(leftMs)
    }
    return false
  }

  #take(): Uint8Array | null {
    this.#watch()
    const bytes = this.#request.read() as Uint8Array | null
    this.#bytes += bytes?.length ?? 0
    return bytes
  }

  /** Every byte that has come buys a little time for the next ones; so nobody holds a place with a trickle. */
  async #wait(): Promise<void> {
    const { uploadTimeoutMs, uploadSilenceMs, uploadGraceMs, minUploadBytesPerSecond } = this.#limits
    const fromMs = this.#clock.monotonicMs()
    const creditMs = uploadGraceMs + (1000 * this.#bytes) / minUploadBytesPerSecond - this.#waitedMs
    const leftMs = Math.min(uploadSilenceMs, creditMs, uploadTimeoutMs - this.#waitedMs)
    const hasCome = leftMs > 0 && (await this.#arrival(leftMs))
    this.#waitedMs += this.#clock.monotonicMs() - fromMs
    if (!hasCome) throw this.fail(new HttpError('request_timeout'))
  }

  /** True when something has happened, false when nothing did in this time. */
  #arrival(forMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), forMs)
    const wake = () => resolve(true)
    // Two may wait: who was reading the image, and who drains what they left.
    this.#waiting.add(wake)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(wake)
    })
  }

  #watch(): void {
    if (this.#isWatched) return
    this.#isWatched = true
    const wakeAll = () => {
      for (const wake of this.#waiting) wake()
    }
    for (const event of ['readable', 'end', 'close', 'error']) this.#request.on(event, wakeAll)
  }
}
