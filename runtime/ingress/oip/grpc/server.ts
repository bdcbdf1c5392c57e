import { constants as cryptoConstants } from 'node:crypto'
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Randomness, systemRandomness } from '../../../../device/crypto/randomness.ts'
import type { Clock } from '../../../../device/platform/clock.ts'
import type { Log } from '../../../../device/platform/log.ts'
import type { AccessRecorder } from '../../../access/access-recorder.ts'
import { Authenticator } from '../../../access/authenticate.ts'
import { AccessError } from '../../../access/errors.ts'
import type { OipAdapter } from '../adapter.ts'
import { defaultOipLimits, type OipLimits } from '../limits.ts'
import { Allowance } from './allowance.ts'
import { Call, type CallEnd, type CallGate, type CallLease } from './call.ts'
import { defaultGrpcLimits, type GrpcLimits } from './limits.ts'
import { grpcMethods } from './methods.ts'

export interface GrpcServerOptions {
  /** PEM text: the server's key and certificate, and the one authority whose client certificates are accepted. */
  readonly tls: { readonly key: string; readonly certificate: string; readonly clientAuthority: string }
  readonly adapter: OipAdapter
  /** Evidence of who came to the door; its owner closes it. */
  readonly recorder: Pick<AccessRecorder, 'refused' | 'counted'>
  /** How much of the box one client may take, in calls and in bytes that are announced: the same for all protocols. */
  readonly budget: { take(client: string, bytes: number): CallLease }
  /** Who holds how many connections; without it there is only a limit for all of them. @param shed closes one of them */
  readonly connections?: (shed: (connection: ShedConnection) => void) => ConnectionWatch
  readonly clock: Clock
  readonly log: Log
  readonly randomness?: Randomness
  readonly limits?: Partial<OipLimits & GrpcLimits>
  /** Whether a client certificate, by its SHA-256 in lowercase hex, has been withdrawn; asked at every call. */
  readonly isRevoked?: (fingerprint: string) => boolean
}

export interface ShedConnection {
  readonly raw: Socket
  readonly tls: TLSSocket | undefined
}

/** What the gRPC server tells of its connections. */
export interface ConnectionWatch {
  open(raw: Socket): void
  accept(tls: TLSSocket): void
  /** A call on a connection has begun (+1) or ended (−1). */
  work(tls: object, change: 1 | -1): void
}

export interface GrpcServer {
  /** @returns the port that was taken */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>
  /** No new calls; those in flight finish, or are cut after `drainMs`. */
  close(): Promise<void>
}

/** What a call, and a connection, may have on its way unread: a tensor should not take a turn of the network for each 64 KiB. */
const CALL_WINDOW_BYTES = 256 * 1024
const CONNECTION_WINDOW_BYTES = 1024 * 1024
/** Lines of one kind at once, and one more with every so many milliseconds. */
const LOG_BURST = 60
const LOG_EVERY_MS = 1000
const UNKNOWN_ROUTE = '(unknown)'

/**
 * `inference.GRPCInferenceService` over HTTP/2 on TLS 1.3 with client certificates. Written on the HTTP/2 of Node: a gRPC
 * library would choose the versions of TLS itself, and hides the connection whose certificate is asked at every call.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new OipGrpcServer(options)
}

class OipGrpcServer implements GrpcServer {
  readonly #options: GrpcServerOptions
  readonly #limits: OipLimits & GrpcLimits
  readonly #authenticator: Authenticator
  readonly #server: Http2SecureServer
  readonly #gate: CallGate
  readonly #connections: ConnectionWatch | undefined
  readonly #faultLines: Allowance
  readonly #refusalLines: Allowance
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #calls = new Set<Promise<void>>()
  #isStopping = false

  constructor(options: GrpcServerOptions) {
    this.#options = options
    this.#limits = { ...defaultOipLimits, ...defaultGrpcLimits, ...options.limits }
    this.#authenticator = new Authenticator(options.isRevoked)
    this.#connections = options.connections?.((connection) => this.#shed(connection))
    this.#faultLines = new Allowance(LOG_BURST, LOG_EVERY_MS, options.clock)
    this.#refusalLines = new Allowance(LOG_BURST, LOG_EVERY_MS, options.clock)
    this.#gate = {
      methods: grpcMethods(options.adapter, this.#limits),
      limits: this.#limits,
      clock: options.clock,
      authenticate: (socket) => this.#authenticator.authenticate(socket, options.clock.nowMs()),
      take: (client, bytes) => options.budget.take(client, bytes),
      isStopping: () => this.#isStopping,
    }
    this.#server = createSecureServer(serverSettings(options.tls, this.#limits))
    this.#watch()
  }

  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#server.once('error', reject)
    this.#server.listen({ host, port }, () => {
      this.#server.off('error', reject)
      resolve((this.#server.address() as AddressInfo).port)
    })
    return promise
  }

  async close(): Promise<void> {
    this.#isStopping = true
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    for (const session of this.#sessions) session.close()
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy()
    }, this.#limits.drainMs)
    await promise
    clearTimeout(timer)
    await Promise.all(this.#calls)
  }

  #watch(): void {
    const server = this.#server
    server.maxConnections = this.#limits.maxConnections
    server.on('connection', (socket: Socket) => this.#connections?.open(socket))
    // Before the server makes its session, which happens in the same turn and is told in 'session'.
    let arriving: TLSSocket | undefined
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      arriving = socket
      this.#connections?.accept(socket)
    })
    server.on('session', (session) => {
      if (arriving === undefined) session.destroy()
      else this.#welcome(session, arriving)
      arriving = undefined
    })
    // No `h2` in the handshake: there is nothing that could be said.
    server.on('unknownProtocol', (socket) => socket.destroy())
    server.on('sessionError', () => {})
    server.on('tlsClientError', (_error, socket) => {
      this.#options.recorder.counted({ principal: undefined, route: UNKNOWN_ROUTE }, 'tls_handshake_failed')
      socket.destroy()
    })
  }

  #welcome(session: ServerHttp2Session, socket: TLSSocket): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', () => {})
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    session.setTimeout(this.#limits.idleMs, () => session.close())
    const { clock } = this.#options
    const { pingBurst, pingEveryMs, resetBurst, resetEveryMs } = this.#limits
    const pings = new Allowance(pingBurst, pingEveryMs, clock)
    const resets = new Allowance(resetBurst, resetEveryMs, clock)
    session.on('ping', () => {
      if (!pings.take()) calmDown(session)
    })
    session.on('stream', (stream, headers, _flags, rawHeaders) => {
      const call = new Call(stream, { headers, rawHeaders }, this.#gate, this.#newRequestId())
      this.#connections?.work(socket, 1)
      const end = call.run(socket).then((ended) => {
        this.#connections?.work(socket, -1)
        this.#note(ended, socket)
        // Given up by the client: a reset may come as the end of a message that is none.
        const isGivenUp = stream.rstCode !== constants.NGHTTP2_NO_ERROR || ended.refused?.code === 'oip_message_invalid'
        if (isGivenUp && !resets.take()) calmDown(session)
      })
      this.#calls.add(end)
      void end.finally(() => this.#calls.delete(end))
    })
  }

  #note({ requestId, method, principal, refused }: CallEnd, socket: TLSSocket): void {
    const { recorder, log } = this.#options
    const route = method ?? UNKNOWN_ROUTE
    if (refused === undefined || refused.isRecorded) {
      // An inference has a leaf of its own.
      const isOwn = method !== undefined && this.#gate.methods.get(method)?.evidence === 'own'
      if (!isOwn) recorder.counted({ principal, route })
      return
    }
    const { code, error } = refused
    const named = principal ?? (code === 'access_revoked' ? this.#authenticator.nameOf(socket) : undefined)
    if (error instanceof AccessError) recorder.refused({ principal: named, route }, code)
    else recorder.counted({ principal: named, route }, code)
    const fields = { requestId, code, route: method === undefined ? 'unknown' : route }
    // Whoever floods the box with calls must not flood its log: how many they were is counted above.
    if (code === 'oip_internal') {
      if (this.#faultLines.take()) log.error('request-failed', { ...fields, kind: kindOf(error) })
    } else if (this.#refusalLines.take()) log.info('request-refused', fields)
  }

  #shed({ raw, tls }: ShedConnection): void {
    const principal = tls === undefined ? undefined : this.#authenticator.nameOf(tls)
    this.#options.recorder.counted({ principal, route: UNKNOWN_ROUTE }, 'connection_shed')
    raw.destroy()
  }

  #newRequestId(): string {
    return (this.#options.randomness ?? systemRandomness).bytes(12).toString('hex')
  }
}

/** The class of an unknown fault: its message may quote what was sent. */
function kindOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : 'other'
}

/** Ends a connection that asks too much of its kind, and says so. */
function calmDown(session: ServerHttp2Session): void {
  if (session.destroyed) return
  session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  setImmediate(() => session.destroy())
}

function serverSettings(tls: GrpcServerOptions['tls'], limits: GrpcLimits) {
  return {
    key: tls.key,
    cert: tls.certificate,
    ca: tls.clientAuthority,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // A resumed session would be taken at the word of its first handshake, although the certificate has expired since.
    secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
    handshakeTimeout: limits.handshakeTimeoutMs,
    allowHTTP1: false,
    settings: {
      maxConcurrentStreams: limits.maxConcurrentCalls,
      maxHeaderListSize: limits.maxHeaderBytes,
      initialWindowSize: CALL_WINDOW_BYTES,
      enablePush: false,
    },
    maxHeaderListPairs: limits.maxHeaders,
    unknownProtocolTimeout: limits.handshakeTimeoutMs,
  } as const
}
