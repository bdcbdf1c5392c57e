import type { Clock } from '../../device/platform/clock.ts'

export interface BackoffSettings {
  readonly firstMs: number
  readonly capMs: number
  /** A process that was ready for this long starts the count again. */
  readonly stableMs: number
}

export const defaultBackoff: BackoffSettings = { firstMs: 50, capMs: 10_000, stableMs: 10_000 }

/** How long to wait before the next process: doubles up to a cap, and starts again after a stable period. */
export class RestartBackoff {
  readonly #clock: Clock
  readonly #settings: BackoffSettings
  #failures = 0
  #readySinceMs: number | undefined

  constructor(clock: Clock, settings: BackoffSettings) {
    this.#clock = clock
    this.#settings = settings
  }

  /** The process is ready to serve. */
  markReady(): void {
    this.#readySinceMs = this.#clock.monotonicMs()
  }

  /**
   * The process has ended. @returns the wait before the next one, in milliseconds.
   * @param cause a process that we ended at a deadline is no sign that the next will fail: it does not count.
   */
  nextDelayMs(cause: 'deadline' | 'failure' = 'failure'): number {
    const { firstMs, capMs, stableMs } = this.#settings
    const since = this.#readySinceMs
    if (since !== undefined && this.#clock.monotonicMs() - since >= stableMs) this.#failures = 0
    this.#readySinceMs = undefined
    if (cause === 'deadline') return firstMs
    const delayMs = Math.min(capMs, firstMs * 2 ** this.#failures)
    this.#failures += 1
    return delayMs
  }
}
