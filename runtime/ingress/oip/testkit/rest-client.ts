import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import type { TlsIdentity } from '../../../http/testkit/certificates.ts'

export interface RestReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What follows the JSON. */
  readonly bytes: Buffer
  /** What is no JSON, where there is no header of this protocol. */
  readonly text: string
  readonly json: unknown
}

/** A client that knows bytes and JSON, and nothing of the protocol. */
export class RestClient {
  readonly #agent: Agent
  readonly #port: number

  constructor(port: number, authority: string, identity: TlsIdentity) {
    this.#port = port
    this.#agent = new Agent({ ca: authority, ...identity, keepAlive: true, maxSockets: 4 })
  }

  call(
    method: 'GET' | 'POST',
    path: string,
    body?: string | Uint8Array,
    headers: Readonly<Record<string, string | string[]>> = {},
  ): Promise<RestReply> {
    const { promise, resolve, reject } = Promise.withResolvers<RestReply>()
    const options = { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, timeout: 20_000 }
    const sent = request({
      ...options,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    })
    sent.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(parts)
        const length = Number(response.headers['inference-header-content-length'] ?? bytes.length)
        const text = bytes.subarray(0, length).toString('utf8')
        const json = /^[[{]/.test(text) ? JSON.parse(text) : undefined
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, bytes: bytes.subarray(length), text, json })
      })
    })
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy())
    sent.end(body)
    return promise
  }

  /** A request whose connection is given up. */
  leaveAfter(path: string, body: unknown, ms: number): void {
    const headers = { 'content-type': 'application/json' }
    const options = { host: '127.0.0.1', port: this.#port, agent: this.#agent, method: 'POST', path, headers }
    const sent = request(options)
    sent.on('error', () => {})
    sent.end(JSON.stringify(body))
    setTimeout(() => sent.destroy(), ms)
  }

  get(path: string): Promise<RestReply> {
    return this.call('GET', path)
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<RestReply> {
    return this.call('POST', path, JSON.stringify(body), headers)
  }

  /** JSON, and bytes after it. */
  postBinary(path: string, body: unknown, bytes: Uint8Array): Promise<RestReply> {
    const json = Buffer.from(JSON.stringify(body))
    const headers = {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.length),
    }
    return this.call('POST', path, Buffer.concat([json, bytes]), headers)
  }

  close(): void {
    this.#agent.destroy()
  }
}
