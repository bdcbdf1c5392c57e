import type { IncomingHttpHeaders } from 'node:http2'
import { refuseOip } from '../errors.ts'
import { grpcCodes, type OipFault } from '../status.ts'

/** Units of grpc-timeout in milliseconds (gRPC over HTTP2, "Timeout"). */
const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** How long the caller waits. @throws OipError oip_parameter_invalid */
export function readTimeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['grpc-timeout']
  if (text === undefined) return undefined
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(text)) ?? []
  if (digits === undefined) refuseOip('oip_parameter_invalid', 'grpc-timeout')
  return Number(digits) * (unitsMs[unit] ?? 0)
}

/** Trailers of an answer that is only a status. */
export function faultTrailers(fault: OipFault): Readonly<Record<string, string>> {
  const { code, text, status, retryAfterMs } = fault
  // gRPC A6: when a client that repeats by itself may do so.
  const retry = retryAfterMs === undefined ? {} : { 'grpc-retry-pushback-ms': String(Math.ceil(retryAfterMs)) }
  return {
    'grpc-status': String(grpcCodes[status.grpc]),
    'grpc-message': encodeMessage(text),
    'wardstone-code': code,
    ...retry,
  }
}

/** gRPC over HTTP2, "Status-Message": percent-encoded UTF-8. */
function encodeMessage(text: string): string {
  return Array.from(Buffer.from(text, 'utf8'), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}
