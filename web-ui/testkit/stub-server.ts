import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { extname, join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { type Role, roles } from '../../runtime/access/principal.ts'
import { PAGE_HEADERS } from '../../runtime/http/page-headers.ts'
import type { TestSite } from '../../runtime/http/testkit/certificates.ts'
import { ensurePages, filesBelow } from '../build/page-build.ts'
import { type Answer, refuse, StubAnswers } from './stub-answers.ts'
import { actionOf, stubActions } from './stub-policy.ts'

/**
 * `data`: everything answers. `empty`: nothing is installed and nothing was decided. `failing`: everything is 500.
 * `partly`: it has
 * nothing that only the pages need: no events and no details.
 */
export type StubMode = 'data' | 'empty' | 'failing' | 'partly'

export interface Received {
  readonly role: Role
  readonly method: string
  readonly path: string
  readonly status: number
}

/** The media types of all files that the build makes. */
export const pageTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
}

/** Serves the built pages and made-up answers over TLS with client certificates, as the runtime does. */
export class StubServer {
  mode: StubMode = 'data'
  readonly answers = new StubAnswers()
  /** Every request under /v1, and what came of it. */
  readonly received: Received[] = []
  readonly #files: ReadonlyMap<string, Buffer>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #streams = new Set<ServerResponse>()

  constructor(site: TestSite, folder: string) {
    this.#files = new Map(filesBelow(folder).map((path) => [`/${path}`, readFileSync(join(folder, path))]))
    const tls = { key: site.server.key, cert: site.server.cert, ca: site.authority.certificatePem }
    const options = { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' } as const
    this.#server = createServer(options, (request, response) => this.#serve(request, response))
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(site: TestSite): Promise<StubServer> {
    const { folder } = await ensurePages()
    const stub = new StubServer(site, folder)
    await stub.listen(0)
    return stub
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
  }

  get origin(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Sends every open stream a decision. */
  emit(): void {
    for (const response of this.#streams) response.write(this.answers.nextEvent(mayRead(roleOf(response.req))))
  }

  /** Breaks all connections; with `listen` it comes back. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const [path = '/', method = 'GET'] = [request.url, request.method]
    if (!path.startsWith('/v1/')) {
      this.#file(path, response)
      return
    }
    const role = roleOf(request)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const answer = this.#answer(role, method, path, Buffer.concat(parts), request)
      this.received.push({ role, method, path, status: answer?.status ?? 200 })
      if (answer === undefined) this.#stream(request, response)
      else response.writeHead(answer.status, { 'cache-control': 'no-store', ...answer.headers }).end(answer.content)
    })
  }

  /** @returns undefined for the stream of events */
  #answer(role: Role, method: string, path: string, body: Buffer, request: IncomingMessage): Answer | undefined {
    if (this.mode === 'failing') return refuse(500, 'internal', 'The box failed. The log has the details.')
    const action = actionOf(method, path)
    const isOld = /^\/v1\/(health|models|decisions\/[^/]+(\/outputs\/[^/]+|\/feedback)?)$/.test(path)
    if (action === undefined || (this.mode === 'partly' && !isOld))
      return refuse(404, 'route_unknown', 'There is no such route.')
    if (!stubActions[role].includes(action)) return refuse(403, 'access_denied', 'The role may not do this.')
    if (path === '/v1/events') return undefined
    return this.answers.answer(this.mode, role, method, path, body, String(request.headers['content-type']))
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
    const role = roleOf(request)
    response.write(this.answers.firstEvents(this.mode, mayRead(role), request.headers['last-event-id']))
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
  }

  #file(path: string, response: ServerResponse): void {
    const name = path === '/' ? '/index.html' : path
    const bytes = this.#files.get(name)
    const type = pageTypes[extname(name)]
    if (bytes === undefined || type === undefined) {
      response.writeHead(404, PAGE_HEADERS).end()
      return
    }
    response.writeHead(200, { ...PAGE_HEADERS, 'cache-control': 'no-cache', 'content-type': type }).end(bytes)
  }
}

function mayRead(role: Role): boolean {
  return stubActions[role].includes('decision.read')
}

function roleOf(request: IncomingMessage): Role {
  const { OU } = (request.socket as TLSSocket).getPeerCertificate().subject
  return roles.find((role) => role === OU) ?? 'bedside'
}
