import type { z } from 'zod'
import type { Action } from '../access/policy.ts'
import { type ImageErrorCode, imageErrors } from '../images/errors.ts'
import {
  decisionAnswerSchema,
  decisionReadAnswerSchema,
  deviceAnswerSchema,
  feedbackAnswerSchema,
  healthAnswerSchema,
  modelsAnswerSchema,
  whoAmIAnswerSchema,
} from './contract.ts'
import { modelDetailSchema, modelJobSchema, modelJobsSchema, modelStoreSchema } from './contract-models.ts'
import type { ErrorCode } from './error-map.ts'
import {
  cancelRequestSchema,
  changeRequestSchema,
  decisionRequestSchema,
  feedbackRequestSchema,
} from './request-schemas.ts'

/** Names in the templates of the routes. */
export type PathName = 'id' | 'name' | 'slot' | 'job' | 'file'

/** One route of the API. Without an action it does not compile, and an action without a row in the policy is denied. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** The template; also the name of the route in logs and in the audit log. */
  readonly path: `/${string}`
  readonly action: Action
  readonly summary: string
  /** `own`: the decision room writes a leaf for it. `counted`: one leaf per client, route and minute. */
  readonly evidence: 'own' | 'counted'
  readonly body: z.ZodType | undefined
  /** The body may also be an image, or JSON with the files of one. */
  readonly takesImages?: true
  /** The body may also be a release, in parts. */
  readonly takesRelease?: true
  /** What a success answers with; undefined for the OpenAPI document, which follows a schema of its own, and for what is not JSON. */
  readonly answer: z.ZodType | undefined
  /** Where the answer is not JSON. */
  readonly media?: 'application/gzip' | 'application/octet-stream' | 'text/html' | 'text/event-stream' | '*/*'
  /** What a success is, where it is not 200. */
  readonly success?: 202
  /** The answer does not end: what happens is told as it happens. */
  readonly isStream?: true
  /** The page itself: a link may lead to it from anywhere. */
  readonly isPage?: true
  /** Codes of its own, besides those that every route has. */
  readonly errors: readonly ErrorCode[]
}

const bodyErrors = [
  'request_not_json',
  'request_name_repeated',
  'request_number_unrepresentable',
  'request_too_deep',
  'request_too_many_values',
  'request_text_too_long',
  'request_unsupported_media_type',
  'request_too_large',
] as const satisfies readonly ErrorCode[]

const storeErrors = ['storage_full', 'storage_failed', 'storage_closed'] as const satisfies readonly ErrorCode[]

const updaterErrors = ['updater_unreachable', 'updater_failed'] as const satisfies readonly ErrorCode[]

/** Codes that any route can answer with. */
export const everyRouteErrors = [
  'request_malformed',
  'access_unauthenticated',
  'access_revoked',
  'access_denied',
  'request_cross_site',
  'request_rate_limited',
  'request_timeout',
  'request_headers_too_large',
  'internal',
  'response_malformed',
  'server_stopping',
  'http_version_unsupported',
] as const satisfies readonly ErrorCode[]

const imageErrorCodes = Object.keys(imageErrors) as readonly ImageErrorCode[]

/** Codes that a recorded refusal of POST /v1/decisions can carry, besides those of the guards, which are all 422. */
export const refusedDecisionErrors = [
  'inference_deadline',
  'inference_cancelled',
  'inference_worker_lost',
  'inference_out_of_memory',
  'inference_failed',
  'inference_unavailable',
  'inference_overloaded',
  'inference_load_failed',
  'contract_output_invalid',
  ...imageErrorCodes,
] as const satisfies readonly ErrorCode[]

/** What can be wrong with a body that is found when a decision has begun: the answer may come with the record of it. */
export const uploadFaults = [
  'request_malformed',
  'request_too_large',
  'request_timeout',
  'request_headers_too_large',
  'request_unsupported_media_type',
] as const satisfies readonly ErrorCode[]

export const routes = {
  createDecision: {
    method: 'POST',
    path: '/v1/decisions',
    action: 'decision.create',
    summary: 'Ask a model about a patient. The answer stands in the audit log before it is sent.',
    evidence: 'own',
    body: decisionRequestSchema,
    takesImages: true,
    answer: decisionAnswerSchema,
    errors: [
      ...bodyErrors,
      ...storeErrors,
      'subject_missing',
      ...refusedDecisionErrors,
      'model_unknown',
      'model_loading',
      'model_unavailable',
    ],
  },
  readDecision: {
    method: 'GET',
    path: '/v1/decisions/:id',
    action: 'decision.read',
    summary: 'Read a decision and what clinicians said of it. The reading itself is recorded.',
    evidence: 'own',
    body: undefined,
    answer: decisionReadAnswerSchema,
    errors: [...storeErrors, 'decision_unknown'],
  },
  readOutput: {
    method: 'GET',
    path: '/v1/decisions/:id/outputs/:name',
    action: 'decision.read',
    summary:
      'Read the labels of a segmentation as a gzipped NIfTI-1 file. The reading itself is recorded, as that of the decision is.',
    evidence: 'own',
    body: undefined,
    answer: undefined,
    media: 'application/gzip',
    errors: [...storeErrors, 'decision_unknown', 'output_unknown'],
  },
  readImage: {
    method: 'GET',
    path: '/v1/decisions/:id/image',
    action: 'decision.read',
    summary:
      'Read what the model saw of the image: the bytes of a tensor, little-endian and row-major, with its type, layout, dimensions and hash in headers `wardstone-…`. The reading itself is recorded.',
    evidence: 'own',
    body: undefined,
    answer: undefined,
    media: 'application/octet-stream',
    errors: [...storeErrors, 'decision_unknown', 'image_unknown', 'image_not_kept'],
  },
  giveFeedback: {
    method: 'POST',
    path: '/v1/decisions/:id/feedback',
    action: 'decision.feedback',
    summary: 'Accept or override a decision, with the reason. The decision itself never changes.',
    evidence: 'own',
    body: feedbackRequestSchema,
    answer: feedbackAnswerSchema,
    errors: [...bodyErrors, ...storeErrors, 'decision_unknown'],
  },
  listModels: {
    method: 'GET',
    path: '/v1/models',
    action: 'models.read',
    summary: 'Which models stand in which slots, and the inputs each takes.',
    evidence: 'counted',
    body: undefined,
    answer: modelsAnswerSchema,
    errors: [],
  },
  readModel: {
    method: 'GET',
    path: '/v1/models/:slot',
    action: 'models.inspect',
    summary: 'One model whole: its release, its card, what proved it, and how its worker fares.',
    evidence: 'counted',
    body: undefined,
    answer: modelDetailSchema,
    errors: ['model_unknown'],
  },
  readModelStore: {
    method: 'GET',
    path: '/v1/model-store',
    action: 'models.inspect',
    summary: 'What the updater keeps: what runs in each slot, what can be gone back to, and what is staged.',
    evidence: 'counted',
    body: undefined,
    answer: modelStoreSchema,
    errors: updaterErrors,
  },
  listModelJobs: {
    method: 'GET',
    path: '/v1/model-jobs',
    action: 'models.inspect',
    summary: 'The jobs that change models, the newest first.',
    evidence: 'counted',
    body: undefined,
    answer: modelJobsSchema,
    errors: updaterErrors,
  },
  readModelJob: {
    method: 'GET',
    path: '/v1/model-jobs/:job',
    action: 'models.inspect',
    summary: 'How one job fares.',
    evidence: 'counted',
    body: undefined,
    answer: modelJobSchema,
    errors: [...updaterErrors, 'control_job_unknown'],
  },
  changeModel: {
    method: 'POST',
    path: '/v1/model-jobs',
    action: 'models.change',
    summary:
      'Install a release that comes with the request, make a staged one run, or go back. Begun when it is answered; the job says how it fares.',
    evidence: 'own',
    body: changeRequestSchema,
    takesRelease: true,
    answer: modelJobSchema,
    success: 202,
    errors: [
      ...bodyErrors,
      ...storeErrors,
      ...updaterErrors,
      'change_not_confirmed',
      'upload_disk_full',
      'upload_failed',
      'control_jobs_too_many',
      'control_release_unknown',
      'control_release_revoked',
      'control_release_in_use',
      'control_slot_unknown',
      'control_slot_busy',
      'control_rollback_empty',
    ],
  },
  cancelModelJob: {
    method: 'POST',
    path: '/v1/model-jobs/:job/cancel',
    action: 'models.change',
    summary: 'Give a job up that has not begun to change what runs.',
    evidence: 'own',
    body: cancelRequestSchema,
    answer: modelJobSchema,
    errors: [...bodyErrors, ...storeErrors, ...updaterErrors, 'control_job_unknown', 'control_job_past_cancel'],
  },
  readHealth: {
    method: 'GET',
    path: '/v1/health',
    action: 'health.read',
    summary: 'Whether the box can decide, and what to do when it cannot.',
    evidence: 'counted',
    body: undefined,
    answer: healthAnswerSchema,
    errors: [],
  },
  readDevice: {
    method: 'GET',
    path: '/v1/device',
    action: 'device.read',
    summary: 'The machine: load, memory, disks, temperature, GPUs, how it is set up, and its certificate.',
    evidence: 'counted',
    body: undefined,
    answer: deviceAnswerSchema,
    errors: [],
  },
  readContract: {
    method: 'GET',
    path: '/v1/openapi.json',
    action: 'contract.read',
    summary: 'This document.',
    evidence: 'counted',
    body: undefined,
    answer: undefined,
    errors: [],
  },
  whoAmI: {
    method: 'GET',
    path: '/v1/whoami',
    action: 'self.read',
    summary: 'Who the certificate says is asking, and what this role may do here.',
    evidence: 'counted',
    body: undefined,
    answer: whoAmIAnswerSchema,
    errors: [],
  },
  watchEvents: {
    method: 'GET',
    path: '/v1/events',
    action: 'events.read',
    summary:
      'Server-sent events: `hello`, then `health` when it has changed, and each `decision` as it is made. Last-Event-ID resumes.',
    evidence: 'counted',
    body: undefined,
    answer: undefined,
    media: 'text/event-stream',
    isStream: true,
    errors: [],
  },
  readPage: {
    method: 'GET',
    path: '/',
    action: 'pages.read',
    summary: 'The web page. It routes by what follows the # in its address.',
    evidence: 'counted',
    body: undefined,
    answer: undefined,
    media: 'text/html',
    isPage: true,
    errors: ['page_unknown'],
  },
  readPageFile: {
    method: 'GET',
    path: '/assets/:file',
    action: 'pages.read',
    summary: 'A file of the web page: script, style or picture.',
    evidence: 'counted',
    body: undefined,
    answer: undefined,
    media: '*/*',
    errors: ['page_unknown'],
  },
} as const satisfies Readonly<Record<string, Route>>

export type RouteName = keyof typeof routes
export const routeNames = Object.keys(routes) as readonly RouteName[]

/** Name of a route that does not exist, in logs and in the audit log. */
export const UNKNOWN_ROUTE = '(unknown)'

/**
 * Methods that a path takes; empty when no route has it.
 * @param others routes of other protocols
 */
export function methodsOf(
  path: string,
  others: readonly { readonly path: string; readonly method: string }[] = [],
): readonly string[] {
  const parts = path.split('/')
  const all = [...routeNames.map((name): Route => routes[name]), ...others]
  return all.filter((route) => hasShape(route.path, parts)).map(({ method }) => method)
}

function hasShape(template: string, parts: readonly string[]): boolean {
  const names = template.split('/')
  return names.length === parts.length && names.every((name, index) => name.startsWith(':') || name === parts[index])
}
