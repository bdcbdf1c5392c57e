import { constants } from 'node:crypto'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { HttpError, type HttpErrorCode } from './errors.ts'
import type { HttpLimits } from './limits.ts'

/** PEM text: the server's key and certificate, and the one authority whose client certificates are accepted. */
export interface ServerTls {
  readonly key: string
  readonly certificate: string
  readonly clientAuthority: string
}

const frameworkCodes: Readonly<Record<string, HttpErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'request_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'request_unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request_malformed',
  FST_ERR_BAD_URL: 'route_unknown',
  FST_ERR_MAX_PARAM_LENGTH: 'route_unknown',
  // The client went away in the middle of its body.
  ECONNRESET: 'request_malformed',
}

/** Errors of the framework, in our codes; its messages quote the request. */
export function translate(thrown: unknown): unknown {
  if (isWardstoneError(thrown)) return thrown
  const code = (thrown as { code?: unknown } | null)?.code
  const ours = typeof code === 'string' && Object.hasOwn(frameworkCodes, code) ? frameworkCodes[code] : undefined
  return ours === undefined ? thrown : new HttpError(ours)
}

/** What the framework and Node are set to: TLS 1.3 with client certificates, and the limits that they keep themselves. */
export function serverSettings(tls: ServerTls, limits: HttpLimits) {
  return {
    https: {
      key: tls.key,
      cert: tls.certificate,
      ca: tls.clientAuthority,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      // A resumed session would be taken at the word of its first handshake, although the certificate has expired since.
      secureOptions: constants.SSL_OP_NO_TICKET,
      handshakeTimeout: limits.handshakeTimeoutMs,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: longestRequestMs(limits),
      connectionsCheckingInterval: limits.timeoutCheckMs,
      maxHeaderSize: limits.maxHeaderBytes,
      insecureHTTPParser: false,
      requireHostHeader: false,
      noDelay: true,
    },
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: longestRequestMs(limits),
    keepAliveTimeout: limits.keepAliveMs,
    connectionTimeout: limits.silenceMs,
    exposeHeadRoutes: false,
    // New requests on open connections are refused by the gate, in the shape of every other refusal.
    return503OnClosing: false,
    // Longer than any address can be: the id is checked where it is read.
    routerOptions: { maxParamLength: limits.maxHeaderBytes },
  } as const
}

/** The last line. A body of JSON, and one that holds an image, have their own times before it. */
function longestRequestMs({
  headersTimeoutMs,
  requestTimeoutMs,
  uploadTimeoutMs,
  releaseTimeoutMs,
  unreadTimeoutMs,
}: HttpLimits): number {
  return headersTimeoutMs + Math.max(requestTimeoutMs, uploadTimeoutMs + 2 * unreadTimeoutMs, releaseTimeoutMs)
}
