import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Principal } from '../access/principal.ts'
import type { ErrorFacts } from './error-map.ts'
import type { ExternalAnswer, ExternalCall, ExternalProtocol } from './external-protocol.ts'

/** What a route of another protocol is given of a request. */
export function externalCall(request: FastifyRequest, reply: FastifyReply, caller: Principal): ExternalCall {
  const left = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) left.abort()
  })
  return {
    caller,
    requestId: request.id,
    params: request.params as Record<string, string>,
    headers: request.headers,
    rawHeaders: request.raw.rawHeaders,
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    signal: left.signal,
  }
}

/** A refusal of the gate in the words of the protocol whose address it was. */
export function foreignRefusal(
  protocol: ExternalProtocol,
  { code, about, message, retryAfterSeconds, status }: ErrorFacts,
): ExternalAnswer {
  const retryAfterMs = retryAfterSeconds === undefined ? undefined : 1000 * retryAfterSeconds
  return protocol.refusal(code, { about, message, retryAfterMs }, status)
}
