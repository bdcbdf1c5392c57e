import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import { ContractError, Refusal } from '../../models/contract/errors.ts'
import { type GuardedInputs, guard } from '../../models/contract/guard.ts'
import { type Assessment, postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { authorise } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import type { Ledger } from '../audit/types.ts'
import type { ImageDecoder } from '../images/image-decoder.ts'
import { InferenceError } from '../inference/errors.ts'
import type { RunOrder } from '../inference/types.ts'
import type { Assessed, AssessedRequest } from './assessed.ts'
import { decisionEvidence } from './evidence.ts'
import { explain, pending, unexplained } from './explain.ts'
import { askGatekeepers } from './gates.ts'
import { takeImage } from './image-intake.ts'
import type { GateRecord } from './image-record.ts'
import type { LiveDecisions } from './live-decisions.ts'
import { advisoryFor, narrateRefusal, narrateResult } from './narrate.ts'
import type { Models } from './slot-registry.ts'
import { type AlertHistory, alertStands } from './standing-alert.ts'
import { Stopwatch } from './stopwatch.ts'
import type { ActiveModel, Decision, DecisionAnswer, DecisionRequest, Explanation } from './types.ts'
import { urgencyOf } from './urgency.ts'

export interface DecisionRoom {
  readonly models: Models
  readonly ledger: Ledger
  readonly subjects: { open(subject: string): { readonly pseudonym: string } }
  readonly alerts: AlertHistory
  /** Where explanations go that take longer than a decision may wait; without it such a decision has none. */
  readonly explanations?: { add(decisionId: string): void } | undefined
  /** Where images are decoded; without it a decision takes none. */
  readonly images?: Pick<ImageDecoder, 'prepare'> | undefined
  /** Where those look who watch what is decided. */
  readonly live?: Pick<LiveDecisions, 'add'> | undefined
  readonly clock: Clock
  readonly log: Log
  /** Draws the id of a decision or a feedback. */
  newId(): string
}

/** Kept back from the time of the explanation, so that the answer is there at the deadline. */
const ANSWER_MARGIN_MS = 50
const OVER_BUDGET = 'It takes longer on this box than the package allows.'
/** What one run of the model may take where nobody waits for the answer. */
const PATIENT_MS = 30_000
const OUT_OF_TIME = 'It was not ready before the deadline of the decision.'

/**
 * The one path: every clinical answer of the box is made here, whichever protocol asked.
 * Authorise → take in the image → guard against the signed contract → preprocess → infer → postprocess → explain → commit → answer.
 * A refusal (the inputs, the image, the population, a worker that failed, a caller who left) is an answer of its own and
 * recorded like a result.
 * @throws AccessError, DecisionError model_unknown | model_unavailable | subject_missing, StorageError; ImageError where nobody
 * says whom the image is about: nothing was decided
 */
export async function decide(request: DecisionRequest, caller: Principal, room: DecisionRoom): Promise<DecisionAnswer> {
  // The HTTP hook has asked the policy already; an adapter that forgot to must not get past here.
  authorise(caller, 'decision.create')
  const watch = new Stopwatch(room.clock)
  // Held to the end: a change of models stops no worker under a request that has begun.
  using leases = new DisposableStack()
  const { model } = leases.use(room.models.lease(request.model))
  const { modelId, contract } = model.manifest
  const taken = await takeImage(request, contract, caller.clientId, room, leases)
  if (request.image !== undefined) watch.lap('receive')
  const decidedAtMs = room.clock.nowMs()
  const subject = Phi.reveal(taken.subject)
  const pseudonym = () => room.subjects.open(subject).pseudonym
  const stands = () => alertStands(room.alerts, pseudonym(), modelId, contract, decidedAtMs)
  const when = room.explanations === undefined ? 'in time' : 'later'
  const order = { priority: urgencyOf(request, caller.role), signal: request.signal }
  const asked = { inputs: request.inputs, timeoutMs: request.timeoutMs, ...taken }
  const assessed: Assessed =
    taken.fault === undefined
      ? await assess(asked, model, decidedAtMs, watch, caller.clientId, stands, when, order)
      : { outcome: 'refused', guarded: undefined, gates: [], refusal: taken.fault }
  const identity = { decisionId: room.newId(), subjectPseudonym: pseudonym() }
  const decision = describe(assessed, model, decidedAtMs, { ...identity, timings: watch.laps() })
  const audit = await room.ledger.commit(
    await decisionEvidence(decision, model.manifest, { ...request, ...taken }, caller, assessed, decidedAtMs),
  )
  if (decision.explanation?.method === 'pending') room.explanations?.add(decision.decisionId)
  room.live?.add(decision, model)
  room.log.info('decision', {
    decisionId: decision.decisionId,
    model: model.slot,
    outcome: decision.outcome,
    leaf: audit.leafIndex,
  })
  if (assessed.outcome === 'scored') return { decision, audit, batchSize: assessed.batchSize }
  const { retryAfterMs } = assessed.refusal
  return { decision, audit, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/**
 * From what was sent to what came out; nothing is recorded yet. The contract's deadline runs from here: an image has arrived by now.
 * @param client whose share of the model's queue the request takes
 * @param stands does an alert stand for the subject? Asked only where that decides.
 * @param order how urgent it is, and what says that nobody waits any more
 * @param when the explanation: within its budget or not at all; within it or pending; now, however long it takes
 */
export async function assess(
  { inputs, image, timeoutMs }: AssessedRequest,
  model: ActiveModel,
  nowMs: number,
  watch: Stopwatch,
  client: string,
  stands?: () => boolean,
  when: 'in time' | 'later' | 'now' = 'in time',
  order: RunOrder = {},
): Promise<Assessed> {
  const { contract } = model.manifest
  const deadlineMs = watch.nowMs() + Math.min(contract.deadlineMs, timeoutMs ?? contract.deadlineMs)
  let guarded: GuardedInputs | undefined
  let gates: readonly GateRecord[] = []
  try {
    guarded = guard(inputs, contract, nowMs, image?.own)
    const tensors = preprocess(guarded, contract, nowMs)
    watch.lap('guard')
    if (image !== undefined && image.gatekeepers.length > 0) {
      const answer = await askGatekeepers(image.gatekeepers, image.own.facts, { nowMs, deadlineMs, client, order })
      gates = answer.records
      watch.lap('gate')
      if (answer.refusal !== undefined) throw answer.refusal
    }
    let batchSize = 0
    const begun = (size: number) => {
      // What is asked again has waited before; the rest is the model's time.
      if (batchSize === 0) watch.lap('queue')
      batchSize = size
    }
    const raw = await model.worker.run(tensors, deadlineMs, client, { ...order, begun })
    watch.lap('infer')
    const assessment = postprocess(raw, contract, stands)
    const untilMs = () => (when === 'now' ? watch.nowMs() + PATIENT_MS : deadlineMs - ANSWER_MARGIN_MS)
    const runAgain = (rows: Tensors) => model.worker.run(rows, untilMs(), client, order)
    const explanation = await explainInBudget(assessment, tensors, model, raw, runAgain, when)
    watch.lap('explain')
    return { outcome: 'scored', guarded, gates, assessment, large: largeOutputs(raw, contract), explanation, batchSize }
  } catch (error) {
    if (error instanceof Refusal || error instanceof InferenceError || error instanceof ContractError) {
      return { outcome: 'refused', guarded, gates, refusal: error }
    }
    throw error
  }
}

function largeOutputs(raw: Tensors, { outputs }: Contract): Tensors {
  const large = outputs.flatMap(({ name, role, tensor }) => {
    const made = role === 'segmentation' ? raw[tensor] : undefined
    return made === undefined ? [] : [[name, made] as const]
  })
  return Object.fromEntries(large)
}

/** A result without its explanation is still a result: what the package's budget or the deadline leaves no time for is said to be missing. */
async function explainInBudget(
  assessment: Assessment,
  tensors: Tensors,
  { manifest: { contract }, explanationMs }: ActiveModel,
  raw: Tensors,
  run: (inputs: Tensors) => Promise<Tensors>,
  when: 'in time' | 'later' | 'now',
): Promise<Explanation> {
  const spec = contract.explanation
  if (when === 'now' || spec.method === 'none' || spec.method === 'model-output')
    return explain(assessment, tensors, contract, run, raw)
  const without = (reason: string) => (when === 'later' ? pending(spec.output) : unexplained(spec.output, reason))
  if (explanationMs > spec.budgetMs) return without(OVER_BUDGET)
  try {
    return await explain(assessment, tensors, contract, run, raw)
  } catch (error) {
    // Nobody reads it any more: the request as a whole is over.
    if (error instanceof InferenceError && error.code !== 'inference_cancelled') return without(OUT_OF_TIME)
    throw error
  }
}

/** Puts a assessed in the words that every protocol translates from. */
export function describe(
  assessed: Assessed,
  model: ActiveModel,
  decidedAtMs: number,
  own: Pick<Decision, 'decisionId' | 'subjectPseudonym' | 'timings'>,
): Decision {
  const { manifest, packageHash } = model
  const { modelId, version, clinicalStatus } = manifest
  const flags = assessed.guarded?.flags ?? []
  const common = {
    ...own,
    model: { id: modelId, version, packageHash, clinicalStatus },
    decidedAt: new Date(decidedAtMs).toISOString(),
    flags,
    provider: model.worker.status().provider ?? null,
    advisory: advisoryFor(clinicalStatus),
  }
  if (assessed.outcome === 'refused') {
    const { code, about, message } = assessed.refusal
    return {
      ...common,
      outcome: 'refused',
      refusal: { code, about: about ?? null, message },
      assessment: null,
      explanation: null,
      narrative: narrateRefusal(manifest, assessed.refusal),
      validUntil: null,
    }
  }
  const { assessment, explanation } = assessed
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
