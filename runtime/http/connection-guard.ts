import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { ConnectionTable } from './connection-table.ts'
import { errorAnswer, factsOf } from './error-map.ts'
import type { HttpErrorCode } from './errors.ts'
import type { HttpLimits } from './limits.ts'
import { STANDARD_HEADERS } from './standard-headers.ts'

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export interface ConnectionEvents {
  /** A TLS handshake that did not lead to an accepted client. */
  handshakeFailed(): void
  /** A connection that was closed because there were too many; undefined when nobody had been accepted on it. */
  connectionShed(socket: TLSSocket | undefined): void
  /** A request that never became one: wrong bytes, too slow, headers too large. */
  requestBroken(code: HttpErrorCode, socket: TLSSocket, request: IncomingMessage | undefined, requestId: string): void
  newRequestId(): string
}

const SPARE_CONNECTIONS = 64

const codes: Readonly<Record<string, HttpErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'request_headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'request_too_large',
}

/**
 * Watches the connections below the requests: what is in flight on each, what breaks before there is a request, and
 * what must be cut when the server closes.
 */
export class ConnectionGuard {
  readonly #table: ConnectionTable
  /** Handshakes that were cut here; each of them is still going to be told as one that failed. */
  #cutHandshakes = 0
  readonly #accepted = new WeakMap<Duplex, Set<Exchange>>()
  readonly #broken = new WeakSet<Duplex>()
  readonly #overrun = new WeakSet<IncomingMessage>()
  readonly #expectsContinue = new WeakSet<IncomingMessage>()
  readonly #bodyTimers = new WeakMap<IncomingMessage, NodeJS.Timeout>()
  readonly #limits: HttpLimits
  readonly #events: ConnectionEvents

  constructor(limits: HttpLimits, events: ConnectionEvents) {
    this.#limits = limits
    this.#events = events
    this.#table = new ConnectionTable(limits, ({ raw, tls }) => {
      if (tls === undefined) this.#cutHandshakes += 1
      this.#events.connectionShed(tls)
      raw.destroy()
    })
  }

  /** Listens to a server; called before the first connection. */
  watch(server: Server): void {
    // The table makes room before this is reached; it is the last line, without regard to who comes.
    server.maxConnections = this.#limits.maxConnections + this.#limits.maxHandshakes + SPARE_CONNECTIONS
    server.on('drop', () => this.#events.connectionShed(undefined))
    server.on('connection', (socket: Socket) => this.#table.open(socket))
    server.on('secureConnection', (socket) => {
      this.#accepted.set(socket, new Set())
      this.#table.accept(socket)
    })
    server.prependListener('request', (request, response) => this.#begin({ request, response }))
    // Node would say "100 Continue" before anybody has asked who is there; the gate decides, and then it is said.
    server.on('checkContinue', (request, response) => {
      this.#expectsContinue.add(request)
      server.emit('request', request, response)
    })
    // RFC 9110 §10.1.1: other expectations may be passed over.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  }

  /** False for a request beyond the number that one connection may have in work. */
  isAdmitted(request: IncomingMessage): boolean {
    return !this.#overrun.has(request)
  }

  /**
   * Tells a client that waits for it that its body is wanted.
   * @param isTimed whether the body has to be there in the time of `requestTimeoutMs`; otherwise its reader sees to that
   */
  welcomeBody(request: IncomingMessage, response: ServerResponse, isTimed: boolean): void {
    if (!isTimed) clearTimeout(this.#bodyTimers.get(request))
    if (this.#expectsContinue.delete(request)) response.writeContinue()
  }

  /** True for a request whose client waits with its body until it is told that it is wanted. */
  holdsBack(request: IncomingMessage): boolean {
    return this.#expectsContinue.has(request)
  }

  /** `clientError` of the server: HTTP that cannot be parsed or does not come, and failed TLS handshakes. */
  onClientError(error: Error & { code?: string }, socket: Duplex): void {
    const exchanges = this.#accepted.get(socket)
    if (exchanges === undefined) {
      // The handshake failed: no certificate, no answer. (Or more bytes on a connection that is being closed.)
      if (this.#cutHandshakes > 0 && error.code === 'ECONNRESET') this.#cutHandshakes -= 1
      else if (!this.#broken.has(socket)) this.#events.handshakeFailed()
      socket.destroy()
      return
    }
    const code = codes[error.code ?? ''] ?? (error.code?.startsWith('HPE_') ? 'request_malformed' : undefined)
    if (code === undefined) {
      socket.destroy()
      return
    }
    this.#break(code, socket, exchanges)
  }

  /** Answers a request that never became one, where that can be done, and closes its connection. */
  #break(code: HttpErrorCode, socket: Duplex, exchanges: ReadonlySet<Exchange>): void {
    const [exchange] = exchanges
    const requestId = this.#events.newRequestId()
    this.#events.requestBroken(code, socket as TLSSocket, exchange?.request, requestId)
    if (socket.writable && isOwnAnswer(exchanges)) socket.write(rawAnswer(code, requestId))
    // Closes once the answer is out; what still comes in meets a socket that is done.
    this.#accepted.delete(socket)
    this.#broken.add(socket)
    ;(socket as TLSSocket).destroySoon()
  }

  /** Cuts every connection, whatever it is doing. */
  cut(): void {
    for (const socket of this.#table.all()) socket.destroy()
  }

  /** The server has one time for all requests, long enough for images; a body of JSON has this one. */
  #timeBody(request: IncomingMessage, socket: Duplex): void {
    const { 'transfer-encoding': coding, 'content-length': length = '0' } = request.headers
    if (coding === undefined && length === '0') return
    const timer = setTimeout(() => {
      const exchanges = this.#accepted.get(socket)
      if (exchanges !== undefined && !request.complete) this.#break('request_timeout', socket, exchanges)
    }, this.#limits.requestTimeoutMs).unref()
    this.#bodyTimers.set(request, timer)
    request.once('close', () => clearTimeout(timer))
  }

  #begin(exchange: Exchange): void {
    const exchanges = this.#accepted.get(exchange.request.socket)
    if (exchanges === undefined || exchanges.size >= this.#limits.maxPipelined) {
      // Requests that lie in the same packet still come out of the parser; the gate asks isAdmitted.
      this.#overrun.add(exchange.request)
      exchange.request.socket.destroy()
      return
    }
    const { socket } = exchange.request
    exchanges.add(exchange)
    this.#timeBody(exchange.request, socket)
    this.#table.work(socket, 1)
    exchange.response.once('close', () => {
      exchanges.delete(exchange)
      this.#table.work(socket, -1)
    })
  }
}

/**
 * May the broken request be answered on this connection? Not while an earlier one waits for its answer: the client
 * would take the error for the answer to that one.
 */
function isOwnAnswer(exchanges: ReadonlySet<Exchange>): boolean {
  if (exchanges.size === 0) return true
  const [first] = exchanges
  return exchanges.size === 1 && first !== undefined && !first.request.complete && !first.response.headersSent
}

function rawAnswer(code: HttpErrorCode, requestId: string): string {
  const facts = factsOf(code)
  const body = JSON.stringify(errorAnswer(facts, requestId))
  const headers = { ...STANDARD_HEADERS, 'x-request-id': requestId, 'content-length': Buffer.byteLength(body) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${facts.status} Refused\r\n${lines.join('')}connection: close\r\n\r\n${body}`
}
