import type { ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { AccessRecorder } from '../access/access-recorder.ts'
import type { Authenticator } from '../access/authenticate.ts'
import { isAllowed } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import type { LiveDecisions } from '../decisions/live-decisions.ts'
import { HttpError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import { EventTexts } from './event-texts.ts'
import type { HttpLimits } from './limits.ts'
import { routes } from './routes.ts'
import { STANDARD_HEADERS } from './standard-headers.ts'

export interface EventStreamsParts {
  readonly live: LiveDecisions
  /** The answer of GET /v1/health, as text. */
  health(): string
  readonly authenticator: Authenticator
  readonly recorder: Pick<AccessRecorder, 'counted' | 'refused'>
  readonly clock: Clock
  readonly log: Log
  readonly limits: HttpLimits
}

const EVENTS_ROUTE = routes.watchEvents.path

interface Reader {
  readonly stream: EventStream
  readonly principal: Principal
  readonly socket: TLSSocket
}

const MINUTE_MS = 60_000
/** For a place that is free when another stream ends, which is not known beforehand. */
const RETRY_MS = 5000

/**
 * Everybody who watches. A stream is outside the budget of requests, so it has bounds of its own: how many there are, how long a
 * reader may take nothing, and that its certificate is asked after as if each event were a request.
 */
export class EventStreams {
  readonly #parts: EventStreamsParts
  readonly #texts: EventTexts
  readonly #readers = new Set<Reader>()
  #health = ''
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: () => void = () => {}
  #isWoken = false
  #minute = 0
  #nextKeepMs = 0

  constructor(parts: EventStreamsParts) {
    this.#parts = parts
    this.#texts = new EventTexts(parts.log)
  }

  /** @throws HttpError request_rate_limited: this client, or all together, have as many as they may */
  verifyRoom({ clientId }: Principal): void {
    const own = [...this.#readers].filter(({ principal }) => principal.clientId === clientId).length
    const { maxEventStreams, maxEventStreamsPerClient } = this.#parts.limits
    if (own < maxEventStreamsPerClient && this.#readers.size < maxEventStreams) return
    throw new HttpError('request_rate_limited', { retryAfterMs: RETRY_MS })
  }

  /** Answers with a stream that lasts until either side ends it. `verifyRoom` has been asked. */
  open(response: ServerResponse, principal: Principal, lastId: string | undefined, requestId: string): void {
    const { live, clock, recorder } = this.#parts
    const mayRead = isAllowed(principal.role, 'decision.read')
    const stream = new EventStream(response, live, this.#texts, mayRead, clock.monotonicMs())
    const reader = { stream, principal, socket: response.socket as TLSSocket }
    this.#readers.add(reader)
    response.once('close', () => this.#forget(reader))
    response.on('error', () => this.#forget(reader))
    this.#wake()
    recorder.counted({ principal, route: EVENTS_ROUTE })
    const type = { 'content-type': 'text/event-stream; charset=utf-8' }
    response.writeHead(200, { ...STANDARD_HEADERS, ...type, 'x-request-id': requestId })
    if (this.#health === '') this.#lookAtHealth()
    stream.start(
      lastId,
      () => this.#health,
      () => clock.monotonicMs(),
    )
  }

  /** Ends them all; the gate lets no other begin by then. */
  close(): void {
    for (const reader of [...this.#readers]) this.#end(reader)
  }

  #wake(): void {
    if (this.#timer !== undefined) return
    const { live, limits, clock } = this.#parts
    this.#timer = setInterval(() => this.#safely(() => this.#tick()), limits.eventTickMs).unref()
    // Whoever decides does not wait for those who watch, and meets none of their faults.
    this.#unsubscribe = live.subscribe(() => {
      if (this.#isWoken) return
      this.#isWoken = true
      setImmediate(() => this.#safely(() => this.#pump()))
    })
    this.#minute = Math.floor(clock.nowMs() / MINUTE_MS)
    this.#nextKeepMs = clock.monotonicMs() + limits.eventKeepMs
  }

  #tick(): void {
    this.#lookAtHealth()
    const nowMs = this.#parts.clock.monotonicMs()
    const { eventStallMs, eventKeepMs } = this.#parts.limits
    for (const reader of [...this.#readers]) if (reader.stream.stalledMs(nowMs) >= eventStallMs) this.#cut(reader)
    this.#pump()
    if (nowMs >= this.#nextKeepMs) {
      this.#nextKeepMs = nowMs + eventKeepMs
      for (const { stream } of this.#readers) stream.keep()
    }
    this.#countMinute()
  }

  #pump(): void {
    this.#isWoken = false
    for (const reader of [...this.#readers]) if (this.#mayGoOn(reader)) reader.stream.pump(this.#health)
  }

  /** As at every request: a certificate that was withdrawn, or has run out, hears nothing more. */
  #mayGoOn(reader: Reader): boolean {
    const { authenticator, clock, recorder } = this.#parts
    try {
      authenticator.authenticate(reader.socket, clock.nowMs())
      return true
    } catch (error) {
      recorder.refused({ principal: reader.principal, route: EVENTS_ROUTE }, errorCode(error))
      this.#end(reader)
      return false
    }
  }

  #lookAtHealth(): void {
    this.#safely(() => {
      this.#health = this.#parts.health()
    })
  }

  /** One count for each client and minute, however many streams it has. */
  #countMinute(): void {
    const minute = Math.floor(this.#parts.clock.nowMs() / MINUTE_MS)
    if (minute === this.#minute) return
    this.#minute = minute
    const clients = new Map([...this.#readers].map(({ principal }) => [principal.clientId, principal]))
    for (const principal of clients.values()) this.#parts.recorder.counted({ principal, route: EVENTS_ROUTE })
  }

  #end(reader: Reader): void {
    this.#forget(reader)
    reader.stream.end()
  }

  #cut(reader: Reader): void {
    this.#forget(reader)
    reader.socket.destroy()
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#unsubscribe()
    this.#health = ''
  }

  /** Called by timers: what is thrown there would end the process. */
  #safely(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#parts.log.error('events-failed', { code: errorCode(error) })
    }
  }
}
