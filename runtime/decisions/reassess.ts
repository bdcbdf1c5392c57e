import { canonicalJson } from '../../device/platform/canonical-json.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { Phi } from '../../device/platform/phi.ts'
import { type Assessed, assess } from './decide.ts'
import { Stopwatch } from './stopwatch.ts'
import type { ActiveModel, Decision, DecisionRecord, DecisionRequest } from './types.ts'

/** Whose share of a model's queue it takes: clients take turns, and this is one of them. */
const CLIENT = 'reassessment'

/**
 * Takes a recorded decision along the path again, at its own moment, from what was sent then. Whether an alert stood before
 * it is taken from its record: the record is about this decision, not about the one before.
 * @throws what `assess` throws
 */
export function reassess(record: DecisionRecord, model: ActiveModel, clock: Clock): Promise<Assessed> {
  const { decision, purpose, observations } = record
  const request: DecisionRequest = {
    model: model.slot,
    subject: new Phi(record.subject),
    purpose,
    inputs: observations,
  }
  const stands = () => decision.assessment?.alert === true
  return assess(request, model, Date.parse(decision.decidedAt), new Stopwatch(clock), CLIENT, stands, 'now')
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
