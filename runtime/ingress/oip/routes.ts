import type { Action } from '../../access/policy.ts'
import type { ExternalAnswer, ExternalCall, ExternalProtocol, ExternalRoute } from '../../http/external-protocol.ts'
import type { OipAdapter } from './adapter.ts'
import { refuseOip } from './errors.ts'
import { readJson } from './json-reader.ts'
import { defaultOipLimits, type OipLimits } from './limits.ts'
import { METRICS_TYPE } from './metrics.ts'
import { rawInferenceRequest } from './raw-request.ts'
import { binaryChoice, inferenceAnswer, jsonAnswer } from './rest-answer.ts'
import { HEADER_LENGTH, readInferenceRequest, splitBody } from './rest-request.ts'
import { statisticsAnswer } from './statistics-answer.ts'
import { describeFault, faultOf, type OipFault } from './status.ts'
import { headerValues, parseSubjectHeader, SUBJECT_HEADER } from './subject-text.ts'

type Take = (call: ExternalCall) => ExternalAnswer | Promise<ExternalAnswer>

const bodyTypes = ['application/json', 'application/octet-stream']
/** Of the requests whose body is a flag or nothing. */
const MAX_SMALL_BODY_BYTES = 65_536

/** REST of the Open Inference Protocol v2 with the extensions that docs/oip.md lists, and `/metrics`. */
export function oipProtocol(adapter: OipAdapter, limits: OipLimits = defaultOipLimits): ExternalProtocol {
  return {
    prefixes: ['/v2', '/metrics'],
    routes: [...healthRoutes(adapter), ...modelRoutes(adapter, limits), ...repositoryRoutes(adapter, limits)],
    refusal: (code, facts, status) => {
      const fault = describeFault(code, facts)
      // What the gate says of a request as such has its status; this protocol's table only knows of models.
      return faultAnswer(fault, fault.status.http === 500 && status < 500 ? status : fault.status.http)
    },
  }
}

function healthRoutes(adapter: OipAdapter): ExternalRoute[] {
  return [
    ...['/v2', '/v2/'].map((path) => get(path, 'models.read', () => jsonAnswer(adapter.serverMetadata()))),
    get('/v2/health/live', 'health.read', () => jsonAnswer({ live: true })),
    get('/v2/health/ready', 'health.read', () => {
      const ready = adapter.isReady()
      return jsonAnswer({ ready }, ready ? 200 : 503)
    }),
    get('/metrics', 'health.read', () => {
      return { status: 200, headers: { 'content-type': METRICS_TYPE }, body: Buffer.from(adapter.metrics()) }
    }),
  ]
}

function modelRoutes(adapter: OipAdapter, limits: OipLimits): ExternalRoute[] {
  return ['/v2/models/:model', '/v2/models/:model/versions/:version'].flatMap((path) => [
    get(path, 'models.read', ({ params: { model = '', version = '' } }) =>
      jsonAnswer(adapter.modelMetadata(model, version)),
    ),
    get(`${path}/ready`, 'health.read', ({ params: { model = '', version = '' } }) => {
      const ready = adapter.isModelReady(model, version)
      return jsonAnswer({ name: model, ready }, ready ? 200 : 503)
    }),
    get(`${path}/stats`, 'models.read', ({ params: { model = '', version = '' } }) =>
      jsonAnswer(statisticsAnswer(adapter.modelStatistics(model, version))),
    ),
    {
      method: 'POST',
      path: `${path}/infer`,
      action: 'decision.create',
      evidence: 'own',
      maxBodyBytes: limits.maxRequestBytes,
      mediaTypes: bodyTypes,
      handle: guarded((call) => infer(adapter, call, limits)),
    } satisfies ExternalRoute,
  ])
}

function repositoryRoutes(adapter: OipAdapter, limits: OipLimits): ExternalRoute[] {
  return [
    get('/v2/models/stats', 'models.read', () => jsonAnswer(statisticsAnswer(adapter.modelStatistics('', '')))),
    post('/v2/repository/index', 'models.read', MAX_SMALL_BODY_BYTES, ({ body }) =>
      jsonAnswer(adapter.repositoryIndex(readReadyOnly(body, limits))),
    ),
    ...['load', 'unload'].map((verb) =>
      // A body of any length is passed over by the server; none of it is looked at.
      post(`/v2/repository/models/:model/${verb}`, 'models.read', limits.maxRequestBytes, () =>
        refuseOip('oip_loading_refused'),
      ),
    ),
  ]
}

function get(path: string, action: Action, take: Take): ExternalRoute {
  return { method: 'GET', path, action, evidence: 'counted', maxBodyBytes: 0, mediaTypes: [], handle: guarded(take) }
}

function post(path: string, action: Action, maxBodyBytes: number, take: Take): ExternalRoute {
  return {
    method: 'POST',
    path,
    action,
    evidence: 'counted',
    maxBodyBytes,
    mediaTypes: bodyTypes,
    handle: guarded(take),
  }
}

async function infer(adapter: OipAdapter, call: ExternalCall, limits: OipLimits): Promise<ExternalAnswer> {
  const { caller, requestId, params, headers, body, signal } = call
  const { model = '', version = '' } = params
  const headerLength = onlyOf(headers[HEADER_LENGTH])
  const request =
    headerLength === '0'
      ? rawInferenceRequest(body, adapter.modelMetadata(model, version))
      : readInferenceRequest(splitBody(body, headerLength), model, version, limits)
  const wantsBinary = binaryChoice(request)
  const subject = parseSubjectHeader(headerValues(call.rawHeaders, SUBJECT_HEADER))
  const outcome = await adapter.infer(request, caller, { requestId, subject, signal })
  if (outcome.outcome === 'scored') return inferenceAnswer(outcome.response, wantsBinary)
  const { fault, decisionId, leafIndex } = outcome
  const position = { 'wardstone-decision-id': decisionId, 'wardstone-audit-leaf-index': String(leafIndex) }
  const { refused: _, ...recorded } = faultAnswer(fault, fault.status.http, position)
  return recorded
}

function readReadyOnly(body: Uint8Array, limits: OipLimits): boolean {
  if (body.length === 0) return false
  const request = readJson(body, limits)
  const ready = request instanceof Map ? request.get('ready') : refuseOip('oip_request_malformed', 'request')
  if (ready !== undefined && typeof ready !== 'boolean') refuseOip('oip_request_malformed', 'ready')
  return ready === true
}

/** Errors of this house become answers; others are the server's to log. */
function guarded(take: Take): ExternalRoute['handle'] {
  return async (call) => {
    try {
      return await take(call)
    } catch (error) {
      const fault = faultOf(error)
      if (fault === undefined || fault.status.http === 500) throw error
      return faultAnswer(fault, fault.status.http)
    }
  }
}

/** The protocol's one shape of an error: `{ "error": text }`; the code alone stands in a header. */
function faultAnswer(fault: OipFault, status: number, headers: Readonly<Record<string, string>> = {}): ExternalAnswer {
  const retry =
    fault.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(fault.retryAfterMs / 1000))) }
  const answer = jsonAnswer({ error: fault.text }, status, { 'wardstone-code': fault.code, ...retry, ...headers })
  return { ...answer, refused: fault.code }
}

function onlyOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? refuseOip('oip_request_malformed', HEADER_LENGTH) : header
}
