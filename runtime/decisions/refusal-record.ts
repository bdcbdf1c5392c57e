import type { RecordRefusalRequest } from '../../models/store/activation-channel.ts'
import type { Ledger } from '../audit/types.ts'
import type { ActivationHistory } from '../storage/evidence-store.ts'
import { refusalElsewhere } from './activation-evidence.ts'
import type { RefusalBudget } from './refusal-budget.ts'

/** What the updater refused before the runtime saw it: one leaf for each event, however often it is told. */
export class RefusalRecord {
  readonly #ledger: Ledger
  readonly #history: ActivationHistory
  readonly #refusals: RefusalBudget
  /** Being written, by their event. */
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(ledger: Ledger, history: ActivationHistory, refusals: RefusalBudget) {
    this.#ledger = ledger
    this.#history = history
    this.#refusals = refusals
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
    if (this.#history.isRefusalRecorded(request.event)) return
    this.#refusals.take()
    await this.#ledger.commit(refusalElsewhere(request))
  }
}
