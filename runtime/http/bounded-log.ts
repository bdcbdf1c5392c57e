import type { Clock } from '../../device/platform/clock.ts'
import type { Log, LogFields } from '../../device/platform/log.ts'

const MINUTE_MS = 60_000
const CHECK_INTERVAL_MS = 10_000
/** Distinct (event, client) of one minute; what comes beyond them shares one place. */
const MAX_KEYS = 1024
/** In the place of a client's id, which has no such sign in it. */
const OTHERS = '+others'

interface Tally {
  readonly event: string
  readonly client: string
  lines: number
  left: number
}

/**
 * A log that nobody outside can fill: so many lines of one event about one client in a minute, and then one line that
 * says how many more there were. The evidence of them all is counted elsewhere.
 */
export class BoundedLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #linesPerMinute: number
  readonly #timer: NodeJS.Timeout
  #minute = -1
  #tallies = new Map<string, Tally>()

  constructor(log: Log, clock: Clock, linesPerMinute: number) {
    this.#log = log
    this.#clock = clock
    this.#linesPerMinute = linesPerMinute
    this.#timer = setInterval(() => this.#turnMinute(), CHECK_INTERVAL_MS)
    this.#timer.unref()
  }

  /** @param client the client's id; undefined for one that could not be identified */
  write(level: 'info' | 'warn' | 'error', event: string, client: string | undefined, fields: LogFields): void {
    this.#turnMinute()
    const tally = this.#tally(event, client ?? 'anonymous')
    if (tally.lines >= this.#linesPerMinute) {
      tally.left += 1
      return
    }
    tally.lines += 1
    this.#log[level](event, { ...fields, client })
  }

  /** Stops the timer and says what was left out. */
  close(): void {
    clearInterval(this.#timer)
    this.#sumUp()
  }

  #tally(event: string, client: string): Tally {
    const key = `${event} ${client}`
    const known = this.#tallies.get(key)
    if (known !== undefined) return known
    if (this.#tallies.size >= MAX_KEYS && client !== OTHERS) return this.#tally(event, OTHERS)
    const tally = { event, client, lines: 0, left: 0 }
    this.#tallies.set(key, tally)
    return tally
  }

  #turnMinute(): void {
    const minute = Math.floor(this.#clock.monotonicMs() / MINUTE_MS)
    if (minute === this.#minute) return
    this.#minute = minute
    this.#sumUp()
  }

  #sumUp(): void {
    for (const { event, client, left } of this.#tallies.values())
      if (left > 0) this.#log.warn('log-lines-left-out', { of: event, client, count: left })
    this.#tallies = new Map()
  }
}
