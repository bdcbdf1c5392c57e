import type { Clock } from '../../device/platform/clock.ts'
import type { PreparedImage } from '../../models/contract/image/prepared-image.ts'
import { imageErrors } from '../images/errors.ts'
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
 * @param image prepared again from its files, where the record did not keep what the model saw
 */
export async function replayDecision(
  record: DecisionRecord,
  later: Explanation | undefined,
  model: ActiveModel,
  clock: Clock,
  image?: PreparedImage,
): Promise<Replay> {
  const { decision, gates = [] } = record
  // Whatever its code is: another model refused the image, and is not asked again.
  const isOfOthers = gates.some(({ passed }) => !passed)
  if (decision.refusal !== null && (isOfOthers || isOfTheMoment(decision.refusal.code)))
    return { outcome: 'not reproducible', explanation: 'not recorded' }
  const assessed = await reassess(record, model, clock, image)
  // A fault of this moment says nothing of the record: a busy box must not accuse it.
  if (assessed.outcome === 'refused' && isOfTheMoment(assessed.refusal.code))
    return { outcome: 'not reproducible', explanation: 'not recorded' }
  const outcome = isSameOutcome(assessed, decision) ? 'same' : 'different'
  const recorded = decision.explanation?.method === 'pending' ? later : (decision.explanation ?? undefined)
  if (recorded === undefined || recorded.method === 'none') return { outcome, explanation: 'not recorded' }
  const isSame = assessed.outcome === 'scored' && same(assessed.explanation, recorded)
  return { outcome, explanation: isSame ? 'same' : 'different' }
}

/** What another model said of the image, and what kept it from being decoded, is in the record and was not this model's doing. */
const OF_OTHERS: readonly string[] = [
  'image_implausible',
  'image_gate_unavailable',
  'image_of_another_subject',
  'image_subject_unreadable',
]

function isOfTheMoment(code: string): boolean {
  return Object.hasOwn(inferenceErrors, code) || Object.hasOwn(imageErrors, code) || OF_OTHERS.includes(code)
}
