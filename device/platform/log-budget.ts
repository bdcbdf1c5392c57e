import type { Clock } from './clock.ts'
import type { Log, LogFields } from './log.ts'

const MOST = 64
const REFILL_MS = 1000

/**
 * Warnings that somebody else can cause: 64 at once, and then one a second, so that a peer that sends nonsense all day fills no disk.
 * What was passed over is counted in the next line that is written.
 */
export class LogBudget {
  readonly #log: Log
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #left = MOST
  #countedMs: number
  #unsaid = 0

  constructor(log: Log, clock: Pick<Clock, 'monotonicMs'>) {
    this.#log = log
    this.#clock = clock
    this.#countedMs = clock.monotonicMs()
  }

  warn(event: string, fields: LogFields): void {
    const refilled = Math.floor((this.#clock.monotonicMs() - this.#countedMs) / REFILL_MS)
    this.#left = Math.min(MOST, this.#left + refilled)
    this.#countedMs += refilled * REFILL_MS
    if (this.#left < 1) {
      this.#unsaid += 1
      return
    }
    this.#left -= 1
    this.#log.warn(event, this.#unsaid === 0 ? fields : { ...fields, unsaid: this.#unsaid })
    this.#unsaid = 0
  }
}
