import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { LeafDraft } from '../audit/leaf.ts'
import type { Ledger } from '../audit/types.ts'
import type { Principal } from './principal.ts'

const MINUTE_MS = 60_000
const REFUSALS_PER_CLIENT_AND_MINUTE = 30
/** Distinct (client, route, minute, code) held between two flushes; beyond that they share one line. */
const MAX_TALLIES = 4096
const FLUSH_INTERVAL_MS = 10_000

/** Who asked for what, in names that are ours: the route's template, never the address as sent. */
export interface Access {
  /** Undefined when nobody could be identified. */
  readonly principal: Principal | undefined
  readonly route: string
}

/** Evidence of who came to the door. Nothing here may fail a request or take the server down. */
export interface AccessRecorder {
  /** A refusal by policy: one leaf, up to 30 per client and minute, then counted. */
  refused(access: Access, code: string): void
  /** A request that touches no patient data, or that was malformed (then with its code): counted per client, route and minute. */
  counted(access: Access, code?: string): void
  /** Writes the finished minutes; `all` also the running one. */
  flush(all?: boolean): Promise<void>
  /** Stops the timer and writes everything that is left. */
  close(): Promise<void>
}

interface Tally {
  readonly client: string
  readonly role: string
  readonly route: string
  readonly minute: number
  readonly code: string | undefined
  count: number
}

export function createAccessRecorder(parts: { ledger: Ledger; clock: Clock; log: Log }): AccessRecorder {
  return new LedgerAccessRecorder(parts.ledger, parts.clock, parts.log)
}

class LedgerAccessRecorder implements AccessRecorder {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  readonly #pending = new Set<Promise<void>>()
  #flushing: Promise<void> = Promise.resolve()
  #tallies = new Map<string, Tally>()
  #refusalsMinute = -1
  #refusals = new Map<string, number>()

  constructor(ledger: Ledger, clock: Clock, log: Log) {
    this.#ledger = ledger
    this.#clock = clock
    this.#log = log
    this.#timer = setInterval(() => void this.flush(), FLUSH_INTERVAL_MS)
    this.#timer.unref()
  }

  refused(access: Access, code: string): void {
    const { client, role } = nameOf(access.principal)
    if (!this.#takeRefusal(client)) {
      this.counted(access, code)
      return
    }
    const leaf = { kind: 'refused', code, client, role, route: access.route } as const
    this.#track(
      this.#commit(leaf).then((written) => {
        if (!written) this.counted(access, code)
      }),
    )
  }

  counted(access: Access, code?: string): void {
    this.#add({ ...nameOf(access.principal), route: access.route, minute: this.#minute(), code, count: 1 })
  }

  flush(all = false): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write(all))
    return this.#flushing
  }

  async #write(all: boolean): Promise<void> {
    const minute = this.#minute()
    const due = [...this.#tallies].filter(([, tally]) => all || tally.minute !== minute)
    for (const [key, tally] of due) {
      this.#tallies.delete(key)
      // A leaf that could not be written is tried again at the next flush.
      if (!(await this.#commit(countedLeaf(tally)))) this.#add(tally)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#pending)
    await this.flush(true)
  }

  #add(tally: Tally): void {
    const { client, role, route, minute, code } = tally
    const key = JSON.stringify([client, role, route, minute, code ?? null])
    const known = this.#tallies.get(key)
    if (known !== undefined) known.count += tally.count
    else if (this.#tallies.size < MAX_TALLIES || client === OTHERS.client) this.#tallies.set(key, { ...tally })
    else this.#add({ ...OTHERS, minute, code: undefined, count: tally.count })
  }

  #takeRefusal(client: string): boolean {
    const minute = this.#minute()
    if (minute !== this.#refusalsMinute) {
      this.#refusalsMinute = minute
      this.#refusals = new Map()
    }
    const taken = this.#refusals.get(client) ?? 0
    if (taken >= REFUSALS_PER_CLIENT_AND_MINUTE || this.#refusals.size > MAX_TALLIES) return false
    this.#refusals.set(client, taken + 1)
    return true
  }

  /** @returns whether the leaf is durable; a fault of the log is reported, not thrown. */
  async #commit(leaf: LeafDraft): Promise<boolean> {
    try {
      await this.#ledger.commit({ leaf })
      return true
    } catch (error) {
      this.#log.error('access-evidence-not-written', { code: errorCode(error), kind: leaf.kind })
      return false
    }
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work)
    void work.finally(() => this.#pending.delete(work))
  }

  #minute(): number {
    return Math.floor(this.#clock.nowMs() / MINUTE_MS)
  }
}

/** Where accesses are counted that no longer fit: their number is kept, their names are not. */
const OTHERS = { client: '(others)', role: '(others)', route: '(others)' } as const

function nameOf(principal: Principal | undefined): { client: string; role: string } {
  return principal === undefined
    ? { client: 'anonymous', role: 'none' }
    : { client: principal.clientId, role: principal.role }
}

function countedLeaf({ client, role, route, minute, code, count }: Tally): LeafDraft {
  const at = `${new Date(minute * MINUTE_MS).toISOString().slice(0, 16)}Z`
  return { kind: 'counted', client, role, route, minute: at, count, ...(code === undefined ? {} : { refused: code }) }
}
