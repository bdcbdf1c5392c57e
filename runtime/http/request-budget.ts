import type { Clock } from '../../device/platform/clock.ts'
import { HttpError } from './errors.ts'
import type { HttpLimits } from './limits.ts'

/**
 * What one request takes of its client's budget. It is taken with one hold on it, and given back with the last: a
 * decision goes on when its client has left, and a client takes its time with an answer that is done.
 */
export interface Lease {
  hold(): void
  /** Called once for each hold. */
  release(): void
}

interface Account {
  inFlight: number
  bytes: number
  /** Requests that may start now, as of `countedAtMs`. */
  tokens: number
  countedAtMs: number
}

type BudgetLimits = Pick<
  HttpLimits,
  'maxInFlight' | 'maxInFlightBytes' | 'requestsPerSecond' | 'requestBurst' | 'bytesPerRequest'
>

/** From so many accounts on, those that say nothing any more are dropped. */
const MANY_ACCOUNTS = 1024
/** For what ends when another request does, which is not known beforehand. */
const IN_WORK_RETRY_MS = 1000

/**
 * How much of the box one client may take: requests and bytes in work at once, and requests over time (a token bucket
 * that fills at a steady rate). One client that asks too much waits; the others do not notice.
 */
export class RequestBudget {
  readonly #limits: BudgetLimits
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  #sweepAt = MANY_ACCOUNTS

  constructor(limits: BudgetLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /**
   * Takes a request of a client into work.
   * @param client the client's id: two certificates of one client share its budget
   * @param bytes length of the body as announced
   * @throws HttpError request_rate_limited, with the time after which there is room again
   */
  take(client: string, bytes: number): Lease {
    const account = this.#account(client)
    const { maxInFlight, maxInFlightBytes, requestsPerSecond } = this.#limits
    // The largest body passes when nothing else is in work, however small the budget of bytes was set.
    const isFull = account.bytes > 0 && account.bytes + bytes > maxInFlightBytes
    if (account.inFlight >= maxInFlight || isFull) throw rateLimited(IN_WORK_RETRY_MS)
    const price = this.#priceOf(bytes)
    if (account.tokens < price) throw rateLimited((1000 * (price - account.tokens)) / requestsPerSecond)
    account.tokens -= price
    account.inFlight += 1
    account.bytes += bytes
    return leaseThat(() => {
      account.inFlight -= 1
      account.bytes -= bytes
    })
  }

  /** A large body costs parsing and checking in proportion; but never more than the bucket holds. */
  #priceOf(bytes: number): number {
    const { bytesPerRequest, requestBurst } = this.#limits
    return Math.min(requestBurst, Math.max(1, Math.ceil(bytes / bytesPerRequest)))
  }

  #account(client: string): Account {
    const nowMs = this.#clock.monotonicMs()
    const known = this.#accounts.get(client)
    if (known !== undefined) {
      this.#fill(known, nowMs)
      return known
    }
    if (this.#accounts.size >= this.#sweepAt) this.#forgetQuiet(nowMs)
    const account = { inFlight: 0, bytes: 0, tokens: this.#limits.requestBurst, countedAtMs: nowMs }
    this.#accounts.set(client, account)
    return account
  }

  #fill(account: Account, nowMs: number): void {
    const gained = ((nowMs - account.countedAtMs) * this.#limits.requestsPerSecond) / 1000
    account.tokens = Math.min(this.#limits.requestBurst, account.tokens + gained)
    account.countedAtMs = nowMs
  }

  /** A full account is as good as none. */
  #forgetQuiet(nowMs: number): void {
    for (const [client, account] of this.#accounts) {
      this.#fill(account, nowMs)
      if (account.inFlight === 0 && account.tokens === this.#limits.requestBurst) this.#accounts.delete(client)
    }
    // Not again before it is worth it, or every newcomer would cost a walk over all.
    this.#sweepAt = Math.max(MANY_ACCOUNTS, 2 * this.#accounts.size)
  }
}

function rateLimited(retryAfterMs: number): HttpError {
  return new HttpError('request_rate_limited', { retryAfterMs })
}

/** A lease that does `end` when its last hold is given back. */
export function leaseThat(end: () => void): Lease {
  let holds = 1
  return {
    hold: () => {
      holds += 1
    },
    release: () => {
      holds -= 1
      if (holds === 0) end()
    },
  }
}

/** What is taken of two budgets, held and given back together. */
export function bothLeases(one: Lease, other: Lease): Lease {
  return leaseThat(() => {
    one.release()
    other.release()
  })
}
