import { type ErrorTable, isWardstoneError } from '../../../device/platform/errors.ts'
import { contractErrors, refusals } from '../../../models/contract/errors.ts'
import { accessErrors } from '../../access/errors.ts'
import { decisionErrors } from '../../decisions/errors.ts'
import { imageErrors } from '../../images/errors.ts'
import { inferenceErrors } from '../../inference/errors.ts'
import { storageErrors } from '../../storage/errors.ts'
import { type OipErrorCode, oipErrors } from './errors.ts'

/**
 * The two statuses of one error. HTTP follows Triton's table (docs/protocol/README.md of triton-inference-server/server,
 * "Mapping Triton Server Error Codes to HTTP Status Codes"), gRPC its codes of the same meaning; who may not ask at all is
 * outside that table.
 */
export interface OipStatus {
  readonly http: 400 | 401 | 403 | 404 | 429 | 500 | 501 | 503
  /** https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
  readonly grpc: GrpcCode
}

export const grpcCodes = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const
export type GrpcCode = keyof typeof grpcCodes

const invalid: OipStatus = { http: 400, grpc: 'INVALID_ARGUMENT' }
const notFound: OipStatus = { http: 404, grpc: 'NOT_FOUND' }
const unsupported: OipStatus = { http: 501, grpc: 'UNIMPLEMENTED' }
const internal: OipStatus = { http: 500, grpc: 'INTERNAL' }
const unavailable: OipStatus = { http: 503, grpc: 'UNAVAILABLE' }
/** Triton says UNAVAILABLE here too; many gRPC clients repeat that by themselves, and each repetition is a decision. */
const late: OipStatus = { http: 503, grpc: 'DEADLINE_EXCEEDED' }

const ownStatuses: Readonly<Record<OipErrorCode, OipStatus>> = {
  ...all(oipErrors, invalid),
  oip_too_large: { http: 400, grpc: 'RESOURCE_EXHAUSTED' },
  oip_compression_unsupported: unsupported,
  oip_method_unknown: unsupported,
  oip_loading_refused: unsupported,
  oip_version_unknown: notFound,
  oip_model_changed: unavailable,
  oip_stopping: unavailable,
  oip_deadline: late,
  oip_internal: internal,
}

/** Codes of other rooms that reach a caller of this protocol; what is not named is a fault of the box. */
const statuses: Readonly<Record<string, OipStatus>> = {
  ...all(refusals, invalid),
  ...all(imageErrors, invalid),
  ...all(inferenceErrors, internal),
  ...all(storageErrors, internal),
  ...ownStatuses,
  access_unauthenticated: { http: 401, grpc: 'UNAUTHENTICATED' },
  access_revoked: { http: 401, grpc: 'UNAUTHENTICATED' },
  access_denied: { http: 403, grpc: 'PERMISSION_DENIED' },
  model_unknown: notFound,
  model_loading: unavailable,
  model_unavailable: unavailable,
  subject_missing: invalid,
  inference_deadline: late,
  inference_unavailable: unavailable,
  inference_overloaded: unavailable,
  inference_load_failed: unavailable,
  storage_busy: unavailable,
  storage_closed: unavailable,
  storage_full: unavailable,
  // Of the gate in front of this protocol.
  request_rate_limited: { http: 429, grpc: 'RESOURCE_EXHAUSTED' },
  server_stopping: unavailable,
}

function all<Table extends ErrorTable>(table: Table, status: OipStatus): Record<keyof Table & string, OipStatus> {
  return Object.fromEntries(Object.keys(table).map((code) => [code, status])) as Record<keyof Table & string, OipStatus>
}

/** Texts that a caller is told together with what they are about; of all others the text of the table alone. */
const spoken: ErrorTable = {
  ...refusals,
  ...accessErrors,
  ...decisionErrors,
  ...inferenceErrors,
  ...imageErrors,
  ...oipErrors,
}
const plain: ErrorTable = { ...spoken, ...contractErrors, ...storageErrors }

/** What a caller of this protocol is told of an error. */
export interface OipFault {
  readonly code: string
  /** The code and its fixed text: this protocol has no member of its own for a code. */
  readonly text: string
  readonly status: OipStatus
  readonly retryAfterMs: number | undefined
}

/** @returns undefined for what is no error of this house: a fault that has to be looked at */
export function faultOf(error: unknown): OipFault | undefined {
  if (!isWardstoneError(error)) return undefined
  const { code, about, retryAfterMs } = error
  // The gate's codes are in no table here; their texts are fixed as well.
  const message = Object.hasOwn(statuses, code) ? { message: error.message } : {}
  return describeFault(code, { about, retryAfterMs, ...message })
}

const DEFAULT_RETRY_MS = 1000

export interface FaultFacts {
  readonly about?: string | null | undefined
  /** The fixed text of a code that is in no table here. */
  readonly message?: string
  readonly retryAfterMs?: number | undefined
}

export function describeFault(code: string, { about, message, retryAfterMs }: FaultFacts = {}): OipFault {
  const status = (Object.hasOwn(statuses, code) ? statuses[code] : undefined) ?? internal
  const known = Object.hasOwn(plain, code) ? plain[code] : undefined
  const isSpoken = Object.hasOwn(spoken, code) && about !== undefined && about !== null
  const isTimed = status.http === 503 || status.http === 429
  return {
    code,
    text: `${code}: ${known ?? message ?? oipErrors.oip_internal}${isSpoken ? ` (${about})` : ''}`,
    status,
    retryAfterMs: isTimed ? (retryAfterMs ?? DEFAULT_RETRY_MS) : undefined,
  }
}
