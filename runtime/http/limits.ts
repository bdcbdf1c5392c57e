/** What a client may ask of the server in bytes, time and count. */
export interface HttpLimits {
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  readonly maxConnections: number
  /** Requests of one connection that are worked on at the same time (HTTP pipelining). */
  readonly maxPipelined: number
  /** From the TCP connection to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number
  /** From the start of a request (or of the connection) to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From the start of a request to the end of its body. */
  readonly requestTimeoutMs: number
  /** How often the two timeouts above are looked at. */
  readonly timeoutCheckMs: number
  readonly keepAliveMs: number
  /** A connection on which nothing moves; longer than any model's deadline. */
  readonly silenceMs: number
  /** How long requests in flight may take to finish when the server closes. */
  readonly drainMs: number
}

export const defaultLimits: HttpLimits = {
  maxBodyBytes: 1024 * 1024,
  maxHeaderBytes: 8192,
  maxHeaders: 64,
  maxConnections: 512,
  maxPipelined: 16,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  timeoutCheckMs: 1000,
  keepAliveMs: 75_000,
  silenceMs: 660_000,
  drainMs: 10_000,
}
