import type { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../device/platform/clock.ts'
import type { Authenticator } from '../access/authenticate.ts'
import { authorise } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import { HttpError } from './errors.ts'
import type { Lease, RequestBudget } from './request-budget.ts'
import { methodsOf, type Route, UNKNOWN_ROUTE } from './routes.ts'

/** What the gate learned about a request, for the handler, the error answer and the evidence. */
export interface RequestFacts {
  readonly route: string
  principal: Principal | undefined
  /** What the request holds of its client's budget. */
  lease: Lease | undefined
}

export interface Gate {
  readonly authenticator: Authenticator
  readonly budget: RequestBudget
  readonly maxBodyBytes: number
  readonly clock: Clock
  isStopping(): boolean
}

export const JSON_TYPE = /^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?\s*$/i

export function routeName(request: FastifyRequest): string {
  return routeOf(request)?.path ?? UNKNOWN_ROUTE
}

export function routeOf(request: FastifyRequest): Route | undefined {
  return request.routeOptions.config.route
}

/**
 * Everything that is decided from the connection and the headers alone, before a byte of the body is read: who asks
 * (401), how much of the box is theirs (429), what is asked (404, 405), whether it is allowed (403), and only then
 * whether the form is right.
 * @throws AccessError, HttpError
 */
export function passGate(request: FastifyRequest, reply: FastifyReply, facts: RequestFacts, gate: Gate): void {
  if (gate.isStopping()) throw new HttpError('server_stopping')
  facts.principal = gate.authenticator.authenticate(request.raw.socket as TLSSocket, gate.clock.nowMs())
  facts.lease = gate.budget.take(facts.principal.clientId, announcedBytes(request, gate.maxBodyBytes))
  if (request.is404) throw unknownRoute(request, reply)
  const route = routeOf(request)
  authorise(facts.principal, route?.action)
  verifyHead(request)
  if (route?.body === undefined) verifyNoBody(request)
  else verifyBodyHeaders(request)
}

/** A length that is not said, or not a number, is taken for the largest; what is larger than that is not read. */
function announcedBytes({ headers }: FastifyRequest, maxBodyBytes: number): number {
  if (headers['transfer-encoding'] !== undefined) return maxBodyBytes
  const length = Number(headers['content-length'] ?? 0)
  return length >= 0 && length <= maxBodyBytes ? length : maxBodyBytes
}

function unknownRoute(request: FastifyRequest, reply: FastifyReply): HttpError {
  const methods = methodsOf(request.url)
  if (methods.length === 0) return new HttpError('route_unknown')
  reply.header('allow', methods.join(', '))
  return new HttpError('method_not_allowed')
}

function verifyHead({ raw, headers }: FastifyRequest): void {
  if (raw.httpVersion !== '1.1') throw new HttpError('http_version_unsupported')
  // RFC 9112 §3.2: a request without Host, or with two, is answered 400.
  const hosts = raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length !== 1) throw new HttpError('request_malformed', { about: 'host' })
  // No route takes a query: an address is logged by every proxy on its way and must not carry data about a patient.
  if (raw.url?.includes('?') === true) throw new HttpError('request_malformed', { about: 'query' })
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw new HttpError('request_unsupported_media_type')
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
}
