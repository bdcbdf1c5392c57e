import type { Log } from '../../device/platform/log.ts'
import { type LiveEvent, withoutReading } from '../decisions/live-decisions.ts'
import { liveDecisionSchema } from './contract-live.ts'

interface Texts {
  whole?: string | null
  narrow?: string | null
}

/** A decision as it is written to readers of one kind: made once, and held to the contract like every answer. */
export class EventTexts {
  readonly #log: Log
  readonly #made = new WeakMap<LiveEvent, Texts>()

  constructor(log: Log) {
    this.#log = log
  }

  /** @returns undefined for what does not follow the contract: it is left out */
  of(event: LiveEvent, mayRead: boolean): string | undefined {
    const texts = this.#made.get(event) ?? {}
    this.#made.set(event, texts)
    const kind = mayRead ? 'whole' : 'narrow'
    texts[kind] ??= this.#make(event, mayRead) ?? null
    return texts[kind] ?? undefined
  }

  #make({ decision }: LiveEvent, mayRead: boolean): string | undefined {
    const shown = mayRead ? decision : withoutReading(decision)
    if (liveDecisionSchema.safeParse(shown).success) return JSON.stringify(shown)
    this.#log.error('event-malformed', {})
    return undefined
  }
}
