import type { Clock } from '../../device/platform/clock.ts'
import { ActivationError } from './activation-errors.ts'

/**
 * How many refusals of packages become leaves: 32 at once, and then one a minute. Whoever holds the updater's socket can make
 * the log grow by some 1,500 leaves a day and no faster; a person who installs packages never meets the limit.
 */
const MOST = 32
const REFILL_MS = 60_000

export class RefusalBudget {
  readonly #clock: Clock
  #left = MOST
  #countedMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#countedMs = clock.monotonicMs()
  }

  /** @throws ActivationError runtime_refusals_limited, with the time until there is one again */
  take(): void {
    const refilled = Math.floor((this.#clock.monotonicMs() - this.#countedMs) / REFILL_MS)
    this.#left = Math.min(MOST, this.#left + refilled)
    this.#countedMs += refilled * REFILL_MS
    if (this.#left < 1) throw new ActivationError('runtime_refusals_limited', { retryAfterMs: REFILL_MS })
    this.#left -= 1
  }

  /** What was taken and not needed. */
  giveBack(): void {
    this.#left = Math.min(MOST, this.#left + 1)
  }
}
