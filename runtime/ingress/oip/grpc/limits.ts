/** What a client may ask of the gRPC server in bytes, time and count, besides what one request may be. */
export interface GrpcLimits {
  /** Calls of one connection at the same time. */
  readonly maxConcurrentCalls: number
  /** All headers of a call. */
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** From the TCP connection to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number
  /** From the headers of a call to the end of its message. */
  readonly messageTimeoutMs: number
  /** From the end of an answer to its being taken. */
  readonly answerTimeoutMs: number
  /** A connection without a call is closed after this. */
  readonly idleMs: number
  /** Pings that may come at once, and one more with every `pingEveryMs`: beyond it the connection is closed. */
  readonly pingBurst: number
  readonly pingEveryMs: number
  /** Calls that a client may give up at once, and one more with every `resetEveryMs`: begun and reset without end they cost this side alone (CVE-2023-44487). */
  readonly resetBurst: number
  readonly resetEveryMs: number
  /** Connections, also those in their handshake. */
  readonly maxConnections: number
  /** Calls in flight may take this long to finish when the server closes. */
  readonly drainMs: number
}

export const defaultGrpcLimits: GrpcLimits = {
  maxConcurrentCalls: 64,
  maxHeaderBytes: 8192,
  maxHeaders: 64,
  handshakeTimeoutMs: 3000,
  messageTimeoutMs: 15_000,
  answerTimeoutMs: 30_000,
  idleMs: 300_000,
  pingBurst: 30,
  pingEveryMs: 1000,
  resetBurst: 200,
  resetEveryMs: 50,
  maxConnections: 512,
  drainMs: 10_000,
}
