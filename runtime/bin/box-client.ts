import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ZodObject, type ZodType, z } from 'zod'
import { errorAnswerSchema } from '../http/contract.ts'
import type { BoxSettings } from './box-settings.ts'
import { BoxRefusal, ClientError } from './client-errors.ts'

const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const ANSWER_MS = 60_000
/** Longer than the box takes for an image whose sender pauses. */
const UPLOAD_MS = 300_000
const DECIDED = [200, 202]
/** Longer than the box is ever silent on a stream (15 s). */
const STREAM_SILENCE_MS = 45_000

export interface Body {
  readonly type: string
  readonly bytes: number
  /** Read as fast as the box takes it. */
  readonly content: Readable
}

/** The box over HTTPS: TLS 1.3, both sides with a certificate. One at a time is asked. */
export class Box {
  readonly url: string
  readonly #agent: Agent
  readonly #interrupted: AbortSignal
  #hasAnswered = false

  constructor({ url, certificate, key, authority }: BoxSettings, interrupted: AbortSignal) {
    this.url = url.origin
    this.#interrupted = interrupted
    this.#agent = new Agent({ keepAlive: true, minVersion: 'TLSv1.3', cert: certificate, key, ca: authority })
  }

  close(): void {
    this.#agent.destroy()
  }

  /** @throws BoxRefusal, ClientError */
  async get<T>(path: string, schema: ZodType<T>): Promise<T> {
    return read(await this.#exchange({ method: 'GET', path }), schema)
  }

  /** @param isAnswer other statuses than 200 whose body is the answer too. @throws BoxRefusal, ClientError */
  async post<T>(path: string, body: unknown, schema: ZodType<T>): Promise<T> {
    const text = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    return read(await this.#exchange({ method: 'POST', path, headers }, text), schema)
  }

  /** As `post`, of a body that is read while it is sent. */
  async send<T>(path: string, { type, bytes, content }: Body, schema: ZodType<T>): Promise<T> {
    const headers = { 'content-type': type, 'content-length': bytes }
    return read(await this.#exchange({ method: 'POST', path, headers }, content), schema)
  }

  /** An answer that is read as it comes. @throws BoxRefusal, ClientError */
  async open(path: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const incoming = await this.#ask({ method: 'GET', path, headers, timeout: STREAM_SILENCE_MS })
    if (incoming.statusCode === 200) return incoming
    return refuse(await bodyOf(incoming))
  }

  async #exchange(options: RequestOptions, body?: string | Readable): Promise<Exchange> {
    const waitMs = typeof body === 'object' ? UPLOAD_MS : ANSWER_MS
    const incoming = await this.#ask({ ...options, timeout: waitMs }, body)
    return { status: incoming.statusCode ?? 0, body: await bodyOf(incoming) }
  }

  #ask(options: RequestOptions, body?: string | Readable): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const outgoing = request(new URL(options.path ?? '/', this.url), {
      ...options,
      agent: this.#agent,
      signal: this.#interrupted,
    })
    let reached: Reached = 'nothing'
    const fail = (cause: unknown) => reject(connectionFault(cause, this.url, this.#hasAnswered ? 'answers' : reached))
    outgoing.on('socket', (socket) => {
      socket.once('connect', () => {
        reached = 'a port'
      })
      socket.once('secureConnect', () => {
        reached = 'the box'
      })
    })
    outgoing.on('timeout', () => outgoing.destroy(new ClientError('client_timeout', { about: this.url })))
    outgoing.on('error', fail)
    // An answer that comes before the body has gone is the answer; what is then said of the body says nothing more.
    outgoing.on('response', (incoming) => {
      this.#hasAnswered = true
      resolve(incoming)
    })
    if (typeof body === 'object') pipeline(body, outgoing).catch(fail)
    else outgoing.end(body)
    return promise
  }
}

/** How far a connection had come when it failed. */
type Reached = 'nothing' | 'a port' | 'the box' | 'answers'

interface Exchange {
  readonly status: number
  readonly body: unknown
}

/** An object of the contract in which a newer box may say more. */
export function open<T extends ZodObject>(schema: T) {
  return z.looseObject(schema.shape as T['shape'])
}

function read<T>({ status, body }: Exchange, schema: ZodType<T>): T {
  const parsed = schema.safeParse(body)
  // A refusal that was recorded is an answer with a decision of its own.
  const isAnswer = DECIDED.includes(status) || (isRefused(body) && parsed.success)
  if (!isAnswer) return refuse(body)
  if (!parsed.success) throw new ClientError('client_answer_malformed', { about: firstFault(parsed.error) })
  return parsed.data
}

function isRefused(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'decision' in body
}

function firstFault({ issues }: z.ZodError): string {
  return (issues[0]?.path ?? []).join('.')
}

function refuse(body: unknown): never {
  const parsed = z.looseObject({ error: open(errorAnswerSchema.shape.error) }).safeParse(body)
  if (!parsed.success) throw new ClientError('client_answer_malformed')
  throw new BoxRefusal(parsed.data.error)
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let total = 0
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) {
      total += part.length
      if (total > MAX_ANSWER_BYTES) throw new ClientError('client_answer_malformed', { about: 'too large' })
      parts.push(part)
    }
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('client_connection_broken', { cause })
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (cause) {
    throw new ClientError('client_answer_malformed', { cause, about: 'not JSON' })
  }
}

const unreachable = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EACCES']
/** Node's names of what OpenSSL says of a server's certificate. */
const untrusted = /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|ERR_TLS_CERT)/
/** TLS alerts by which the other side refuses ours (RFC 8446 §6.2). */
const notAccepted =
  /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|HANDSHAKE_FAILURE)/

function connectionFault(cause: unknown, url: string, reached: Reached): unknown {
  if (cause instanceof ClientError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'internal'
  const fault = (name: ConstructorParameters<typeof ClientError>[0]) =>
    new ClientError(name, { cause, about: `${url}: ${code}` })
  if (code === 'ABORT_ERR') return cause
  if (untrusted.test(code)) return fault('client_server_untrusted')
  // With TLS 1.3 the handshake is over for us before the other side has looked at our certificate.
  if (notAccepted.test(code) || reached === 'the box') return fault('client_not_accepted')
  if (unreachable.includes(code) || reached === 'nothing') return fault('client_unreachable')
  return fault(code.startsWith('ERR_SSL') || code === 'EPROTO' ? 'client_server_untrusted' : 'client_connection_broken')
}
