import { readdirSync, rmSync } from 'node:fs'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { StoreError } from '../../models/store/errors.ts'
import { type ModelStore, pointerPath, SLOT_NAME } from '../../models/store/layout.ts'
import { readSlotPointer, type SlotPointer, writeSlotPointer } from '../../models/store/pointer.ts'
import { asStoreFault } from './errors.ts'
import type { Job } from './job.ts'
import type { JobChange } from './job-record.ts'

const EVENT_BYTES = 16

/** The pointers of the store: read by anybody, moved by a job that has the slot's turn. */
export class Slots {
  readonly #store: ModelStore
  readonly #randomness: Randomness
  readonly #log: Log

  constructor(store: ModelStore, randomness: Randomness, log: Log) {
    this.#store = store
    this.#randomness = randomness
    this.#log = log
  }

  drawEvent(): string {
    return this.#randomness.bytes(EVENT_BYTES).toString('hex')
  }

  /** @returns undefined when there is none, or none that can be read: the log says the latter */
  read(slot: string): SlotPointer | undefined {
    try {
      return readSlotPointer(this.#store, slot)
    } catch (error) {
      if (!isMissing(error)) this.#log.error('slot-pointer-unreadable', { slot, code: errorCode(error) })
      return undefined
    }
  }

  all(): SlotPointer[] {
    return readdirSync(this.#store.slots)
      .filter((name) => name.endsWith('.json') && SLOT_NAME.test(name.slice(0, -'.json'.length)))
      .sort()
      .flatMap((name) => this.read(name.slice(0, -'.json'.length)) ?? [])
  }

  /**
   * Step `point`: the event is drawn once and stands in the job's record before the pointer names it, so that whoever comes
   * back after a crash writes the same pointer.
   */
  point(job: Job, slot: string, active: string, checkpoint: () => void): void {
    const { kind, by } = job.record
    const now = this.read(slot)
    const change = job.record.change ?? this.#draw(job, now)
    checkpoint()
    if (now?.event === change.event) return
    // After a rollback nothing is kept to go back to: a second one would lead forward to what was just left.
    const previous = kind === 'rollback' ? null : (change.before?.active ?? null)
    const named = kind === 'rollback' ? 'rollback' : 'activate'
    this.#write({ v: 1, slot, event: change.event, change: named, active, previous, by })
  }

  /** Whether the pointer stands where this job has put it. */
  isPointedBy(job: Job): boolean {
    const { slot, change } = job.record
    return slot !== null && change !== null && this.read(slot)?.event === change.event
  }

  /** What went before, under an event of its own; without anything before, no pointer. Done again, it changes nothing more. */
  putBack(job: Job, slot: string): void {
    const { change, by } = job.record
    if (change === null || !this.isPointedBy(job)) return
    if (change.before === null) {
      this.#remove(slot)
      return
    }
    const undo = change.undo ?? this.drawEvent()
    if (change.undo === null) job.save({ change: { ...change, undo } })
    this.#write({ v: 1, slot, event: undo, change: 'rollback', ...change.before, by })
  }

  #draw(job: Job, now: SlotPointer | undefined): JobChange {
    const before = now === undefined ? null : { active: now.active, previous: now.previous }
    const change = { event: this.drawEvent(), before, undo: null }
    job.save({ change })
    return change
  }

  #write(pointer: SlotPointer): void {
    try {
      writeSlotPointer(this.#store, pointer)
    } catch (error) {
      throw asStoreFault(error)
    }
  }

  #remove(slot: string): void {
    try {
      rmSync(pointerPath(this.#store, slot), { force: true })
      syncDirectory(this.#store.slots)
    } catch (error) {
      throw asStoreFault(error)
    }
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof StoreError) || !(error.cause instanceof Error)) return false
  return 'code' in error.cause && error.cause.code === 'ENOENT'
}
