import type { Clock } from '../../device/platform/clock.ts'

/** Where the time of one decision went, in microseconds per lap, on the monotonic clock. */
export class Stopwatch {
  readonly startedMs: number
  readonly #clock: Clock
  readonly #laps: Record<string, number> = {}
  #lastMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.startedMs = clock.monotonicMs()
    this.#lastMs = this.startedMs
  }

  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  lap(name: string): void {
    const nowMs = this.#clock.monotonicMs()
    this.#laps[`${name}Us`] = Math.round((nowMs - this.#lastMs) * 1000)
    this.#lastMs = nowMs
  }

  /** The laps so far and `totalUs`. */
  laps(): Readonly<Record<string, number>> {
    return { ...this.#laps, totalUs: Math.round((this.#clock.monotonicMs() - this.startedMs) * 1000) }
  }
}
