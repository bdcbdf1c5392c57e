import type { Randomness } from '../../device/crypto/randomness.ts'
import type { ProviderName } from '../inference/types.ts'
import type { ActiveModel, Decision } from './types.ts'

/** A decision as it is shown while it is new. What of it is whose stands under `read` alone. */
export interface LiveDecision {
  readonly at: string
  readonly slot: string
  readonly display: string
  readonly version: string
  readonly clinicalStatus: string
  readonly outcome: Decision['outcome']
  readonly refusal: Decision['refusal']
  /** Null for a refusal. */
  readonly alert: boolean | null
  readonly provider: ProviderName | null
  readonly timings: Decision['timings']
  /** Only for those who may read decisions; null for the others. */
  readonly read: LiveReading | null
}

export interface LiveReading {
  readonly decisionId: string
  readonly subjectPseudonym: string
  readonly narrative: string
  readonly validUntil: string | null
  readonly outputs: Readonly<Record<string, LiveOutput>>
}

export interface LiveOutput {
  readonly role: 'score' | 'probability' | 'category'
  readonly display: string
  readonly unit: string
  readonly values: readonly number[]
  readonly label: { readonly code: string; readonly text: string } | null
}

export interface LiveEvent {
  /** Of this process alone, rising by one. */
  readonly sequence: number
  readonly decision: LiveDecision
}

const MAX_KEPT = 200
const EVENT_ID = /^([0-9a-f]{8})-(0|[1-9]\d{0,14})$/

/** The last decisions of this process, for whoever watches. They are in memory only; the log has them all. */
export class LiveDecisions {
  readonly #process: string
  readonly #listeners = new Set<() => void>()
  #events: LiveEvent[] = []
  #newest = 0

  constructor(randomness: Randomness) {
    this.#process = randomness.bytes(4).toString('hex')
  }

  /** Called when a decision stands in the log. */
  add(decision: Decision, model: ActiveModel): void {
    this.#newest += 1
    this.#events.push({ sequence: this.#newest, decision: liveDecision(decision, model) })
    if (this.#events.length > MAX_KEPT) this.#events = this.#events.slice(-MAX_KEPT)
    for (const listener of this.#listeners) listener()
  }

  /** @returns ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Everything that is kept after this one; 0 stands before the first. */
  after(sequence: number): readonly LiveEvent[] {
    const skipped = sequence - (this.#events[0]?.sequence ?? 0) + 1
    return this.#events.slice(Math.max(0, skipped))
  }

  idOf({ sequence }: LiveEvent): string {
    return `${this.#process}-${sequence}`
  }

  /** The sequence that an id names, when what followed it is still here as a whole; otherwise undefined. */
  find(id: string | undefined): number | undefined {
    const [, process, digits] = EVENT_ID.exec(id ?? '') ?? []
    const sequence = Number(digits)
    const oldest = this.#events[0]?.sequence
    if (process !== this.#process || oldest === undefined) return undefined
    return sequence >= oldest && sequence <= this.#newest ? sequence : undefined
  }
}

/** What somebody who may not read decisions is shown: that one was made, and how it went. */
export function withoutReading(decision: LiveDecision): LiveDecision {
  // Named one by one: what is added to a decision later is not shown here by itself.
  const { at, slot, display, version, clinicalStatus, outcome, refusal, alert, provider, timings } = decision
  return { at, slot, display, version, clinicalStatus, outcome, refusal, alert, provider, timings, read: null }
}

function liveDecision(decision: Decision, { slot, manifest }: ActiveModel): LiveDecision {
  const { decisionId, subjectPseudonym, narrative, validUntil, outcome, refusal, assessment } = decision
  return {
    at: decision.decidedAt,
    slot,
    display: manifest.display,
    version: manifest.version,
    clinicalStatus: manifest.clinicalStatus,
    outcome,
    refusal,
    alert: assessment?.alert ?? null,
    provider: decision.provider?.provider ?? null,
    timings: decision.timings,
    read: { decisionId, subjectPseudonym, narrative, validUntil, outputs: shortOutputs(assessment) },
  }
}

/** Those that are one value. */
function shortOutputs(assessment: Decision['assessment']): LiveReading['outputs'] {
  const short = Object.entries(assessment?.outputs ?? {}).flatMap(([name, output]) => {
    const { role, display, unit, values, label } = output
    if (role !== 'score' && role !== 'probability' && role !== 'category') return []
    return [[name, { role, display, unit, values, label }] as const]
  })
  return Object.fromEntries(short)
}
