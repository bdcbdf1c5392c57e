/** What a client may ask of the server in bytes, time and count. */
export interface HttpLimits {
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** Connections of accepted clients, all together. */
  readonly maxConnections: number
  /** Of one address, in or after the handshake. Behind one address there may be a gateway or a whole ward. */
  readonly maxConnectionsPerAddress: number
  /** Of one client certificate. */
  readonly maxConnectionsPerCertificate: number
  /** Connections that are still in their TLS handshake: a pool apart, so that they take no place from accepted clients. */
  readonly maxHandshakes: number
  /** Requests of one connection that are worked on at the same time (HTTP pipelining). */
  readonly maxPipelined: number
  /** From the TCP connection to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number
  /** From the start of a request (or of the connection) to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From the end of the headers to the end of a body of JSON. */
  readonly requestTimeoutMs: number
  /** How often it is looked for requests that are late. */
  readonly timeoutCheckMs: number
  readonly keepAliveMs: number
  /** A connection on which nothing moves; longer than any model's deadline. */
  readonly silenceMs: number
  /** Requests of one client that are in work at the same time, over all its connections. */
  readonly maxInFlight: number
  /** Bytes of the bodies of these requests, as announced; a body of unannounced length counts as the largest. */
  readonly maxInFlightBytes: number
  /** What one client may ask in the long run, in requests of up to `bytesPerRequest`; a larger one counts as several. */
  readonly requestsPerSecond: number
  /** What it may ask at once after a pause. */
  readonly requestBurst: number
  readonly bytesPerRequest: number
  /** Log lines of one kind about one client in a minute; the rest of them is one line with their number. */
  readonly logLinesPerMinute: number
  /** All bytes of a request with an image. */
  readonly maxUploadBytes: number
  /** Files of one request. */
  readonly maxUploadFiles: number
  /** Headers of one part of a request in parts, and how many they are. */
  readonly maxPartHeaderBytes: number
  readonly maxPartHeaders: number
  /** Requests with an image that are in work at the same time, and of them those of one client. */
  readonly maxUploads: number
  readonly maxUploadsPerClient: number
  /** How long this side waits for such a body, all waits together. */
  readonly uploadTimeoutMs: number
  /** How long the next bytes may take; less than the decoder waits, so that the sender is told why. */
  readonly uploadSilenceMs: number
  /** How slow a sender may be: what this side has waited for it, less this grace, over the bytes that came. */
  readonly uploadGraceMs: number
  readonly minUploadBytesPerSecond: number
  /** Of a release that comes in: its package, each of its two metadata files, and how long this side waits for it. */
  readonly maxReleaseBytes: number
  readonly maxReleaseMetadataBytes: number
  readonly releaseTimeoutMs: number
  /** Streams of events that are open at the same time, and of them those of one client. */
  readonly maxEventStreams: number
  readonly maxEventStreamsPerClient: number
  /** How often it is looked whether health has changed, and whether a reader may still read. */
  readonly eventTickMs: number
  /** The longest that nothing is said on a stream. */
  readonly eventKeepMs: number
  /** A reader that takes nothing for so long is cut. */
  readonly eventStallMs: number
  /** What is read of a body that nobody wants any more, so that its sender sees the answer. */
  readonly maxUnreadBytes: number
  readonly unreadTimeoutMs: number
  /** How long requests in flight may take to finish when the server closes. */
  readonly drainMs: number
}

export const defaultLimits: HttpLimits = {
  maxBodyBytes: 1024 * 1024,
  maxHeaderBytes: 8192,
  maxHeaders: 64,
  maxConnections: 512,
  maxConnectionsPerAddress: 448,
  maxConnectionsPerCertificate: 32,
  maxHandshakes: 384,
  maxPipelined: 2,
  handshakeTimeoutMs: 3000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  timeoutCheckMs: 1000,
  keepAliveMs: 75_000,
  silenceMs: 660_000,
  maxInFlight: 32,
  maxInFlightBytes: 4 * 1024 * 1024,
  requestsPerSecond: 400,
  requestBurst: 800,
  bytesPerRequest: 16 * 1024,
  logLinesPerMinute: 60,
  maxUploadBytes: 512 * 1024 * 1024,
  maxUploadFiles: 2048,
  maxPartHeaderBytes: 4096,
  maxPartHeaders: 16,
  maxUploads: 16,
  maxUploadsPerClient: 4,
  uploadTimeoutMs: 120_000,
  uploadSilenceMs: 8000,
  uploadGraceMs: 8000,
  minUploadBytesPerSecond: 64 * 1024,
  maxReleaseBytes: 4 * 1024 * 1024 * 1024,
  maxReleaseMetadataBytes: 4 * 1024 * 1024,
  releaseTimeoutMs: 3_600_000,
  maxEventStreams: 128,
  maxEventStreamsPerClient: 4,
  eventTickMs: 2000,
  eventKeepMs: 10_000,
  eventStallMs: 15_000,
  maxUnreadBytes: 64 * 1024 * 1024,
  unreadTimeoutMs: 5000,
  drainMs: 10_000,
}

/** What a site may set for requests with an image. */
export interface UploadSettings {
  readonly maxRequestBytes?: number | undefined
  readonly maxRequests?: number | undefined
  readonly maxRequestsPerClient?: number | undefined
  readonly requestSeconds?: number | undefined
}

export function uploadLimitsOf(settings: UploadSettings = {}): Partial<HttpLimits> {
  const { maxRequestBytes, maxRequests, maxRequestsPerClient, requestSeconds } = settings
  return {
    ...(maxRequestBytes === undefined ? {} : { maxUploadBytes: maxRequestBytes }),
    ...(maxRequests === undefined ? {} : { maxUploads: maxRequests }),
    ...(maxRequestsPerClient === undefined ? {} : { maxUploadsPerClient: maxRequestsPerClient }),
    ...(requestSeconds === undefined ? {} : { uploadTimeoutMs: 1000 * requestSeconds }),
  }
}
