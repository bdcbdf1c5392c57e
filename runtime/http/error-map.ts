import { checkpointErrors } from '../../device/checkpoint/errors.ts'
import { cryptoErrors } from '../../device/crypto/errors.ts'
import { identityErrors } from '../../device/identity/errors.ts'
import { type ErrorTable, isWardstoneError } from '../../device/platform/errors.ts'
import { platformErrors } from '../../device/platform/platform-errors.ts'
import { contractErrors, refusals } from '../../models/contract/errors.ts'
import { packageErrors } from '../../models/package/errors.ts'
import { controlErrors } from '../../models/store/control-errors.ts'
import { accessErrors } from '../access/errors.ts'
import { auditErrors } from '../audit/errors.ts'
import { decisionErrors } from '../decisions/errors.ts'
import { imageErrors } from '../images/errors.ts'
import { inferenceErrors } from '../inference/errors.ts'
import { storageErrors } from '../storage/errors.ts'
import type { ErrorAnswerBody } from './contract.ts'
import { httpErrors } from './errors.ts'

export type HttpStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 409
  | 413
  | 415
  | 422
  | 429
  | 431
  | 500
  | 502
  | 503
  | 504
  | 505
  | 507

/** Codes whose caller is told what they are about: names from the contract or codes of ours. */
const spokenMessages = {
  ...refusals,
  ...accessErrors,
  ...decisionErrors,
  ...inferenceErrors,
  ...imageErrors,
  ...httpErrors,
} as const

const messages = {
  ...spokenMessages,
  ...platformErrors,
  ...checkpointErrors,
  ...cryptoErrors,
  ...identityErrors,
  ...contractErrors,
  ...packageErrors,
  ...storageErrors,
  ...auditErrors,
  ...controlErrors,
} as const

export type ErrorCode = keyof typeof messages

/**
 * Code → status, for every code of every room: a code that is added to a table does not compile until it has its row
 * here, or its room as a whole is a fault of the box.
 */
const statuses: Readonly<Record<ErrorCode, HttpStatus>> = {
  ...all(platformErrors, 500),
  ...all(checkpointErrors, 500),
  ...all(cryptoErrors, 500),
  ...all(identityErrors, 500),
  ...all(packageErrors, 500),
  ...all(contractErrors, 500),
  ...all(refusals, 422),
  access_unauthenticated: 401,
  access_revoked: 401,
  access_denied: 403,
  decision_unknown: 404,
  model_unknown: 404,
  subject_missing: 400,
  image_not_kept: 409,
  image_unknown: 404,
  output_unknown: 404,
  feedback_limit: 409,
  model_loading: 503,
  model_unavailable: 503,
  inference_deadline: 504,
  inference_worker_lost: 502,
  inference_out_of_memory: 502,
  // Never read by whoever asked over HTTP: they have left.
  inference_cancelled: 503,
  inference_failed: 502,
  inference_unavailable: 503,
  inference_overloaded: 503,
  inference_load_failed: 503,
  inference_provider_missing: 503,
  inference_explanation_independent: 503,
  inference_self_test_failed: 503,
  image_input_failed: 400,
  image_too_large: 413,
  image_too_complex: 413,
  image_not_recognised: 415,
  image_transfer_syntax_unsupported: 415,
  image_pixel_format_unsupported: 415,
  image_truncated: 422,
  image_malformed: 422,
  image_without_pixels: 422,
  image_attribute_missing: 422,
  image_compressed_data_invalid: 422,
  image_series_inconsistent: 422,
  image_series_spacing: 422,
  image_decoder_lost: 502,
  image_decoder_out_of_memory: 502,
  image_decoder_overloaded: 503,
  image_decoder_unavailable: 503,
  image_deadline: 504,
  ...all(auditErrors, 500),
  ...all(storageErrors, 500),
  storage_full: 507,
  storage_locked: 503,
  storage_closed: 503,
  ...all(controlErrors, 409),
  control_job_unknown: 404,
  control_release_unknown: 404,
  control_slot_unknown: 404,
  request_malformed: 400,
  request_not_json: 400,
  request_name_repeated: 400,
  request_number_unrepresentable: 400,
  request_too_deep: 400,
  request_too_many_values: 400,
  request_text_too_long: 400,
  request_unsupported_media_type: 415,
  request_too_large: 413,
  request_headers_too_large: 431,
  request_timeout: 408,
  request_rate_limited: 429,
  request_cross_site: 403,
  page_unknown: 404,
  route_unknown: 404,
  method_not_allowed: 405,
  http_version_unsupported: 505,
  change_not_confirmed: 409,
  updater_unreachable: 503,
  updater_failed: 502,
  upload_disk_full: 507,
  upload_failed: 500,
  server_stopping: 503,
  response_malformed: 500,
  // Never sent: they are only counted. The rows keep the table whole.
  tls_handshake_failed: 400,
  connection_shed: 503,
  internal: 500,
}

function all<Table extends ErrorTable, Status extends HttpStatus>(
  table: Table,
  status: Status,
): Record<keyof Table & string, Status> {
  return Object.fromEntries(Object.keys(table).map((code) => [code, status])) as Record<keyof Table & string, Status>
}

const DEFAULT_RETRY_AFTER_SECONDS = 1

/** What a caller may know of an error. */
export interface ErrorFacts {
  readonly status: HttpStatus
  readonly code: ErrorCode
  /** The fixed text of the code's row; nothing of the error itself. */
  readonly message: string
  readonly about?: string
  readonly retryAfterSeconds?: number
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(messages, code)
}

export function statusOf(code: ErrorCode): HttpStatus {
  return statuses[code]
}

export function messageOf(code: ErrorCode): string {
  return messages[code]
}

/** Anything thrown → what may be said of it. What is not ours is `internal`, without a word of its own. */
export function errorFacts(error: unknown): ErrorFacts {
  if (!isWardstoneError(error) || !isErrorCode(error.code)) return factsOf('internal')
  return factsOf(error.code, error.about, error.retryAfterMs)
}

export function factsOf(code: ErrorCode, about?: string, retryAfterMs?: number): ErrorFacts {
  const status = statuses[code]
  const seconds = retryAfterMs === undefined ? DEFAULT_RETRY_AFTER_SECONDS : Math.max(1, Math.ceil(retryAfterMs / 1000))
  return {
    status,
    code,
    message: messages[code],
    ...(about !== undefined && Object.hasOwn(spokenMessages, code) ? { about } : {}),
    ...(status === 503 || status === 429 ? { retryAfterSeconds: seconds } : {}),
  }
}

/** The one shape of an error: `{ error: { code, message, about?, retryAfterSeconds?, requestId } }`. */
export function errorAnswer({ status: _, ...said }: ErrorFacts, requestId: string): ErrorAnswerBody {
  return { error: { ...said, requestId } }
}

export function retryHeaders({ retryAfterSeconds }: ErrorFacts): Readonly<Record<string, string>> {
  return retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
}
