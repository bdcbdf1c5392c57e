import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { stopReason } from './deadline.ts'
import { FetchError } from './errors.ts'
import type { FetchLimits } from './source.ts'
import { systemCode } from './system-error.ts'

const MAX_HEADER_BYTES = 16 * 1024
const MAX_RETRY_AFTER_SECONDS = 3600

export interface TlsIdentity {
  /** The only authority, PEM, that the certificate of the server may come from. */
  readonly authority: string
  readonly clientKey?: string | undefined
  readonly clientCertificate?: string | undefined
}

export interface Exchange {
  readonly identity: TlsIdentity
  readonly limits: Pick<FetchLimits, 'connectMs' | 'idleMs'>
  readonly signal: AbortSignal
}

/**
 * One GET on a connection of its own. Returns as soon as the header is there; whoever has the response destroys it.
 * TLS 1.2 or later, the chain and the name checked (RFC 9525) against the one authority, whatever the environment says.
 * @throws FetchError fetch_unreachable | fetch_tls_failed | fetch_stalled | fetch_answer_wrong
 */
export function exchange(url: URL, headers: IncomingHttpHeaders, context: Exchange): Promise<IncomingMessage> {
  const { identity, limits, signal } = context
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      agent: false,
      ca: [identity.authority],
      key: identity.clientKey,
      cert: identity.clientCertificate,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: { accept: '*/*', 'accept-encoding': 'identity', ...headers },
    })
    const stop = () => sent.destroy(stopReason(signal))
    let timer = setTimeout(() => sent.destroy(new FetchError('fetch_unreachable')), limits.connectMs)
    const settled = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    sent.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        clearTimeout(timer)
        timer = setTimeout(() => sent.destroy(new FetchError('fetch_stalled')), limits.idleMs)
      }),
    )
    sent.once('response', (response) => {
      settled()
      resolve(response)
    })
    // It stays: a socket that fails after the header raises its error here as well.
    sent.on('error', (cause) => {
      settled()
      reject(exchangeError(cause))
    })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    sent.end()
  })
}

/** The body in parts. @throws FetchError fetch_interrupted when the connection ends before the body does */
export async function* bodyParts(response: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const part of response as AsyncIterable<Buffer>) yield part
  } catch (cause) {
    throw new FetchError('fetch_interrupted', { cause })
  }
}

/**
 * Accepts the given statuses, and a body that is not coded and says where it ends: of one that lasts until the
 * connection closes nobody can tell whether it was cut (RFC 9112 section 8).
 * @throws FetchError
 */
export function verifyStatus(response: IncomingMessage, accepted: readonly number[], about: string): void {
  const status = response.statusCode ?? 0
  if (!accepted.includes(status)) throw statusError(response, status, about)
  const { headers } = response
  const { 'content-encoding': coding = 'identity', 'transfer-encoding': transfer = '' } = headers
  const hasEnd = headers['content-length'] !== undefined || /(^|[\s,])chunked$/i.test(transfer)
  if (coding !== 'identity' || !hasEnd) throw new FetchError('fetch_answer_wrong', { about })
}

function statusError(response: IncomingMessage, status: number, about: string): FetchError {
  if (status >= 300 && status < 400) return new FetchError('fetch_redirected', { about })
  if (status === 401 || status === 403) return new FetchError('fetch_forbidden', { about })
  if (status === 404 || status === 410) return new FetchError('fetch_file_missing', { about })
  if (status !== 429 && status < 500) return new FetchError('fetch_answer_wrong', { about })
  return new FetchError('fetch_server_failed', { about, ...retryAfter(response) })
}

/** RFC 9110 section 10.2.3, in its form of seconds. */
function retryAfter(response: IncomingMessage): { retryAfterMs?: number } {
  const { 'retry-after': seconds = '' } = response.headers
  return /^\d{1,9}$/.test(seconds) ? { retryAfterMs: Math.min(Number(seconds), MAX_RETRY_AFTER_SECONDS) * 1000 } : {}
}

/** What Node and OpenSSL call an error, in the words of this room. */
function exchangeError(cause: Error): Error {
  if (isWardstoneError(cause)) return cause
  const code = systemCode(cause) ?? ''
  if (code.startsWith('HPE_')) return new FetchError('fetch_answer_wrong', { cause })
  // Errors of the system are ECONNREFUSED and the like; what is left is TLS: ERR_TLS_…, ERR_SSL_…, CERT_HAS_EXPIRED, …
  const isOfSystem = /^E(?!RR_)[A-Z0-9_]+$/.test(code) && code !== 'EPROTO'
  return new FetchError(isOfSystem ? 'fetch_unreachable' : 'fetch_tls_failed', { cause })
}
