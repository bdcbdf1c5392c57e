import { Agent, request } from 'node:https'
import { DemoError } from './errors.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024

const CLOCK_CODES = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']

function connectionError(cause: NodeJS.ErrnoException, what: string): DemoError {
  const { code = '' } = cause
  if (CLOCK_CODES.includes(code)) {
    return new DemoError('demo_clock_wrong', { cause, about: `it says ${new Date().toISOString()}; ${code}` })
  }
  return new DemoError('demo_request_failed', { cause, about: code === '' ? what : `${what}: ${code}` })
}

/** A client of the local API, as a bedside device would be one: TLS 1.3, its own certificate, kept-alive connections. */
export class ApiClient {
  readonly #agent: Agent
  readonly #url: string

  constructor(
    url: string,
    tls: { readonly key: string; readonly certificate: string; readonly authority: string },
    maxSockets = 4,
  ) {
    this.#url = url
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets,
      minVersion: 'TLSv1.3',
      key: tls.key,
      cert: tls.certificate,
      ca: tls.authority,
    })
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path)
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.#send('POST', path, JSON.stringify(body))
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(method: string, path: string, body?: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request(
      new URL(path, this.#url),
      { method, agent: this.#agent, headers, timeout: 30_000 },
      (incoming) => {
        const parts: Buffer[] = []
        let total = 0
        incoming.on('data', (part: Buffer) => {
          total += part.length
          if (total > MAX_ANSWER_BYTES) incoming.destroy()
          else parts.push(part)
        })
        incoming.on('error', reject)
        incoming.on('end', () => {
          try {
            resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString('utf8')) })
          } catch (cause) {
            reject(new DemoError('demo_request_failed', { cause, about: `${method} ${path}` }))
          }
        })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('error', (cause) => reject(connectionError(cause, `${method} ${path}`)))
    outgoing.end(body)
    return promise
  }
}
