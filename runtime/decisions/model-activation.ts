import { errorCode } from '../../device/platform/errors.ts'
import type { ActivateAnswer, ProveAnswer, ProveRequest } from '../../models/store/activation-channel.ts'
import { readSlotPointer, type SlotPointer } from '../../models/store/pointer.ts'
import { ActivationError } from './activation-errors.ts'
import { activationEvidence } from './activation-evidence.ts'
import { isRecorded } from './activation-rules.ts'
import type { Budget } from './budget.ts'
import type { ProvenRelease } from './proven-release.ts'
import { type ProverParts, ReleaseProver, type Wanted } from './release-prover.ts'
import type { SlotRegistry } from './slot-registry.ts'
import { Turns } from './turns.ts'

/** Moments of a change at which a test may end the process, in their order. */
export const activationPoints = ['pointer-read', 'proven', 'recorded', 'serving', 'drained'] as const
export type ActivationPoint = (typeof activationPoints)[number]

export interface ActivationParts extends ProverParts {
  readonly registry: SlotRegistry
  readonly refusals: Budget
  readonly changes: Budget
  readonly checkpoint?: ((at: ActivationPoint) => void) | undefined
}

/**
 * How the models of a box change: the one place where a release is proven, recorded as live and given its slot. Nothing that
 * the store or the updater says is believed; a release is opened and proven anew each time its worker is started.
 */
export class ModelActivation {
  readonly #parts: ActivationParts
  readonly #prover: ReleaseProver
  readonly #turns = new Turns()
  /** What decides, with how it was proven. */
  readonly #serving = new Map<string, ProvenRelease>()
  /** Warm beside what decides; one at a time, whatever its slot. */
  #candidate: ProvenRelease | undefined
  #proving: { readonly request: ProveRequest; readonly answer: Promise<ProveAnswer> } | undefined
  /** Activations that wait for their turn and have not looked at the pointer yet. */
  readonly #waiting = new Map<string, Promise<ActivateAnswer>>()

  constructor(parts: ActivationParts) {
    this.#parts = parts
    this.#prover = new ReleaseProver(parts)
  }

  /** Loads what the pointers name, one after another. A slot that cannot be loaded has its code, and leaves the others alone. */
  load(slots: readonly string[]): Promise<void> {
    for (const slot of slots) this.#parts.registry.set(slot, { state: 'loading' })
    return this.#turns.take(async () => {
      for (const slot of slots) await this.#loadSlot(slot)
    })
  }

  /**
   * Makes a candidate of a release. Asked again for the same one, it answers at once.
   * @throws what the package is refused with, once the refusal is a durable leaf; ActivationError, StorageError
   */
  async prove(request: ProveRequest): Promise<ProveAnswer> {
    const underWay = this.#proving
    if (underWay !== undefined) {
      if (!isSame(underWay.request, request)) throw new ActivationError('runtime_prove_busy')
      return underWay.answer
    }
    const { slot, package: packageHash, change, by } = request
    this.#parts.changes.take()
    const answer = this.#turns.take(async () =>
      proveAnswerOf(await this.#provenOrProve({ slot, packageHash, change, by })),
    )
    this.#proving = { request, answer }
    try {
      return await answer
    } finally {
      this.#proving = undefined
    }
  }

  /**
   * Lets the release that the slot's pointer names decide, once its event is a durable leaf. Idempotent: one event is one leaf,
   * and what decides already goes on.
   * @throws StoreError, ActivationError, StorageError; what the package is refused with
   */
  async activate(slot: string): Promise<ActivateAnswer> {
    const waiting = this.#waiting.get(slot)
    if (waiting !== undefined) return waiting
    this.#parts.changes.take()
    const answer = this.#turns.take(() => {
      this.#waiting.delete(slot)
      return this.#activate(slot)
    })
    this.#waiting.set(slot, answer)
    // A turn that was never given has to be forgotten as well.
    const forget = () => void (this.#waiting.get(slot) === answer && this.#waiting.delete(slot))
    answer.then(forget, forget)
    return answer
  }

  /** Lets the candidate of a slot go. */
  discard(slot: string): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#candidate?.model.slot === slot) await this.#dropCandidate()
    })
  }

  stop(): Promise<void> {
    return this.#prover.stop()
  }

  /** The steps of a change; `activationPoints` lie between them. */
  async #activate(slot: string): Promise<ActivateAnswer> {
    const pointer = readSlotPointer(this.#parts.store, slot)
    const { active, event } = pointer
    const isNew = !isRecorded(pointer, this.#parts.history)
    this.#at('pointer-read')
    if (!isNew && this.#decides(slot, active)) {
      this.#parts.changes.giveBack()
      return { slot, package: active, event }
    }

    const proven = await this.#provenOrProve(wantedBy(pointer))
    this.#at('proven')

    if (isNew) await this.#parts.ledger.commit(activationEvidence(pointer, proven))
    this.#at('recorded')

    const drained = this.#serve(proven)
    this.#at('serving')
    drained.then(
      () => this.#at('drained'),
      (error: unknown) => this.#parts.log.error('drain-failed', { slot, code: errorCode(error) }),
    )
    return { slot, package: active, event }
  }

  /** What the store means to run; or what ran before, when the change to it is one that the log does not know. */
  async #loadSlot(slot: string): Promise<void> {
    let isNew = false
    try {
      const pointer = readSlotPointer(this.#parts.store, slot)
      isNew = !isRecorded(pointer, this.#parts.history)
      const proven = await this.#prover.prove(wantedBy(pointer))
      if (isNew) await this.#recordAtStart(pointer, proven)
      await this.#serve(proven)
    } catch (error) {
      const fault = errorCode(error)
      this.#parts.log.error('slot-unavailable', { slot, code: fault })
      if (isNew && (await this.#serveLastGood(slot, fault))) return
      this.#parts.registry.set(slot, { state: 'unavailable', fault })
    }
  }

  async #recordAtStart(pointer: SlotPointer, proven: ProvenRelease): Promise<void> {
    try {
      await this.#parts.ledger.commit(activationEvidence(pointer, proven))
    } catch (error) {
      await this.#prover.letGo(proven)
      throw error
    }
  }

  /**
   * A change that never became a leaf never took effect, so what was live before may go on, verified and proven like any other.
   * The log says what that is, and not the pointer's `previous`: the store is not asked twice.
   */
  async #serveLastGood(slot: string, fault: string): Promise<boolean> {
    const live = this.#parts.history.newestActivation(slot)
    if (live === undefined) return false
    try {
      const wanted = { slot, packageHash: live.packageHash, change: 'activate', by: 'runtime' } as const
      await this.#serve(await this.#prover.prove(wanted), fault)
      return true
    } catch (error) {
      this.#parts.log.error('slot-unavailable', { slot, code: errorCode(error) })
      return false
    }
  }

  /** What decides already, what is warm, or a candidate made now. */
  async #provenOrProve(wanted: Wanted): Promise<ProvenRelease> {
    for (const warm of [this.#serving.get(wanted.slot), this.#candidate])
      if (warm !== undefined && (await this.#prover.isStillGood(warm, wanted))) return warm
    // A refusal becomes a leaf, so the right to one is taken before anything is tried.
    this.#parts.refusals.take()
    await this.#dropCandidate()
    const proven = await this.#prover.prove(wanted).catch((error: unknown) => {
      if (error instanceof ActivationError) this.#parts.refusals.giveBack()
      throw error
    })
    this.#parts.refusals.giveBack()
    this.#candidate = proven
    this.#parts.registry.showCandidate(proven.model)
    return proven
  }

  #decides(slot: string, packageHash: string): boolean {
    const model = this.#serving.get(slot)?.model
    return model?.packageHash === packageHash && model.worker.status().state !== 'stopped'
  }

  /** @returns when the worker of the model before has stopped; new requests have the new one from now on */
  async #serve(proven: ProvenRelease, fault?: string): Promise<void> {
    const { slot, manifest, packageHash } = proven.model
    const before = this.#serving.get(slot)
    this.#serving.set(slot, proven)
    if (this.#candidate === proven) this.#forgetCandidate()
    const drained = this.#parts.registry.swap(slot, proven.model, fault)
    this.#parts.log.info('slot-active', { slot, version: manifest.version, package: packageHash })
    await drained
    if (before !== undefined && before !== proven) await this.#prover.letGo(before)
  }

  async #dropCandidate(): Promise<void> {
    const candidate = this.#candidate
    if (candidate === undefined) return
    this.#forgetCandidate()
    await this.#prover.letGo(candidate)
  }

  #forgetCandidate(): void {
    this.#candidate = undefined
    this.#parts.registry.showCandidate(undefined)
  }

  #at(point: ActivationPoint): void {
    this.#parts.checkpoint?.(point)
  }
}

function wantedBy({ slot, active, change, by }: SlotPointer): Wanted {
  return { slot, packageHash: active, change, by }
}

function isSame(a: ProveRequest, b: ProveRequest): boolean {
  return a.slot === b.slot && a.package === b.package && a.change === b.change
}

function proveAnswerOf({ model, goldenVectors, loadMs }: ProvenRelease): ProveAnswer {
  const { slot, manifest, packageHash } = model
  const { modelId, version, releaseCounter } = manifest
  return { slot, package: packageHash, model: modelId, version, counter: releaseCounter, goldenVectors, loadMs }
}
