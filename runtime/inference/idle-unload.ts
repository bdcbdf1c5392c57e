import type { Clock } from '../../device/platform/clock.ts'

/** Says when nothing was asked for so long. */
export class IdleWatch {
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #unload: () => boolean
  #askedMs: number
  #timer: NodeJS.Timeout | undefined

  /** @param unload called after each such time; false when it was not idle after all */
  constructor(clock: Clock, idleMs: number, unload: () => boolean) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#unload = unload
    this.#askedMs = clock.monotonicMs()
    this.#wait(idleMs)
  }

  asked(): void {
    this.#askedMs = this.#clock.monotonicMs()
    if (this.#timer === undefined) this.#wait(this.#idleMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms).unref()
  }

  #look(): void {
    const idleMs = this.#clock.monotonicMs() - this.#askedMs
    this.#timer = undefined
    if (idleMs < this.#idleMs) this.#wait(this.#idleMs - idleMs)
    else if (!this.#unload()) this.#wait(this.#idleMs)
  }
}

/** How long a model takes to load, and whether a request can wait for the load under way. */
export class LoadTime {
  readonly #clock: Clock
  #quickestMs: number | undefined
  #beganMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(): void {
    this.#beganMs = this.#clock.monotonicMs()
  }

  end(): void {
    if (this.#beganMs === undefined) return
    const tookMs = this.#clock.monotonicMs() - this.#beganMs
    this.#quickestMs = Math.min(tookMs, this.#quickestMs ?? tookMs)
    this.#beganMs = undefined
  }

  /** @returns when to come again, where the load will not have ended at the deadline even if it is as quick as the quickest */
  tooLongFor(deadlineMs: number): number | undefined {
    if (this.#beganMs === undefined || this.#quickestMs === undefined) return undefined
    const readyMs = this.#beganMs + this.#quickestMs
    return readyMs > deadlineMs ? Math.max(0, readyMs - this.#clock.monotonicMs()) : undefined
  }
}
