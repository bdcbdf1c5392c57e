import type { Randomness } from '../../device/crypto/randomness.ts'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import type { KeeperTrust } from '../../models/package/verify.ts'
import type { JobStep, Source } from '../../models/store/control-channel.ts'
import type { ModelStore } from '../../models/store/layout.ts'
import type { FetchLimits, ReleaseSource } from '../fetch/source.ts'
import type { Journal } from './journal.ts'
import type { RuntimeLink } from './runtime-link.ts'
import type { Slots } from './slots.ts'
import type { Turns } from './turns.ts'

/** Moments at which a test may end the process. `point:drawn` lies between the event's record and the pointer. */
export type Checkpoint = `${JobStep}:${'before' | 'after'}` | 'point:drawn' | `settle:${'before' | 'after'}`

/** What the steps of a job work with. */
export interface JobParts {
  readonly store: ModelStore
  readonly trust: KeeperTrust
  readonly journal: Journal
  readonly slots: Slots
  readonly runtime: RuntimeLink
  /** How long a job waits for a runtime that does not answer. */
  readonly runtimeWaitMs: number
  readonly turns: Turns
  readonly openSource: (source: Source, name: string | null) => Promise<ReleaseSource>
  readonly fetchLimits: FetchLimits
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  /** Aborted when the updater stops: a job that runs is left as it is, and goes on at the next start. */
  readonly stopping: AbortSignal
  readonly checkpoint: (at: Checkpoint) => void
  /** Has the runtime asked, behind the job, to follow the pointer of a slot. */
  readonly reconcile: (slot: string) => void
}
