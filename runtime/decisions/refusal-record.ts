import type { RecordRefusalRequest } from '../../models/store/activation-channel.ts'
import type { Ledger } from '../audit/types.ts'
import type { ActivationHistory } from '../storage/evidence-store.ts'
import { refusalElsewhere } from './activation-evidence.ts'
import type { Budget } from './budget.ts'

interface RefusalParts {
  readonly ledger: Ledger
  readonly history: ActivationHistory
  readonly refusals: Budget
}

/** What the updater refused before the runtime saw it: one leaf for each event, however often it is told. */
export class RefusalRecord {
  readonly #parts: RefusalParts
  readonly #imageVersion: () => Promise<number | undefined>
  /** Being written, by their event. */
  readonly #underWay = new Map<string, Promise<void>>()

  /** @param imageVersion of newer image targets that came with what was refused */
  constructor(parts: RefusalParts, imageVersion: () => Promise<number | undefined>) {
    this.#parts = parts
    this.#imageVersion = imageVersion
  }

  /** @throws ActivationError runtime_refusals_limited, StorageError: nothing was recorded */
  record(request: RecordRefusalRequest): Promise<void> {
    const { event } = request
    const recording = this.#underWay.get(event)
    if (recording !== undefined) return recording
    const recorded = this.#recordOnce(request).finally(() => this.#underWay.delete(event))
    this.#underWay.set(event, recorded)
    return recorded
  }

  async #recordOnce(request: RecordRefusalRequest): Promise<void> {
    const { ledger, history, refusals } = this.#parts
    if (history.isRefusalRecorded(request.event)) return
    refusals.take()
    await ledger.commit(refusalElsewhere(request, await this.#imageVersion()))
  }
}
