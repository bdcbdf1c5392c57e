import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { Ledger } from '../audit/types.ts'
import { DecisionError } from './errors.ts'
import { unexplained } from './explain.ts'
import { isSameOutcome, reassess } from './reassess.ts'
import type { RecordStore } from './review.ts'
import type { Models } from './slot-registry.ts'
import type { ActiveModel, DecisionRecord, Explanation, ExplanationRecord } from './types.ts'

export interface PendingParts {
  readonly models: Models
  readonly ledger: Ledger
  readonly store: RecordStore
  readonly clock: Clock
  readonly log: Log
  newId(): string
}

/** More wait for nobody: a decision that finds no place is explained when it is read. */
const MAX_WAITING = 256
const OTHER_RESULT = 'Computed again, the model gave another result than the one recorded.'
const IMAGE_NOT_KEPT = 'The image is too large for the record to keep, and it took longer than the decision could wait.'

/**
 * Explanations that take longer than a decision may wait. Only ids wait here: each is made from the record of its decision,
 * one after the other, and becomes a leaf and a record of its own. So nothing that was acknowledged can be lost: what
 * waits when the box stops is asked for again by whoever reads the decision.
 */
export class PendingExplanations {
  readonly #parts: PendingParts
  readonly #waiting = new Set<string>()
  #working: Promise<void> | undefined
  #isStopped = false

  constructor(parts: PendingParts) {
    this.#parts = parts
  }

  /** Takes the decision's id into the queue; one that waits already, or finds it full, changes nothing. */
  add(decisionId: string): void {
    if (this.#isStopped || this.#waiting.size >= MAX_WAITING) return
    this.#waiting.add(decisionId)
    this.#working ??= this.#work()
  }

  /** Takes nothing more. The one in work ends with its model's worker, and is not recorded. */
  stop(): void {
    this.#isStopped = true
    this.#waiting.clear()
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#working
  }

  async #work(): Promise<void> {
    // The answer that this one belongs to goes out first.
    await nextTurn()
    for (const decisionId of this.#waiting) {
      const code = await this.#explain(decisionId).catch(errorCode)
      if (code !== undefined) this.#parts.log.warn('decision.explanation-waits', { decisionId, code })
      this.#waiting.delete(decisionId)
    }
    this.#working = undefined
  }

  /** @returns the code of what keeps it from being explained now; undefined when it is explained */
  async #explain(decisionId: string): Promise<string | undefined> {
    const { store, models, clock, ledger, log } = this.#parts
    const record = store.readBody(decisionId)?.content as unknown as DecisionRecord | undefined
    if (record?.decision.explanation?.method !== 'pending') return undefined
    if (store.feedbackOf(decisionId).some(({ content }) => content.kind === 'explanation')) return undefined
    using lease = models.lease(slotOf(record, models))
    const { model } = lease
    if (model.packageHash !== record.decision.model.packageHash) return 'model_unavailable'
    const explanation = await explainRecord(record, model, clock)
    if (typeof explanation === 'string') return explanation
    if (this.#isStopped) return 'inference_unavailable'
    const { leafIndex } = await ledger.commit(this.#evidence(decisionId, record, explanation))
    log.info('decision.explained', { decisionId, leaf: leafIndex })
    return undefined
  }

  #evidence(decisionId: string, { subject, decision }: DecisionRecord, explanation: Explanation) {
    const explanationId = this.#parts.newId()
    const at = new Date(this.#parts.clock.nowMs()).toISOString()
    const content: ExplanationRecord = { kind: 'explanation', explanationId, decisionId, at, explanation }
    const { id, version, packageHash } = decision.model
    return {
      leaf: {
        kind: 'explained',
        id: explanationId,
        decision: decisionId,
        model: id,
        version,
        package: packageHash,
        method: explanation.method,
      },
      body: { id: explanationId, subject, about: decisionId, content: content as unknown as JsonObject },
    } as const
  }
}

/** @returns a code when the model could not be run through; an explanation of method `none` when there is none to be had */
async function explainRecord(record: DecisionRecord, model: ActiveModel, clock: Clock): Promise<Explanation | string> {
  const of = record.decision.explanation?.of ?? ''
  const assessed = await reassess(record, model, clock).catch(notKept)
  if (assessed === undefined) return unexplained(of, IMAGE_NOT_KEPT)
  if (assessed.outcome === 'refused') return assessed.refusal.code
  return isSameOutcome(assessed, record.decision) ? assessed.explanation : unexplained(of, OTHER_RESULT)
}

/** Nobody will send the image again: that it waits for one would never end. */
function notKept(error: unknown): undefined {
  if (!(error instanceof DecisionError) || error.code !== 'image_not_kept') throw error
}

/** A slot has the name of its model. */
function slotOf({ decision }: DecisionRecord, { slots }: Models): string {
  const active = [...slots].find(
    ([, slot]) => slot.state === 'active' && slot.model.manifest.modelId === decision.model.id,
  )
  return active?.[0] ?? decision.model.id
}
