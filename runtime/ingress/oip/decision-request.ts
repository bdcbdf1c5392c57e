import { Phi } from '../../../device/platform/phi.ts'
import type { Contract } from '../../../models/contract/schema.ts'
import { type DecisionRequest, type Purpose, purposes } from '../../decisions/types.ts'
import { readObservations } from './decision-inputs.ts'
import { refuseOip } from './errors.ts'
import type { InferenceRequest } from './inference.ts'
import { countParameter, textParameter, verifyParameterNames } from './parameters.ts'
import { parseSubject, SUBJECT_HEADER } from './subject-text.ts'

/** The name under which this room knows it: `priority` is a number here, 1 the most urgent. */
export type OipDecisionRequest = DecisionRequest

/** What a request says outside its body, and what the box says of it. */
export interface InferenceContext {
  readonly clientId: string
  readonly requestId: string
  readonly nowMs: number
  /** From the header or the metadata. */
  readonly subject?: string | undefined
  /** The time that the transport was given, such as a gRPC deadline. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const MAX_PRIORITY = 2 ** 32 - 1
const known = ['subject', 'purpose', 'priority', 'timeout', 'binary_data_output']

/** @throws OipError */
export function toDecisionRequest(
  request: InferenceRequest,
  contract: Contract,
  context: InferenceContext,
): OipDecisionRequest {
  if (contract.image !== undefined) refuseOip('oip_image_unsupported')
  const { parameters } = request
  verifyParameterNames(parameters, known, 'parameters')
  const priority = countParameter(parameters, 'priority') ?? 0
  if (priority > MAX_PRIORITY) refuseOip('oip_parameter_invalid', 'priority')
  const timeoutMs = shortest(countParameter(parameters, 'timeout'), context.timeoutMs)
  return {
    model: request.model,
    ...subjectAndPurpose(request, context),
    inputs: readObservations(request.inputs, contract, context.nowMs),
    // Zero: the default, as with Triton (docs/protocol/extension_schedule_policy.md).
    ...(priority === 0 ? {} : { priority }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  }
}

/**
 * A generic client knows of no patient. What it asks is recorded as quality work on a subject of its own: one subject for
 * all that it asks would make the alert of one patient stand for the next.
 */
function subjectAndPurpose(
  { parameters }: InferenceRequest,
  { clientId, requestId, subject: said }: InferenceContext,
): { subject: Phi<string>; purpose: Purpose } {
  const text = textParameter(parameters, 'subject')
  const named = text === undefined ? undefined : parseSubject(text)
  if (named !== undefined && said !== undefined && named !== said) refuseOip('oip_parameter_invalid', SUBJECT_HEADER)
  const purpose = textParameter(parameters, 'purpose')
  if (purpose !== undefined && !isPurpose(purpose)) refuseOip('oip_parameter_invalid', 'purpose')
  const subject = named ?? said
  if (subject !== undefined) return { subject: new Phi(subject), purpose: purpose ?? 'treatment' }
  if (purpose === 'treatment') refuseOip('oip_subject_needed')
  return { subject: new Phi(`unattributed/${clientId}/${requestId}`), purpose: purpose ?? 'quality' }
}

function isPurpose(text: string): text is Purpose {
  return purposes.some((purpose) => purpose === text)
}

/** @param timeoutUs in microseconds, zero for none, as Triton has it */
function shortest(timeoutUs: number | undefined, timeoutMs: number | undefined): number | undefined {
  const limits = [timeoutUs === undefined || timeoutUs === 0 ? undefined : timeoutUs / 1000, timeoutMs]
  const given = limits.filter((limit) => limit !== undefined)
  return given.length === 0 ? undefined : Math.min(...given)
}
