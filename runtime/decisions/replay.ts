import type { Clock } from '../../device/platform/clock.ts'
import { inferenceErrors } from '../inference/errors.ts'
import { isSameOutcome, reassess, same } from './reassess.ts'
import type { ActiveModel, DecisionRecord, Explanation } from './types.ts'

/** How one part of a decision stands to what came out again. */
export type Replayed = 'same' | 'different' | 'not recorded' | 'not reproducible'

export interface Replay {
  /** Every output, the label, the alert; or the refusal. */
  readonly outcome: Replayed
  /** Every contribution, its error, the residual. `not recorded`: there was none, or it is still pending. */
  readonly explanation: Replayed
}

/**
 * Takes a recorded decision along the path again with the model that made it, and holds what comes out against the record: equal
 * to the last bit, or different. A fault of the moment, such as a deadline, is not reproducible.
 * @param later the explanation that came after a decision that said `pending`
 */
export async function replayDecision(
  record: DecisionRecord,
  later: Explanation | undefined,
  model: ActiveModel,
  clock: Clock,
): Promise<Replay> {
  const { decision } = record
  if (decision.refusal !== null && Object.hasOwn(inferenceErrors, decision.refusal.code))
    return { outcome: 'not reproducible', explanation: 'not recorded' }
  const assessed = await reassess(record, model, clock)
  const outcome = isSameOutcome(assessed, decision) ? 'same' : 'different'
  const recorded = decision.explanation?.method === 'pending' ? later : (decision.explanation ?? undefined)
  if (recorded === undefined || recorded.method === 'none') return { outcome, explanation: 'not recorded' }
  const isSame = assessed.outcome === 'scored' && same(assessed.explanation, recorded)
  return { outcome, explanation: isSame ? 'same' : 'different' }
}
