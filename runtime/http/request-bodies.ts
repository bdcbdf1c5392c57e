import { Phi } from '../../device/platform/phi.ts'
import type { Observation } from '../../models/contract/guard.ts'
import type { Feedback } from '../decisions/service-types.ts'
import type { DecisionRequest } from '../decisions/types.ts'
import { malformed } from './contract-faults.ts'
import { HttpError } from './errors.ts'
import {
  type ChangeRequestBody,
  cancelRequestSchema,
  changeRequestSchema,
  type DecisionRequestBody,
  decisionIdSchema,
  decisionRequestSchema,
  feedbackRequestSchema,
  imageRequestSchema,
  jobIdSchema,
  outputNameSchema,
  slotSchema,
} from './request-schemas.ts'

type SentObservation = DecisionRequestBody['inputs'][string]

/**
 * Body of POST /v1/decisions → what the decision room takes.
 * @param nowMs time of an observation that came without `at`
 * @param knownInputs names that an error may show; asked only when there is one
 * @throws HttpError request_malformed
 */
export function parseDecisionRequest(
  body: unknown,
  nowMs: number,
  knownInputs: () => ReadonlySet<string>,
): DecisionRequest {
  const parsed = decisionRequestSchema.safeParse(body)
  if (!parsed.success) throw malformed(parsed.error.issues, knownInputs())
  const { model, subject, purpose = 'treatment', priority, inputs } = parsed.data
  return { model, subject: new Phi(subject), purpose, priority, inputs: allObservations(inputs, nowMs) }
}

/**
 * The first part of a body in parts → what the decision room takes, still without the image.
 * @throws HttpError request_malformed
 */
export function parseImageRequest(
  body: unknown,
  nowMs: number,
  knownInputs: () => ReadonlySet<string>,
): Omit<DecisionRequest, 'image'> {
  const parsed = imageRequestSchema.safeParse(body)
  if (!parsed.success) throw malformed(parsed.error.issues, knownInputs())
  const { model, subject, purpose = 'treatment', priority, inputs = {} } = parsed.data
  const patient = subject === undefined ? undefined : new Phi(subject)
  return { model, subject: patient, purpose, priority, inputs: allObservations(inputs, nowMs) }
}

function allObservations(inputs: DecisionRequestBody['inputs'], nowMs: number): DecisionRequest['inputs'] {
  const observations = Object.entries(inputs).map(([name, sent]) => [name, observationsOf(sent, nowMs)] as const)
  return Object.fromEntries(observations)
}

function observationsOf(sent: SentObservation, nowMs: number): readonly Observation[] {
  return (Array.isArray(sent) ? sent : [sent]).map(({ value, unit, at }) => ({
    value,
    unit,
    atMs: at === undefined ? nowMs : Date.parse(at),
  }))
}

/** @throws HttpError request_malformed */
export function parseFeedback(body: unknown): Feedback {
  const parsed = feedbackRequestSchema.safeParse(body)
  if (!parsed.success) throw malformed(parsed.error.issues, new Set())
  return parsed.data
}

/** @throws HttpError request_malformed */
export function parseChange(body: unknown): ChangeRequestBody {
  const parsed = changeRequestSchema.safeParse(body)
  if (!parsed.success) throw malformed(parsed.error.issues, new Set())
  return parsed.data
}

/** @throws HttpError request_malformed */
export function verifyCancel(body: unknown): void {
  const parsed = cancelRequestSchema.safeParse(body)
  if (!parsed.success) throw malformed(parsed.error.issues, new Set())
}

/** @throws HttpError request_malformed */
export function parseSlot(text: string | undefined): string {
  const parsed = slotSchema.safeParse(text)
  if (!parsed.success) throw new HttpError('request_malformed', { about: 'slot' })
  return parsed.data
}

/** @throws HttpError request_malformed */
export function parseJobId(text: string | undefined): string {
  const parsed = jobIdSchema.safeParse(text)
  if (!parsed.success) throw new HttpError('request_malformed', { about: 'job' })
  return parsed.data
}

/** @throws HttpError request_malformed: an id is a UUID in lower case, so nothing else can travel in the address */
export function parseDecisionId(text: string | undefined): string {
  const parsed = decisionIdSchema.safeParse(text)
  if (!parsed.success) throw new HttpError('request_malformed', { about: 'id' })
  return parsed.data
}

/** @throws HttpError request_malformed */
export function parseOutputName(text: string | undefined): string {
  const parsed = outputNameSchema.safeParse(text)
  if (!parsed.success) throw new HttpError('request_malformed', { about: 'name' })
  return parsed.data
}
