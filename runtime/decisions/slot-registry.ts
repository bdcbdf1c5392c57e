import { MAX_RECEIVE_MS } from '../images/limits.ts'
import { DecisionError } from './errors.ts'
import type { ActiveModel, Slot, Slots } from './types.ts'

/** A model for the length of one request: its worker is not stopped before every lease on it is given back. */
export interface ModelLease extends Disposable {
  readonly model: ActiveModel
}

/** What a decision needs of the slots. */
export interface Models {
  readonly slots: Slots
  /** What is warm beside the models that decide, and may take its slot. */
  readonly candidate: ActiveModel | undefined
  /** @throws DecisionError model_unknown | model_loading | model_unavailable (`about` the code of the fault) */
  lease(slot: string): ModelLease
}

/** Long enough for a model to load, short enough for a bedside device to try again. */
const LOADING_RETRY_MS = 2000
/** A lease that outlives its deadline by this waits for the log, and needs the model no more. */
const DRAIN_MARGIN_MS = 2000

interface Holding {
  leases: number
  readonly idle: PromiseWithResolvers<void>
}

/** Which model decides in each slot, and who is still using the one before. */
export class SlotRegistry implements Models {
  readonly #slots: Map<string, Slot>
  readonly #held = new Map<ActiveModel, Holding>()
  #candidate: ActiveModel | undefined

  constructor(slots: Iterable<readonly [string, Slot]> = []) {
    this.#slots = new Map(slots)
  }

  get slots(): Slots {
    return this.#slots
  }

  get candidate(): ActiveModel | undefined {
    return this.#candidate
  }

  lease(name: string): ModelLease {
    const slot = this.#slots.get(name)
    if (slot === undefined) throw new DecisionError('model_unknown')
    if (slot.state === 'loading') throw new DecisionError('model_loading', { retryAfterMs: LOADING_RETRY_MS })
    if (slot.state === 'unavailable') throw new DecisionError('model_unavailable', { about: slot.fault })
    return this.#hold(slot.model)
  }

  showCandidate(model: ActiveModel | undefined): void {
    this.#candidate = model
  }

  /** What stands in a slot in which no model decides. */
  set(name: string, slot: Exclude<Slot, { state: 'active' }>): void {
    this.#slots.set(name, slot)
  }

  /**
   * From here on every new request gets this model; those that have the one before keep it to their end.
   * @param fault code of what kept another release from running in its place
   * @returns when the worker of the one before has stopped
   */
  swap(name: string, model: ActiveModel, fault?: string): Promise<void> {
    const before = this.#slots.get(name)
    this.#slots.set(name, { state: 'active', model, ...(fault === undefined ? {} : { fault }) })
    if (before?.state !== 'active' || before.model === model) return Promise.resolve()
    return this.#drain(before.model)
  }

  #hold(model: ActiveModel): ModelLease {
    const holding = this.#held.get(model) ?? { leases: 0, idle: Promise.withResolvers<void>() }
    this.#held.set(model, holding)
    holding.leases += 1
    let isHeld = true
    const giveBack = () => {
      if (!isHeld) return
      isHeld = false
      holding.leases -= 1
      if (holding.leases > 0) return
      this.#held.delete(model)
      holding.idle.resolve()
    }
    return { model, [Symbol.dispose]: giveBack }
  }

  async #drain(model: ActiveModel): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const { deadlineMs, image } = model.manifest.contract
    const receiveMs = image === undefined ? 0 : MAX_RECEIVE_MS
    const limit = setTimeout(resolve, receiveMs + deadlineMs + DRAIN_MARGIN_MS)
    await Promise.race([this.#held.get(model)?.idle.promise, late])
    clearTimeout(limit)
    await model.worker.stop()
  }
}
