import type { Clock } from '../../device/platform/clock.ts'
import { ActivationError } from './activation-errors.ts'

interface BudgetRules {
  readonly most: number
  readonly refillMs: number
  readonly code: 'runtime_refusals_limited' | 'runtime_changes_limited'
}

/** So many at once, and then one in each `refillMs`: what whoever holds the updater's socket can make the runtime do. */
export class Budget {
  readonly #clock: Clock
  readonly #rules: BudgetRules
  #left: number
  #countedMs: number

  constructor(clock: Clock, rules: BudgetRules) {
    this.#clock = clock
    this.#rules = rules
    this.#left = rules.most
    this.#countedMs = clock.monotonicMs()
  }

  /** @throws ActivationError runtime_refusals_limited | runtime_changes_limited, with the time until there is one again */
  take(): void {
    const { most, refillMs, code } = this.#rules
    const refilled = Math.floor((this.#clock.monotonicMs() - this.#countedMs) / refillMs)
    this.#left = Math.min(most, this.#left + refilled)
    this.#countedMs += refilled * refillMs
    if (this.#left < 1) throw new ActivationError(code, { retryAfterMs: refillMs })
    this.#left -= 1
  }

  /** What was taken and not needed. */
  giveBack(): void {
    this.#left = Math.min(this.#rules.most, this.#left + 1)
  }
}

/**
 * How many refusals of packages become leaves: 32 at once, and then one a minute. The log grows by some 1,500 leaves a day of them
 * and no faster; a person who installs packages never meets the limit.
 */
export function refusalBudget(clock: Clock): Budget {
  return new Budget(clock, { most: 32, refillMs: 60_000, code: 'runtime_refusals_limited' })
}

/**
 * How many releases are looked at, to be proven or activated: 128 at once, and then one in ten seconds. Each may cost a leaf, the
 * start of a process, and reading a megabyte of statements on the thread that decisions need.
 */
export function changeBudget(clock: Clock): Budget {
  return new Budget(clock, { most: 128, refillMs: 10_000, code: 'runtime_changes_limited' })
}
