import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import { ContractError, Refusal } from '../../models/contract/errors.ts'
import { type GuardedInputs, guard } from '../../models/contract/guard.ts'
import { type Assessment, postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { authorise } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import type { Ledger } from '../audit/types.ts'
import { InferenceError } from '../inference/errors.ts'
import { decisionEvidence } from './evidence.ts'
import { explain } from './explain.ts'
import { requireModel } from './model-slots.ts'
import { advisoryFor, narrateRefusal, narrateResult } from './narrate.ts'
import { Stopwatch } from './stopwatch.ts'
import type { ActiveModel, Decision, DecisionAnswer, DecisionRequest, Explanation, Slots } from './types.ts'

export interface DecisionRoom {
  readonly slots: Slots
  readonly ledger: Ledger
  readonly subjects: { open(subject: string): { readonly pseudonym: string } }
  readonly clock: Clock
  readonly log: Log
  /** Draws the id of a decision or a feedback. */
  newId(): string
}

/** What one request led to, before it is recorded. */
type Course =
  | {
      readonly outcome: 'scored'
      readonly guarded: GuardedInputs
      readonly assessment: Assessment
      readonly explanation: Explanation
    }
  | {
      readonly outcome: 'refused'
      readonly guarded: GuardedInputs | undefined
      readonly refusal: Refusal | ContractError | InferenceError
    }

/**
 * The one path: every clinical answer of the box is made here, whichever protocol asked.
 * Authorise → guard against the signed contract → preprocess → infer → postprocess → explain → commit → answer.
 * A refusal (the inputs, the population, a worker that failed) is an answer of its own and recorded like a result.
 * @throws AccessError, DecisionError model_unknown | model_unavailable, StorageError: nothing was decided
 */
export async function decide(request: DecisionRequest, caller: Principal, room: DecisionRoom): Promise<DecisionAnswer> {
  // The HTTP hook has asked the policy already; an adapter that forgot to must not get past here.
  authorise(caller, 'decision.create')
  const watch = new Stopwatch(room.clock)
  const model = requireModel(room.slots, request.model)
  const decidedAtMs = room.clock.nowMs()
  const course = await follow(request, model, decidedAtMs, watch)
  const decision = describe(request, model, decidedAtMs, course, watch, room)
  const audit = await room.ledger.commit(decisionEvidence(decision, request, caller, course.guarded, decidedAtMs))
  room.log.info('decision', {
    decisionId: decision.decisionId,
    model: model.slot,
    outcome: decision.outcome,
    leaf: audit.leafIndex,
  })
  return { decision, audit }
}

async function follow(request: DecisionRequest, model: ActiveModel, nowMs: number, watch: Stopwatch): Promise<Course> {
  const { contract } = model.manifest
  const deadlineMs = watch.startedMs + contract.deadlineMs
  const run = (tensors: Tensors) => model.worker.run(tensors, deadlineMs)
  let guarded: GuardedInputs | undefined
  try {
    guarded = guard(request.inputs, contract, nowMs)
    const tensors = preprocess(guarded, contract, nowMs)
    watch.lap('guard')
    const raw = await run(tensors)
    watch.lap('infer')
    const assessment = postprocess(raw, contract)
    const explanation = await explain(assessment, tensors, contract, run)
    watch.lap('explain')
    return { outcome: 'scored', guarded, assessment, explanation }
  } catch (error) {
    if (error instanceof Refusal || error instanceof InferenceError || error instanceof ContractError) {
      return { outcome: 'refused', guarded, refusal: error }
    }
    throw error
  }
}

function describe(
  request: DecisionRequest,
  model: ActiveModel,
  decidedAtMs: number,
  course: Course,
  watch: Stopwatch,
  room: DecisionRoom,
): Decision {
  const { manifest } = model
  const flags = course.guarded?.flags ?? []
  const common = {
    decisionId: room.newId(),
    subjectPseudonym: room.subjects.open(Phi.reveal(request.subject)).pseudonym,
    model: {
      id: manifest.modelId,
      version: manifest.version,
      packageHash: model.packageHash,
      clinicalStatus: manifest.clinicalStatus,
    },
    decidedAt: new Date(decidedAtMs).toISOString(),
    flags,
    provider: model.worker.status().provider ?? null,
    timings: watch.laps(),
    advisory: advisoryFor(manifest.clinicalStatus),
  }
  if (course.outcome === 'refused') {
    const { code, about, message } = course.refusal
    return {
      ...common,
      outcome: 'refused',
      refusal: { code, about: about ?? null, message },
      assessment: null,
      explanation: null,
      narrative: narrateRefusal(manifest, message),
      validUntil: null,
    }
  }
  const { assessment, explanation } = course
  return {
    ...common,
    outcome: 'scored',
    refusal: null,
    assessment,
    explanation,
    narrative: narrateResult(manifest, assessment, explanation, flags),
    validUntil: new Date(decidedAtMs + manifest.contract.validityMinutes * 60_000).toISOString(),
  }
}
