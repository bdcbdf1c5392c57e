import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { isPassing } from './database.ts'
import type { DeviceList } from './device-list.ts'
import { type Connection, type Delivery, receive } from './reception.ts'
import type { Acknowledgement, Arrival, FleetStore } from './store.ts'

/** One commit, and one fsync, for so many messages; as many again may wait. */
const MAX_BATCH = 256
/** What comes within this time shares a commit: an fsync costs about as much. */
const GATHER_MS = 10
/** After a fault that passes. */
const RETRY_MS = 1000

export interface InboxOptions {
  readonly store: FleetStore
  readonly devices: DeviceList
  readonly clock: Clock
  readonly log: Log
  /** Called with what is on disk. */
  acknowledge(acks: readonly Acknowledgement[]): void
}

interface Waiting {
  readonly delivery: Delivery
  readonly connection: Connection
  readonly release: () => void
}

/** What has arrived and is not on disk yet: bounded, taken in order, many messages to one commit. */
export class Inbox {
  readonly #options: InboxOptions
  readonly #waiting: Waiting[] = []
  #work: Promise<void> | undefined
  #isClosing = false
  /** Messages that were taken, whatever became of them. */
  taken = 0

  constructor(options: InboxOptions) {
    this.#options = options
  }

  /** `next` lets the broker's next message in: at once, or, while too much waits, once this one is done with. */
  push(delivery: Delivery, connection: Connection, next: () => void): void {
    const isFull = this.#waiting.length >= MAX_BATCH
    // What comes after the end is dropped: it is not acknowledged, and so it comes again.
    if (!this.#isClosing) {
      this.#waiting.push({ delivery, connection, release: isFull ? next : () => {} })
      this.#work ??= this.#drain()
    }
    if (!isFull || this.#isClosing) next()
  }

  /** Takes no more, and resolves when all that was taken is on disk. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#work
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (!this.#isClosing) await pause(GATHER_MS)
      const batch = this.#waiting.splice(0, MAX_BATCH)
      const judged = await Promise.all(
        batch.map((each) => receive(each.delivery, this.#options.devices, each.connection)),
      )
      await this.#commit(judged.filter((each) => each !== undefined))
      this.taken += batch.length
      for (const each of batch) each.release()
    }
    this.#work = undefined
  }

  async #commit(arrivals: readonly Arrival[]): Promise<void> {
    const { store, clock, log, acknowledge } = this.#options
    while (arrivals.length > 0) {
      try {
        acknowledge(store.commit(arrivals, clock.nowMs()))
        return
      } catch (error) {
        log.error('commit_failed', { code: errorCode(error), messages: arrivals.length })
        if (this.#isClosing || !isPassing(error)) return
        await pause(RETRY_MS)
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
