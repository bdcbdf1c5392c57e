import type { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../device/platform/clock.ts'
import type { Authenticator } from '../access/authenticate.ts'
import { authorise } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import { verifySameSite } from './cross-site.ts'
import { HttpError } from './errors.ts'
import type { ExternalRoute } from './external-protocol.ts'
import { type ImageUpload, imageTypeOf, parseUploadHead, SUBJECT_HEADER } from './image-upload.ts'
import type { HttpLimits } from './limits.ts'
import { JSON_TYPE, readHeaderValue } from './media-type.ts'
import {
  isReleaseForm,
  parseReleaseHead,
  type ReleasePlace,
  type ReleaseUpload,
  releaseBodyLimits,
} from './release-upload.ts'
import { bothLeases, type Lease, type RequestBudget } from './request-budget.ts'
import { methodsOf, type Route, UNKNOWN_ROUTE } from './routes.ts'
import { UploadBody } from './upload-body.ts'
import type { UploadPlaces } from './upload-places.ts'

/** What the gate learned about a request, for the handler, the error answer and the evidence. */
export interface RequestFacts {
  readonly route: string
  principal: Principal | undefined
  /** What the request holds of its client's budget. */
  lease: Lease | undefined
  /** The body of a request that announces an image and comes from a known client. */
  body: UploadBody | undefined
  upload: ImageUpload | undefined
  release: ReleaseUpload | undefined
}

export function newFacts(route: string): RequestFacts {
  return { route, principal: undefined, lease: undefined, body: undefined, upload: undefined, release: undefined }
}

export interface Gate {
  readonly authenticator: Authenticator
  readonly budget: RequestBudget
  readonly places: UploadPlaces
  readonly releasePlace: ReleasePlace
  readonly limits: HttpLimits
  readonly clock: Clock
  /** Routes of other protocols. */
  readonly externals: readonly ExternalRoute[]
  isStopping(): boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    route?: Route
    external?: ExternalRoute
  }
}

export function routeName(request: FastifyRequest): string {
  return routeOf(request)?.path ?? externalOf(request)?.path ?? UNKNOWN_ROUTE
}

export function routeOf(request: FastifyRequest): Route | undefined {
  return request.routeOptions.config.route
}

export function externalOf(request: FastifyRequest): ExternalRoute | undefined {
  return request.routeOptions.config.external
}

/** What a request with an image counts as in its client's budget, however long it is: it passes, and no more of it is held at a time. */
const UPLOAD_HELD_BYTES = 256 * 1024

/**
 * Everything that is decided from the connection and the headers alone, before a byte of the body is read: who asks
 * (401), how much of the box is theirs (429), what is asked (404, 405), whether it is allowed (403), and only then
 * whether the form is right.
 * @throws AccessError, HttpError
 */
export function passGate(request: FastifyRequest, reply: FastifyReply, facts: RequestFacts, gate: Gate): void {
  if (gate.isStopping()) throw new HttpError('server_stopping')
  facts.principal = gate.authenticator.authenticate(request.raw.socket as TLSSocket, gate.clock.nowMs())
  const { clientId } = facts.principal
  const [route, external] = [routeOf(request), externalOf(request)]
  const type = route?.takesImages === true ? imageTypeOf(request.raw) : undefined
  const isRelease = route?.takesRelease === true && isReleaseForm(request.raw)
  const bodyLimits = isRelease ? releaseBodyLimits(gate.limits) : gate.limits
  if (type !== undefined || isRelease) facts.body = new UploadBody(request.raw, bodyLimits, gate.clock)
  const mostBytes = facts.body === undefined ? (external?.maxBodyBytes ?? gate.limits.maxBodyBytes) : UPLOAD_HELD_BYTES
  facts.lease = gate.budget.take(clientId, announcedBytes(request, mostBytes))
  verifySameSite(request.headers, route?.isPage === true)
  if (request.is404) throw unknownRoute(request, reply, gate.externals)
  authorise(facts.principal, route?.action ?? external?.action)
  verifyHead(request)
  if (type !== undefined && facts.body !== undefined) {
    facts.upload = { head: parseUploadHead(request.raw, type, gate.limits), body: facts.body }
    facts.lease = bothLeases(facts.lease, gate.places.take(clientId))
    return
  }
  if (isRelease && facts.body !== undefined) {
    facts.release = { boundary: parseReleaseHead(request.raw, bodyLimits), body: facts.body }
    facts.lease = bothLeases(facts.lease, gate.releasePlace.take())
    return
  }
  // No other route takes a query: an address is logged by every proxy on its way and must not carry data about a patient.
  if (request.raw.url?.includes('?') === true) throw new HttpError('request_malformed', { about: 'query' })
  if (external !== undefined && external.maxBodyBytes > 0) verifyExternalBody(request, external)
  else if (route?.body === undefined) verifyNoBody(request)
  else verifyBodyHeaders(request)
}

/** A length that is not said, or not a number, is taken for the largest; what is larger than that is not read. */
function announcedBytes({ headers }: FastifyRequest, maxBodyBytes: number): number {
  if (headers['transfer-encoding'] !== undefined) return maxBodyBytes
  const length = Number(headers['content-length'] ?? 0)
  return length >= 0 && length <= maxBodyBytes ? length : maxBodyBytes
}

function unknownRoute(request: FastifyRequest, reply: FastifyReply, externals: Gate['externals']): HttpError {
  const methods = methodsOf(request.url, externals)
  if (methods.length === 0) return new HttpError('route_unknown')
  reply.header('allow', methods.join(', '))
  return new HttpError('method_not_allowed')
}

function verifyHead({ raw, headers }: FastifyRequest): void {
  if (raw.httpVersion !== '1.1') throw new HttpError('http_version_unsupported')
  // RFC 9112 §3.2: a request without Host, or with two, is answered 400.
  if (countOf(raw, 'host') !== 1) throw new HttpError('request_malformed', { about: 'host' })
  // Of two, Node shows the first; who stands in front of the box may have looked at the second.
  if (countOf(raw, 'content-type') > 1) throw new HttpError('request_malformed', { about: 'content-type' })
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw new HttpError('request_unsupported_media_type')
}

function countOf({ rawHeaders }: FastifyRequest['raw'], name: string): number {
  return rawHeaders.filter((header, index) => index % 2 === 0 && header.toLowerCase() === name).length
}

function verifyNoBody({ headers }: FastifyRequest): void {
  const length = headers['content-length']
  const announced = headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
  if (announced) throw new HttpError('request_malformed', { about: 'body' })
}

function verifyBodyHeaders({ headers }: FastifyRequest): void {
  const isJson = JSON_TYPE.test(headers['content-type'] ?? '')
  const isPlain = headers['content-encoding'] === undefined
  if (!isJson || !isPlain) throw new HttpError('request_unsupported_media_type')
  // The body names the patient: a second name would have to be passed over.
  if (headers[SUBJECT_HEADER] !== undefined) throw new HttpError('request_malformed', { about: SUBJECT_HEADER })
}

/** Another protocol reads its own body; that it is plain, of a kind and of a length that it takes is held here. */
function verifyExternalBody(request: FastifyRequest, { maxBodyBytes, mediaTypes }: ExternalRoute): void {
  const { 'content-type': type, 'content-encoding': coding, 'content-length': length } = request.headers
  const isTaken = type === undefined || mediaTypes.includes(readHeaderValue(type)?.value ?? '')
  if (!isTaken || coding !== undefined) throw new HttpError('request_unsupported_media_type')
  if (length !== undefined && !(Number(length) <= maxBodyBytes)) throw new HttpError('request_too_large')
}
