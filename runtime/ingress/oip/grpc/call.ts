import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../../../device/platform/clock.ts'
import { errorCode } from '../../../../device/platform/errors.ts'
import { authorise } from '../../../access/policy.ts'
import type { Principal } from '../../../access/principal.ts'
import { OipError, refuseOip } from '../errors.ts'
import type { OipLimits } from '../limits.ts'
import { describeFault, faultOf, type OipFault } from '../status.ts'
import { headerValues, parseSubjectHeader, SUBJECT_HEADER } from '../subject-text.ts'
import type { GrpcLimits } from './limits.ts'
import { frameMessage, MessageReader } from './message-frame.ts'
import { faultTrailers, readTimeoutMs } from './metadata.ts'
import type { GrpcMethod } from './methods.ts'

/** What of a client's share a call takes, given back once. */
export interface CallLease {
  release(): void
}

/** What the calls of all connections are held to. */
export interface CallGate {
  readonly methods: ReadonlyMap<string, GrpcMethod>
  readonly limits: OipLimits & GrpcLimits
  readonly clock: Clock
  authenticate(socket: TLSSocket): Principal
  /** How much of the box one client may take; shared with the other protocols. @throws with a code of its own */
  take(client: string, bytes: number): CallLease
  isStopping(): boolean
}

export interface CallHead {
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
}

/** How a call ended, for the evidence and the log. */
export interface CallEnd {
  readonly requestId: string
  /** The method where it is one of ours. */
  readonly method: string | undefined
  readonly principal: Principal | undefined
  /** Undefined: answered. */
  readonly refused: { readonly code: string; readonly error: unknown; readonly isRecorded: boolean } | undefined
}

const GRPC_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/
/** What a call counts as until it says how long its message is. */
const UNKNOWN_BYTES = 16 * 1024
const ANSWER_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
} as const

/** One call, from its headers to its status (gRPC over HTTP2). */
export class Call {
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #rawHeaders: readonly string[]
  readonly #gate: CallGate
  readonly #requestId: string
  readonly #abort = new AbortController()
  readonly #leases: CallLease[] = []
  #method: string | undefined
  #principal: Principal | undefined
  #isEnded = false

  /** @param head the headers, and the same with their names and values in turn, as they came */
  constructor(stream: ServerHttp2Stream, head: CallHead, gate: CallGate, requestId: string) {
    this.#stream = stream
    this.#headers = head.headers
    this.#rawHeaders = head.rawHeaders
    this.#gate = gate
    this.#requestId = requestId
  }

  /** Answers the call, whatever comes of it. @returns how it ended, when there is nothing more to be done for it */
  async run(socket: TLSSocket): Promise<CallEnd> {
    this.#stream.on('error', () => {})
    this.#stream.once('close', () => {
      if (!this.#isEnded) this.#abort.abort()
    })
    try {
      return await this.#take(socket)
    } catch (error) {
      const code = errorCode(error)
      const fault = faultOf(error) ?? describeFault('oip_internal')
      this.#refuse(fault)
      return this.#end({ code: code === 'internal' ? fault.code : code, error, isRecorded: false })
    } finally {
      this.#isEnded = true
      this.#releaseWhenTaken()
    }
  }

  /** An answer that its client does not take lies in our memory: until then the call is work. */
  #releaseWhenTaken(): void {
    const release = () => {
      for (const lease of this.#leases.splice(0)) lease.release()
    }
    if (this.#stream.closed || this.#stream.destroyed) release()
    else this.#stream.once('close', release)
  }

  async #take(socket: TLSSocket): Promise<CallEnd> {
    const gate = this.#gate
    if (gate.isStopping()) refuseOip('oip_stopping')
    this.#principal = gate.authenticate(socket)
    const { clientId } = this.#principal
    this.#leases.push(gate.take(clientId, UNKNOWN_BYTES))
    const method = this.#verifyHead()
    authorise(this.#principal, method.action)
    const subject = parseSubjectHeader(headerValues(this.#rawHeaders, SUBJECT_HEADER))
    const timeoutMs = readTimeoutMs(this.#headers)
    const startMs = gate.clock.monotonicMs()
    using _deadline = this.#deadline(timeoutMs)
    const message = await this.#message(clientId)
    if (this.#abort.signal.aborted) refuseOip('oip_deadline')
    const leftMs = timeoutMs === undefined ? undefined : timeoutMs - (gate.clock.monotonicMs() - startMs)
    if (leftMs !== undefined && leftMs <= 0) refuseOip('oip_deadline')
    const context = { requestId: this.#requestId, subject, timeoutMs: leftMs, signal: this.#abort.signal }
    const answer = await method.take({ caller: this.#principal, message, context })
    if ('fault' in answer) {
      this.#refuse(answer.fault, answer.metadata)
      return this.#end({ code: answer.fault.code, error: undefined, isRecorded: true })
    }
    this.#answer(answer.message)
    return this.#end(undefined)
  }

  #end(refused: CallEnd['refused']): CallEnd {
    return { requestId: this.#requestId, method: this.#method, principal: this.#principal, refused }
  }

  /** @throws OipError oip_method_unknown | oip_compression_unsupported */
  #verifyHead(): GrpcMethod {
    const path = this.#headers[':path'] ?? ''
    const method = this.#gate.methods.get(path)
    const isGrpc = this.#headers[':method'] === 'POST' && GRPC_TYPE.test(this.#headers['content-type'] ?? '')
    if (method === undefined || !isGrpc) refuseOip('oip_method_unknown')
    this.#method = path
    const coding = this.#headers['grpc-encoding']
    if (coding !== undefined && coding !== 'identity') refuseOip('oip_compression_unsupported')
    return method
  }

  /** The client has set itself a time: after it, nobody waits. */
  #deadline(timeoutMs: number | undefined): Disposable {
    if (timeoutMs === undefined) return { [Symbol.dispose]: () => {} }
    const timer = setTimeout(
      () => {
        this.#abort.abort()
        this.#refuse(describeFault('oip_deadline'))
      },
      Math.min(timeoutMs, 2 ** 31 - 1),
    ).unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  }

  #message(clientId: string): Promise<Uint8Array> {
    const { limits } = this.#gate
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const reader = new MessageReader(limits.maxRequestBytes, (bytes) => {
      if (bytes > UNKNOWN_BYTES) this.#leases.push(this.#gate.take(clientId, bytes))
    })
    const attempt = (step: () => void) => {
      try {
        step()
      } catch (error) {
        reject(error)
      }
    }
    const stream = this.#stream
    stream.on('data', (bytes: Buffer) => attempt(() => reader.put(bytes)))
    stream.once('end', () => attempt(() => resolve(reader.finish())))
    stream.once('close', () => reject(new OipError('oip_message_invalid')))
    this.#abort.signal.addEventListener('abort', () => reject(new OipError('oip_deadline')), { once: true })
    const timer = setTimeout(() => reject(new OipError('oip_deadline')), limits.messageTimeoutMs).unref()
    return promise.finally(() => {
      clearTimeout(timer)
      stream.removeAllListeners('data')
    })
  }

  #answer(message: Uint8Array): void {
    const stream = this.#stream
    if (stream.destroyed || stream.headersSent) return
    stream.respond(ANSWER_HEADERS, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(frameMessage(message))
    this.#closeSoon()
  }

  #refuse(fault: OipFault, metadata: Readonly<Record<string, string>> = {}): void {
    const stream = this.#stream
    if (stream.destroyed || stream.headersSent) return
    const trailers = { ...faultTrailers(fault), 'x-request-id': this.#requestId, ...metadata }
    stream.respond({ ...ANSWER_HEADERS, ...trailers }, { endStream: true })
    // What is left of the message is not read: the client is told that it may stop.
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
    this.#closeSoon()
  }

  /** A client that does not take its answer keeps it in our memory. */
  #closeSoon(): void {
    const timer = setTimeout(() => this.#stream.destroy(), this.#gate.limits.answerTimeoutMs).unref()
    this.#stream.once('close', () => clearTimeout(timer))
  }
}
