import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import type { JsonObject } from './canonical-json.ts'
import { ChannelError } from './channel-errors.ts'
import { encodeFrame, FrameReader } from './channel-frame.ts'
import { type SocketAddress, socketAddress } from './socket-address.ts'

export interface ChannelClient {
  /**
   * Asks the other process; connects when there is no connection. Whether a request that failed was carried out is not known
   * but for channel_refused: methods are made to be asked again.
   * @throws ChannelError channel_unreachable | channel_timeout | channel_broken | channel_busy | channel_closed |
   * channel_message_too_large; channel_refused with the peer's code as `about`
   */
  call(method: string, request: JsonObject, timeoutMs: number): Promise<JsonObject>
  close(): void
}

const DEFAULT_MESSAGE_BYTES = 1_048_576
const MAX_PENDING = 64

const answerSchema = z.union([
  z.strictObject({ id: z.int().min(1), ok: z.record(z.string(), z.json()) }),
  z.strictObject({ id: z.int().min(1), error: z.strictObject({ code: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/) }) }),
])
type Answer = z.infer<typeof answerSchema>

interface Pending {
  readonly resolve: (answer: JsonObject) => void
  readonly reject: (error: ChannelError) => void
}

/** @param path of the socket that the other process serves; nothing is opened before the first call */
export function openChannel(path: string, options: { maxMessageBytes?: number } = {}): ChannelClient {
  return new SocketClient(path, options.maxMessageBytes ?? DEFAULT_MESSAGE_BYTES)
}

/** @throws ChannelError channel_unreachable | channel_timeout */
export function connectSocket(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const address = addressOf(path)
    const socket = connect(address.path)
    const settled = () => {
      clearTimeout(limit)
      address[Symbol.dispose]()
    }
    const limit = setTimeout(() => {
      settled()
      socket.destroy()
      reject(new ChannelError('channel_timeout'))
    }, timeoutMs)
    socket.once('connect', () => {
      settled()
      resolve(socket)
    })
    socket.once('error', (cause) => {
      settled()
      reject(new ChannelError('channel_unreachable', { cause }))
    })
  })
}

/** @throws ChannelError channel_unreachable */
function addressOf(path: string): SocketAddress {
  try {
    return socketAddress(path)
  } catch (cause) {
    throw new ChannelError('channel_unreachable', { cause })
  }
}

class SocketClient implements ChannelClient {
  readonly #path: string
  readonly #maxMessageBytes: number
  readonly #pending = new Map<number, Pending>()
  #socket: Promise<Socket> | undefined
  #lastId = 0
  #isClosed = false

  constructor(path: string, maxMessageBytes: number) {
    this.#path = path
    this.#maxMessageBytes = maxMessageBytes
  }

  async call(method: string, request: JsonObject, timeoutMs: number): Promise<JsonObject> {
    if (this.#isClosed) throw new ChannelError('channel_closed')
    if (this.#pending.size >= MAX_PENDING) throw new ChannelError('channel_busy')
    const id = ++this.#lastId
    const frame = encodeFrame({ id, method, body: request }, this.#maxMessageBytes)
    const answer = new Promise<JsonObject>((resolve, reject) => this.#pending.set(id, { resolve, reject }))
    const limit = setTimeout(() => this.#giveUp(id), timeoutMs)
    try {
      this.#socket ??= this.#connect(timeoutMs)
      void this.#socket.then(
        (socket) => this.#pending.has(id) && socket.write(frame),
        (error: ChannelError) => this.#pending.get(id)?.reject(error),
      )
      return await answer
    } finally {
      clearTimeout(limit)
      this.#pending.delete(id)
    }
  }

  close(): void {
    this.#isClosed = true
    void this.#socket?.then((socket) => socket.destroy()).catch(() => {})
    this.#fail(new ChannelError('channel_closed'))
  }

  #connect(timeoutMs: number): Promise<Socket> {
    const connecting: Promise<Socket> = connectSocket(this.#path, timeoutMs).then((socket) =>
      this.#attach(socket, connecting),
    )
    connecting.catch(() => this.#forget(connecting))
    return connecting
  }

  #attach(socket: Socket, connecting: Promise<Socket>): Socket {
    const frames = new FrameReader(this.#maxMessageBytes)
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#forget(connecting)) this.#fail(new ChannelError('channel_broken'))
    })
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of frames.push(chunk)) this.#take(message)
      } catch {
        socket.destroy()
      }
    })
    if (this.#isClosed) socket.destroy()
    return socket
  }

  /** @returns whether it was the connection in use */
  #forget(connection: Promise<Socket>): boolean {
    if (this.#socket !== connection) return false
    this.#socket = undefined
    return true
  }

  /** An answer to a call that was given up is passed over; one to a call that never was breaks the connection. */
  #take(message: JsonObject): void {
    const parsed = answerSchema.safeParse(message)
    if (!parsed.success || parsed.data.id > this.#lastId) throw new ChannelError('channel_broken')
    const pending = this.#pending.get(parsed.data.id)
    if (pending !== undefined) settle(pending, parsed.data)
  }

  /** A peer that leaves all calls unanswered may be stuck: the next call starts with a connection of its own. */
  #giveUp(id: number): void {
    this.#pending.get(id)?.reject(new ChannelError('channel_timeout'))
    if (this.#pending.size > 1) return
    const stuck = this.#socket
    this.#socket = undefined
    void stuck?.then((socket) => socket.destroy()).catch(() => {})
  }

  #fail(error: ChannelError): void {
    for (const pending of this.#pending.values()) pending.reject(error)
  }
}

function settle(pending: Pending, answer: Answer): void {
  if ('ok' in answer) pending.resolve(answer.ok as JsonObject)
  else pending.reject(new ChannelError('channel_refused', { about: answer.error.code }))
}
