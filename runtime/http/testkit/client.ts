import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { TlsIdentity } from './certificates.ts'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: { readonly error?: { readonly code: string; readonly about?: string; readonly requestId: string } }
}

export interface CallOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  readonly agent?: Agent
}

/** A client of the server under test, as one certificate. */
export class TestClient {
  readonly port: number
  readonly tls: ConnectionOptions

  constructor(port: number, authority: string, identity: TlsIdentity | undefined, options: ConnectionOptions = {}) {
    this.port = port
    this.tls = { host: '127.0.0.1', port, ca: authority, ...identity, ...options }
  }

  agent(): Agent {
    const { host: _, port: __, ...tls } = this.tls
    return new Agent({ ...tls, keepAlive: true, maxSockets: 1 })
  }

  call(path: string, options: CallOptions = {}): Promise<Reply> {
    const method = options.method ?? (options.body === undefined ? 'GET' : 'POST')
    const headers = {
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    }
    const agent = options.agent ?? false
    return new Promise((resolve, reject) => {
      const sent = request({ ...this.tls, path, method, headers, agent, timeout: 20_000 } as object, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8')
          const json = isJson(text) ? JSON.parse(text) : {}
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
        })
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.on('timeout', () => sent.destroy())
      sent.end(options.body)
    })
  }

  post(path: string, body: unknown, options: CallOptions = {}): Promise<Reply> {
    return this.call(path, { ...options, method: 'POST', body: JSON.stringify(body) })
  }

  /** A TLS connection on which the test writes the bytes itself. */
  open(): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.tls)
      socket.once('error', reject)
      socket.once('secureConnect', () => {
        socket.off('error', reject)
        resolve(new RawConnection(socket))
      })
    })
  }

  /** Writes bytes, ends its side when asked, and waits for the server to close or for `untilMs`. */
  async raw(bytes: string | Uint8Array, { end = false, untilMs = 3000 } = {}): Promise<string> {
    const connection = await this.open()
    connection.write(bytes)
    if (end) connection.end()
    return connection.closed(untilMs)
  }
}

export class RawConnection {
  readonly socket: TLSSocket
  #received = ''
  #isClosed = false

  constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (part) => {
      this.#received += part.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isClosed = true
    })
  }

  get received(): string {
    return this.#received
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  write(bytes: string | Uint8Array): void {
    if (!this.#isClosed) this.socket.write(bytes)
  }

  end(): void {
    this.socket.end()
  }

  /** What was received when the server closed, or after `untilMs`. */
  async closed(untilMs: number): Promise<string> {
    const end = performance.now() + untilMs
    while (!this.#isClosed && performance.now() < end) await pause(10)
    this.socket.destroy()
    return this.#received
  }

  async until(text: string, untilMs = 3000): Promise<string> {
    const end = performance.now() + untilMs
    while (!this.#received.includes(text) && !this.#isClosed && performance.now() < end) await pause(5)
    return this.#received
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The error code in a raw HTTP answer; undefined when there is none. */
export function codeIn(answer: string): string | undefined {
  return /"code":"([a-z_]+)"/.exec(answer)?.[1]
}

function isJson(text: string): boolean {
  return text.startsWith('{')
}
