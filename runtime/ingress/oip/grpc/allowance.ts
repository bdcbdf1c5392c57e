import type { Clock } from '../../../../device/platform/clock.ts'

/** So many at once, and one more with every interval: what may happen now and then, and not without end. */
export class Allowance {
  readonly #burst: number
  readonly #everyMs: number
  readonly #clock: Clock
  #left: number
  #countedAtMs: number

  constructor(burst: number, everyMs: number, clock: Clock) {
    this.#burst = burst
    this.#everyMs = everyMs
    this.#clock = clock
    this.#left = burst
    this.#countedAtMs = clock.monotonicMs()
  }

  /** @returns false when there is none left */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const gained = (nowMs - this.#countedAtMs) / this.#everyMs
    this.#left = Math.min(this.#burst, this.#left + gained) - 1
    this.#countedAtMs = nowMs
    return this.#left >= 0
  }
}
