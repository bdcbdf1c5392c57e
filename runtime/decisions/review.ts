import type { JsonObject } from '../../device/platform/canonical-json.ts'
import type { Contract, OutputSpec } from '../../models/contract/schema.ts'
import { tensorBytes } from '../../models/contract/tensor.ts'
import { authorise } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import type { AuditPosition } from '../audit/types.ts'
import { signedModel } from '../egress/outbound.ts'
import type { DecisionRoom } from './decide.ts'
import { DecisionError } from './errors.ts'
import { keptTensor } from './image-record.ts'
import type {
  DecisionReadAnswer,
  ExplainedEntry,
  Feedback,
  KeptImage,
  KeptOutput,
  ShownContract,
} from './service-types.ts'
import { seenTensor, shownImage } from './shown-image.ts'
import { shownInputs } from './shown-inputs.ts'
import type { DecisionRecord, ExplanationRecord } from './types.ts'

/** Far below what the store returns, so that those still on their way when it is reached are shown as well. */
const MAX_FEEDBACK = 64

interface StoredBody {
  readonly content: JsonObject
  readonly position: AuditPosition
}

/** Where recorded bodies are read back. */
export interface RecordStore {
  readBody(id: string): StoredBody | undefined
  /** Everything about the decision, oldest first: feedback, and an explanation that came later. */
  feedbackOf(decisionId: string): readonly StoredBody[]
}

/** What clinicians said of a decision, as stored under the subject's key. */
interface FeedbackRecord extends Feedback {
  readonly kind: 'feedback'
  readonly feedbackId: string
  readonly decisionId: string
  readonly by: string
  readonly at: string
}

/**
 * Reads a decision back. Reading patient data is itself recorded, and the answer waits for that record.
 * @throws AccessError | DecisionError decision_unknown | StorageError
 */
export async function readDecision(
  decisionId: string,
  caller: Principal,
  room: DecisionRoom & { readonly store: RecordStore },
): Promise<DecisionReadAnswer> {
  authorise(caller, 'decision.read')
  const { record, position } = requireRecord(decisionId, room.store)
  await room.ledger.commit({ leaf: { kind: 'read', decision: decisionId, client: caller.clientId, role: caller.role } })
  const about = room.store.feedbackOf(decisionId)
  const feedback = about.filter(isFeedback).map(({ content, position }) => {
    const { feedbackId, verdict, reason, by, at } = content as unknown as FeedbackRecord
    return { feedbackId, verdict, reason, by, at, audit: position }
  })
  const explained = laterExplanation(about)
  // What waited when the box stopped, or found no place, is asked for by whoever reads it.
  if (record.decision.explanation?.method === 'pending' && explained === null) room.explanations?.add(decisionId)
  const contract = decidingContract(record, room.models)
  const explanation = explained?.explanation ?? record.decision.explanation
  return {
    decision: record.decision,
    audit: position,
    explained,
    feedback,
    inputs: shownInputs(record, contract, explanation),
    contract: contract === undefined ? null : shownContract(contract),
    image: shownImage(record, contract),
  }
}

/**
 * Reads back what the model saw of an image. Recorded as the reading of its decision.
 * @throws AccessError | DecisionError decision_unknown | image_unknown | image_not_kept | StorageError
 */
export async function readImage(
  decisionId: string,
  caller: Principal,
  room: DecisionRoom & { readonly store: RecordStore },
): Promise<KeptImage> {
  authorise(caller, 'decision.read')
  const { record } = requireRecord(decisionId, room.store)
  await room.ledger.commit({ leaf: { kind: 'read', decision: decisionId, client: caller.clientId, role: caller.role } })
  const seen = seenTensor(record.image, decidingContract(record, room.models))
  if (seen === undefined) throw new DecisionError('image_unknown')
  const tensor = await keptTensor(seen.kept)
  if (tensor === undefined) throw new DecisionError('image_not_kept')
  const { dtype, layout, dims, kept } = seen
  return { dtype, layout, dims, sha256: kept.sha256, bytes: tensorBytes(tensor) }
}

/** Of the very package that decided, when it still stands in a slot or beside one. */
function decidingContract({ decision }: DecisionRecord, { slots, candidate }: DecisionRoom['models']) {
  const active = [...slots.values()].flatMap((slot) => (slot.state === 'active' ? [slot.model] : []))
  const models = candidate === undefined ? active : [...active, candidate]
  return models.find(({ packageHash }) => packageHash === decision.model.packageHash)?.manifest.contract
}

function shownContract({ outputs, validityMinutes }: Contract): ShownContract {
  const drawn = outputs.map((output) => {
    const labels = 'labels' in output ? output.labels : null
    return [output.name, { range: rangeOf(output), labels }] as const
  })
  return { outputs: Object.fromEntries(drawn), validityMinutes }
}

function rangeOf(output: OutputSpec): { readonly low: number; readonly high: number } | null {
  if (output.role === 'probability') return { low: 0, high: 1 }
  return output.role === 'score' ? output.range : null
}

/**
 * Reads an output back that was too large for the answer. Recorded as the reading of its decision.
 * @throws AccessError | DecisionError decision_unknown | output_unknown | StorageError
 */
export async function readOutput(
  decisionId: string,
  output: string,
  caller: Principal,
  room: DecisionRoom & { readonly store: RecordStore },
): Promise<KeptOutput> {
  authorise(caller, 'decision.read')
  const { record } = requireRecord(decisionId, room.store)
  await room.ledger.commit({ leaf: { kind: 'read', decision: decisionId, client: caller.clientId, role: caller.role } })
  const kept =
    record.outputs !== undefined && Object.hasOwn(record.outputs, output) ? record.outputs[output] : undefined
  const tensor = kept === undefined ? undefined : await keptTensor(kept)
  if (!(tensor?.data instanceof Uint8Array)) throw new DecisionError('output_unknown', { about: output })
  return { labels: tensor.data, dims: tensor.dims, affineRas: affineOf(record, tensor.dims) }
}

/** That of the tensor which the labels have the frames, rows and columns of. */
function affineOf({ image }: DecisionRecord, dims: readonly number[]): readonly number[] | undefined {
  if (image === undefined || 'refused' in image.prepared) return undefined
  const { tensors } = image.prepared
  return image.grids.find(({ tensor, layout }) => {
    const space = layout.startsWith('NC') ? tensors[tensor]?.dims.slice(2) : tensors[tensor]?.dims.slice(1, -1)
    return space?.length === 3 && space.every((size, index) => dims.at(index - 3) === size)
  })?.affineRas
}

/**
 * Records that a clinician accepted or overrode a decision, and why. The decision itself never changes.
 * @throws AccessError | DecisionError decision_unknown | feedback_limit | StorageError
 */
export async function giveFeedback(
  decisionId: string,
  { verdict, reason }: Feedback,
  caller: Principal,
  room: DecisionRoom & { readonly store: RecordStore },
): Promise<{ readonly feedbackId: string; readonly audit: AuditPosition }> {
  authorise(caller, 'decision.feedback')
  const { record } = requireRecord(decisionId, room.store)
  // Everything that is acknowledged is shown again by readDecision; more than it can show is not acknowledged.
  if (room.store.feedbackOf(decisionId).filter(isFeedback).length >= MAX_FEEDBACK)
    throw new DecisionError('feedback_limit')
  const feedbackId = room.newId()
  const at = new Date(room.clock.nowMs()).toISOString()
  const content: FeedbackRecord = { kind: 'feedback', feedbackId, decisionId, verdict, reason, by: caller.clientId, at }
  const audit = await room.ledger.commit({
    leaf: {
      kind: 'feedback',
      id: feedbackId,
      decision: decisionId,
      verdict,
      client: caller.clientId,
      role: caller.role,
    },
    body: { id: feedbackId, subject: record.subject, about: decisionId, content: content as unknown as JsonObject },
    outbound: {
      v: 1,
      kind: 'feedback',
      ...signedModel(record.decision.model.id, record.release),
      alert: record.decision.assessment?.alert ?? false,
      feedback: verdict === 'accept' ? 'accepted' : 'overridden',
    },
  })
  return { feedbackId, audit }
}

function isFeedback({ content }: StoredBody): boolean {
  return content.kind === 'feedback'
}

function laterExplanation(about: readonly StoredBody[]): ExplainedEntry | null {
  const found = about.find(({ content }) => content.kind === 'explanation')
  if (found === undefined) return null
  const { explanation, at } = found.content as unknown as ExplanationRecord
  return { explanation, at, audit: found.position }
}

function requireRecord(decisionId: string, store: RecordStore): { record: DecisionRecord; position: AuditPosition } {
  const body = store.readBody(decisionId)
  if (body === undefined || body.content.kind !== 'decision') throw new DecisionError('decision_unknown')
  return { record: completed(body.content as unknown as DecisionRecord), position: body.position }
}

/** A record of a release that did not count nodes yet says that they were not counted. */
function completed(record: DecisionRecord): DecisionRecord {
  const { provider } = record.decision
  if (provider === null) return record
  return { ...record, decision: { ...record.decision, provider: { ...uncounted, ...provider } } }
}

const uncounted = { nodes: null, passedOver: [] } as const
