import type { TLSSocket } from 'node:tls'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { type Randomness, systemRandomness } from '../../device/crypto/randomness.ts'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import type { DeviceWatch } from '../../device/posture/device-watch.ts'
import { type AccessRecorder, createAccessRecorder } from '../access/access-recorder.ts'
import { Authenticator } from '../access/authenticate.ts'
import { AccessError } from '../access/errors.ts'
import type { Principal } from '../access/principal.ts'
import type { Ledger } from '../audit/types.ts'
import type { LiveDecisions } from '../decisions/live-decisions.ts'
import type { ModelDetail } from '../decisions/model-detail.ts'
import type { DecisionService } from '../decisions/service-types.ts'
import { BoundedLog } from './bounded-log.ts'
import { callerLeft } from './caller-left.ts'
import { ConnectionGuard } from './connection-guard.ts'
import { errorAnswer, errorFacts, retryHeaders } from './error-map.ts'
import { HttpError, type HttpErrorCode } from './errors.ts'
import { EventStreams } from './event-streams.ts'
import { externalCall, foreignRefusal } from './external-call.ts'
import { type ExternalAnswer, type ExternalProtocol, type ExternalRoute, protocolOf } from './external-protocol.ts'
import { placeOfFault } from './fault-place.ts'
import { answer, type Call, createHandlers, type Handler } from './handlers.ts'
import { fileTypes, partedTypes } from './image-upload.ts'
import { defaultLimits, type HttpLimits } from './limits.ts'
import { ModelChanges } from './model-changes.ts'
import { readPageFiles } from './page-files.ts'
import type { ReleaseFolders } from './release-folders.ts'
import { ReleasePlace } from './release-upload.ts'
import { RequestBudget } from './request-budget.ts'
import { type Gate, newFacts, passGate, type RequestFacts, routeName } from './request-gate.ts'
import { type Route, routeNames, routes, UNKNOWN_ROUTE } from './routes.ts'
import { type ServerTls, serverSettings, translate } from './server-settings.ts'
import { STANDARD_HEADERS } from './standard-headers.ts'
import { parseStrictJson } from './strict-json.ts'
import { answerAheadOf, isSoonOver } from './unread-body.ts'
import type { UpdaterLink } from './updater-link.ts'
import type { UploadBody } from './upload-body.ts'
import { UploadPlaces } from './upload-places.ts'

export interface ApiServerOptions {
  readonly tls: ServerTls
  readonly decisions: DecisionService
  readonly device: Pick<DeviceWatch, 'report'>
  readonly ledger: Ledger
  /** Evidence of who came to the door, where it is shared; its owner closes it. */
  readonly recorder?: AccessRecorder
  /** What has been decided lately, for those who watch. */
  readonly live: LiveDecisions
  readonly clock: Clock
  readonly log: Log
  readonly randomness?: Randomness
  readonly limits?: Partial<HttpLimits>
  /** One model whole; undefined when there is no such slot. */
  describe(slot: string): ModelDetail | undefined
  /** Who changes models, and where releases are laid down that come in here. */
  readonly updater: UpdaterLink
  readonly folders: ReleaseFolders
  /** Folder of the built web pages. */
  readonly pages?: string | undefined
  /** Other protocols on the same listener. */
  readonly protocols?: readonly ExternalProtocol[]
  /**
   * Whether a client certificate has been withdrawn; asked at every request, so that it takes effect on open connections.
   * What it throws refuses the request.
   * @param fingerprint SHA-256 of the certificate, lowercase hex
   */
  readonly isRevoked?: (fingerprint: string) => boolean
}

/**
 * The native API: HTTP/1.1 over TLS 1.3 with client certificates. The caller listens and closes; closing finishes what
 * is in flight and then writes the evidence that is still counted in memory.
 */
export function createApiServer(options: ApiServerOptions): FastifyInstance {
  return new ApiServer(options).app
}

class ApiServer {
  readonly app: FastifyInstance
  readonly #options: ApiServerOptions
  readonly #limits: HttpLimits
  readonly #recorder: AccessRecorder
  readonly #authenticator: Authenticator
  readonly #budget: RequestBudget
  readonly #places: UploadPlaces
  readonly #releasePlace = new ReleasePlace()
  readonly #streams: EventStreams
  readonly #log: BoundedLog
  readonly #guard: ConnectionGuard
  readonly #facts = new WeakMap<FastifyRequest, RequestFacts>()
  readonly #names = new WeakMap<object, string>()
  readonly #protocols: readonly ExternalProtocol[]
  #stopping = false

  constructor(options: ApiServerOptions) {
    this.#options = options
    this.#protocols = options.protocols ?? []
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#recorder = options.recorder ?? createAccessRecorder(options)
    this.#authenticator = new Authenticator(options.isRevoked)
    this.#budget = new RequestBudget(this.#limits, options.clock)
    this.#places = new UploadPlaces(this.#limits)
    this.#streams = new EventStreams({
      ...options,
      health: () => answer(routes.readHealth, options.decisions.health()).content,
      authenticator: this.#authenticator,
      recorder: this.#recorder,
      limits: this.#limits,
    })
    this.#log = new BoundedLog(options.log, options.clock, this.#limits.logLinesPerMinute)
    this.#guard = new ConnectionGuard(this.#limits, {
      handshakeFailed: () =>
        this.#recorder.counted({ principal: undefined, route: UNKNOWN_ROUTE }, 'tls_handshake_failed'),
      connectionShed: (socket) => this.#noteShed(socket),
      requestBroken: (code, socket, request, requestId) => this.#noteBroken(code, socket, request, requestId),
      newRequestId: () => this.#newRequestId(),
    })
    this.app = this.#build()
    this.#guard.watch(this.app.server as unknown as Parameters<ConnectionGuard['watch']>[0])
    this.#addRoutes()
    this.#addClosing()
  }

  #build(): FastifyInstance {
    const app = fastify({
      ...serverSettings(this.#options.tls, this.#limits),
      genReqId: () => this.#newRequestId(),
      clientErrorHandler: (error, socket) => this.#guard.onClientError(error, socket),
      // An address that cannot be decoded never reaches the hooks; it passes the same gate here.
      frameworkErrors: (error, request, reply) => this.#refuse(this.#enterUnroutable(request, error), request, reply),
    }) as unknown as FastifyInstance
    app.addHook('onRequest', (request, reply, done) => {
      try {
        this.#enter(request, reply)
      } catch (error) {
        return done(error as Error)
      }
      done()
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
      let value: unknown
      try {
        value = parseStrictJson(body as Buffer)
      } catch (error) {
        return done(error as Error)
      }
      done(null, value)
    })
    // An image is read by its handler, as it comes. The gate has compared the type exactly by then.
    for (const type of [...fileTypes, ...partedTypes]) {
      app.addContentTypeParser(type, (_request, _body, done) => done(null, undefined))
    }
    app.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply))
    app.setNotFoundHandler((request, reply) => this.#refuse(new HttpError('route_unknown'), request, reply))
    return app
  }

  #addRoutes(): void {
    const { pages, log } = this.#options
    const changes = new ModelChanges({ ...this.#options, limits: this.#limits })
    const parts = { ...this.#options, limits: this.#limits, changes, pages: readPageFiles(pages, log) }
    const handlers = createHandlers(parts)
    for (const name of routeNames) {
      if (name === 'watchEvents') this.#addStream(routes[name])
      else this.#addRoute(routes[name], handlers[name])
    }
    for (const protocol of this.#protocols) this.#addProtocol(protocol)
  }

  #addRoute(route: Route, handler: Handler): void {
    this.app.route({
      method: route.method,
      url: route.path,
      config: { route },
      handler: async (request, reply) => {
        const { principal, lease, upload, release } = this.#entered(request)
        const params = request.params as Call['params']
        const left = callerLeft(reply.raw)
        const call = { caller: principal, requestId: request.id, params, body: request.body, upload, release, left }
        lease?.hold()
        const answer = await handler(call).finally(() => lease?.release())
        if (route.evidence === 'counted') this.#recorder.counted({ principal, route: route.path })
        reply.code(answer.status).headers(answer.headers ?? {})
        return this.#send(request, reply, answer.content)
      },
    })
  }

  #addStream(route: Route): void {
    this.app.route({
      method: route.method,
      url: route.path,
      config: { route },
      handler: async (request, reply) => {
        const facts = this.#entered(request)
        this.#streams.verifyRoom(facts.principal)
        // It is in nobody's budget of requests while it waits; the streams have bounds of their own.
        facts.lease?.release()
        facts.lease = undefined
        reply.hijack()
        const lastId = request.headers['last-event-id']
        this.#streams.open(reply.raw, facts.principal, typeof lastId === 'string' ? lastId : undefined, request.id)
      },
    })
  }

  /** In a scope of its own: what is JSON to us may be anything to another protocol. */
  #addProtocol({ routes: externals }: ExternalProtocol): void {
    void this.app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
      for (const external of externals) this.#addExternal(scope as unknown as FastifyInstance, external)
    })
  }

  #addExternal(scope: FastifyInstance, external: ExternalRoute): void {
    scope.route({
      method: external.method,
      url: external.path,
      config: { external },
      ...(external.maxBodyBytes === 0 ? {} : { bodyLimit: external.maxBodyBytes }),
      handler: async (request, reply) => {
        const { principal, lease } = this.#entered(request)
        const access = { principal, route: external.path }
        lease?.hold()
        const answer = await external.handle(externalCall(request, reply, principal)).finally(() => lease?.release())
        if (answer.refused !== undefined) this.#recorder.counted(access, answer.refused)
        else if (external.evidence === 'counted') this.#recorder.counted(access)
        return this.#sendExternal(reply, answer)
      },
    })
  }

  #sendExternal(reply: FastifyReply, { status, headers, body }: ExternalAnswer): FastifyReply {
    return reply.code(status).headers(headers).send(body)
  }

  /** What the gate has found out; without it nothing goes on. */
  #entered(request: FastifyRequest): RequestFacts & { readonly principal: Principal } {
    const facts = this.#facts.get(request)
    if (facts?.principal === undefined) throw new AccessError('access_unauthenticated')
    return facts as RequestFacts & { readonly principal: Principal }
  }

  #addClosing(): void {
    this.app.addHook('preClose', (done) => {
      this.#stopping = true
      this.#streams.close()
      // The server's own timeouts end with close(); what has not finished by then is cut.
      const timer = setTimeout(() => this.#guard.cut(), this.#limits.drainMs)
      this.app.server.once('close', () => clearTimeout(timer))
      done()
    })
    this.app.addHook('onClose', () => {
      this.#log.close()
      return this.#options.recorder === undefined ? this.#recorder.close() : this.#recorder.flush(true)
    })
  }

  #enter(request: FastifyRequest, reply: FastifyReply): void {
    reply.headers(STANDARD_HEADERS).header('x-request-id', request.id)
    const facts = newFacts(routeName(request))
    this.#facts.set(request, facts)
    this.#names.set(request.raw, facts.route)
    if (!this.#guard.isAdmitted(request.raw)) throw new HttpError('request_malformed', { about: 'pipelining' })
    reply.raw.once('close', () => facts.lease?.release())
    passGate(request, reply, facts, this.#gate())
    this.#guard.welcomeBody(request.raw, reply.raw, facts.upload === undefined && facts.release === undefined)
  }

  #gate(): Gate {
    return {
      authenticator: this.#authenticator,
      budget: this.#budget,
      places: this.#places,
      releasePlace: this.#releasePlace,
      limits: this.#limits,
      clock: this.#options.clock,
      externals: this.#protocols.flatMap((protocol) => protocol.routes),
      isStopping: () => this.#stopping,
    }
  }

  #enterUnroutable(request: FastifyRequest, error: unknown): unknown {
    const facts = newFacts(UNKNOWN_ROUTE)
    this.#facts.set(request, facts)
    try {
      facts.principal = this.#authenticator.authenticate(request.raw.socket as TLSSocket, this.#options.clock.nowMs())
      this.#budget.take(facts.principal.clientId, 0).release()
      return error
    } catch (refusal) {
      return refusal
    }
  }

  /** The one way to say no: the fixed text of a code, and evidence that it was said. */
  #refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = translate(thrown)
    const facts = errorFacts(error)
    const protocol = protocolOf(request.raw.url ?? '', this.#protocols)
    const { route, principal } = this.#facts.get(request) ?? { route: UNKNOWN_ROUTE, principal: undefined }
    const named = principal ?? (facts.code === 'access_revoked' ? this.#nameOf(request.raw.socket) : undefined)
    // A request that broke off in its body has been noted where the connection broke.
    const isBroken = !request.raw.complete && request.raw.destroyed
    if (!isBroken) this.#note(facts.code, error, request.id, route, named)
    reply.code(facts.status).headers({ ...STANDARD_HEADERS, ...retryHeaders(facts), 'x-request-id': request.id })
    // What is left of a body that nobody will read must not be taken for the next request.
    const isLeft = !request.raw.complete && this.#unreadBody(request) === undefined
    if (isLeft && !this.#isSkippable(request, facts.code)) reply.header('connection', 'close')
    if (protocol !== undefined) return this.#sendExternal(reply, foreignRefusal(protocol, facts))
    return this.#send(request, reply, JSON.stringify(errorAnswer(facts, request.id)))
  }

  /** Sends an answer, and sees to what is still on its way of an image that is not wanted any more. */
  #send(request: FastifyRequest, reply: FastifyReply, content: string | Uint8Array): FastifyReply {
    const body = this.#unreadBody(request)
    if (body === undefined) return reply.send(content)
    if (!isSoonOver(body, this.#limits)) reply.header('connection', 'close')
    reply.header('content-length', Buffer.byteLength(content))
    return reply.send(answerAheadOf(body, content, this.#limits, () => request.raw.socket.destroySoon()))
  }

  /** The body of an image that has not been read to its end. */
  #unreadBody(request: FastifyRequest): UploadBody | undefined {
    const body = this.#facts.get(request)?.body
    return body === undefined || body.isEmptied || this.#guard.holdsBack(request.raw) ? undefined : body
  }

  /**
   * A client that asks too often keeps its connection, or it would come again with a handshake each time, which costs
   * more than to pass over a body. Not where the end of the body is not known, or the client may not send it at all.
   */
  #isSkippable({ headers }: FastifyRequest, code: string): boolean {
    const isKnown = headers['transfer-encoding'] === undefined && headers.expect === undefined
    return (
      code === 'request_rate_limited' && isKnown && Number(headers['content-length'] ?? 0) <= this.#limits.maxBodyBytes
    )
  }

  #nameOf(socket: object): Principal | undefined {
    return this.#authenticator.nameOf(socket as TLSSocket)
  }

  #noteShed(socket: TLSSocket | undefined): void {
    const principal = socket && this.#nameOf(socket)
    this.#recorder.counted({ principal, route: UNKNOWN_ROUTE }, 'connection_shed')
    this.#log.write('warn', 'connection-shed', principal?.clientId, {})
  }

  #note(code: string, error: unknown, requestId: string, route: string, principal: Principal | undefined): void {
    const access = { principal, route }
    if (error instanceof AccessError) this.#recorder.refused(access, code)
    else this.#recorder.counted(access, code)
    const fields = { requestId, code, route }
    const isFault = code === 'internal' || code === 'response_malformed'
    if (isFault) this.#log.write('error', 'request-failed', principal?.clientId, { ...fields, ...placeOfFault(error) })
    else this.#log.write('info', 'request-refused', principal?.clientId, fields)
  }

  #noteBroken(code: HttpErrorCode, socket: TLSSocket, request: object | undefined, requestId: string): void {
    const route = (request && this.#names.get(request)) ?? UNKNOWN_ROUTE
    let principal: Principal | undefined
    try {
      principal = this.#authenticator.authenticate(socket, this.#options.clock.nowMs())
    } catch {
      // Counted without a name, as any client that cannot be identified.
    }
    this.#recorder.counted({ principal, route }, code)
    this.#log.write('info', 'request-refused', principal?.clientId, { requestId, code, route })
  }

  #newRequestId(): string {
    return (this.#options.randomness ?? systemRandomness).bytes(12).toString('hex')
  }
}
