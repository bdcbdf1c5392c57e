import { canonicalJson } from '../../device/platform/canonical-json.ts'
import type { Clock } from '../../device/platform/clock.ts'
import type { PreparedImage } from '../../models/contract/image/prepared-image.ts'
import type { Assessed } from './assessed.ts'
import { assess } from './decide.ts'
import { DecisionError } from './errors.ts'
import { keptImage } from './image-record.ts'
import { Stopwatch } from './stopwatch.ts'
import type { ActiveModel, Decision, DecisionRecord } from './types.ts'

/** Whose share of a model's queue it takes: clients take turns, and this is one of them. */
const CLIENT = 'reassessment'

/**
 * Takes a recorded decision along the path again, at its own moment, from what was sent then. Whether an alert stood before
 * it is taken from its record: the record is about this decision, not about the one before.
 * @param image prepared again from its files, where the record did not keep what the model saw
 * @throws DecisionError image_not_kept, and what `assess` throws
 */
export async function reassess(
  record: DecisionRecord,
  model: ActiveModel,
  clock: Clock,
  image?: PreparedImage,
): Promise<Assessed> {
  const { decision, observations } = record
  const own = image ?? (record.image === undefined ? undefined : await keptImage(record.image))
  if (own === undefined && record.image !== undefined) throw new DecisionError('image_not_kept')
  const request = { inputs: observations, image: own === undefined ? undefined : { own, gatekeepers: [] } }
  const stands = () => decision.assessment?.alert === true
  return assess(request, model, Date.parse(decision.decidedAt), new Stopwatch(clock), CLIENT, stands, 'now', {
    priority: 'batch',
  })
}

/** Did the same come out, to the last bit of every number? */
export function isSameOutcome(assessed: Assessed, decision: Decision): boolean {
  if (assessed.outcome === 'scored')
    return decision.assessment !== null && same(assessed.assessment, decision.assessment)
  const { code, about } = assessed.refusal
  return decision.refusal?.code === code && decision.refusal.about === (about ?? null)
}

/** As they stand in a record: canonical JSON says every number exactly. */
export function same(one: unknown, other: unknown): boolean {
  return canonicalJson(one) === canonicalJson(other)
}
