import { chmodSync, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type ZodType, z } from 'zod'
import type { JsonObject } from './canonical-json.ts'
import { connectSocket } from './channel-client.ts'
import { ChannelError } from './channel-errors.ts'
import { encodeFrame, FrameReader } from './channel-frame.ts'
import { systemClock } from './clock.ts'
import { errorCode } from './errors.ts'
import type { Log } from './log.ts'
import { LogBudget } from './log-budget.ts'
import { socketAddress } from './socket-address.ts'

export { type ChannelClient, openChannel } from './channel-client.ts'

/** What one method takes and does. A WardstoneError that it throws reaches the caller as its code, and nothing else of it. */
export interface ChannelMethod {
  readonly request: ZodType
  handle(request: never): Promise<JsonObject>
}

export interface ChannelServer {
  /** No new request; those under way get their answer; then the socket is gone. */
  close(): Promise<void>
}

/** Who may connect: this user alone, or also the members of the folder's group. */
export const channelAccess = ['owner', 'group'] as const
export type ChannelAccess = (typeof channelAccess)[number]

export interface ChannelServerOptions {
  /** Of any length. The folder is made when it is missing; it must belong to this user, and nobody else may write in it. */
  readonly path: string
  /** Default `owner`. */
  readonly access?: ChannelAccess | undefined
  readonly handlers: Readonly<Record<string, ChannelMethod>>
  readonly maxMessageBytes?: number
  readonly log: Log
}

export const MAX_MESSAGE_BYTES = 1_048_576
const MAX_CONNECTIONS = 16
/** Requests of one connection that are worked on at a time; the rest waits in the socket. */
const MAX_UNDER_WAY = 8
/** A message that has begun must end, and an answer be taken, within this. */
const STALL_MS = 10_000
const CLOSE_LIMIT_MS = 10_000

const requestSchema = z.strictObject({
  id: z.int().min(1),
  method: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  body: z.record(z.string(), z.unknown()),
})

/** A method whose handler gets what its schema yields. */
export function channelMethod<T>(
  request: ZodType<T>,
  handle: (request: T) => Promise<JsonObject> | JsonObject,
): ChannelMethod {
  return { request, handle: async (value: never) => handle(value) }
}

/**
 * Modes of folder and socket, and what the folder may grant nobody. Who may write in the folder could put a socket of his own
 * in the place of ours, so that is refused for the group as well.
 */
const modes = {
  owner: { folder: 0o700, socket: 0o600, forbidden: 0o077 },
  group: { folder: 0o750, socket: 0o660, forbidden: 0o027 },
} as const satisfies Record<ChannelAccess, object>

/**
 * Answers local processes on a unix stream socket: frames of a u32 length and canonical JSON, `{ id, method, body }` against
 * `{ id, ok }` or `{ id, error: { code } }`. A peer that breaks the form loses its connection. The socket has mode 0600 in a
 * folder of mode 0700; with access `group` 0660 in a folder of at most 0750 (a setgid bit, 2750, gives the socket its group).
 * @throws ChannelError channel_path_unsafe | channel_in_use | channel_listen_failed
 */
export async function serveChannel(options: ChannelServerOptions): Promise<ChannelServer> {
  const access = modes[options.access ?? 'owner']
  preparePath(options.path, access)
  await removeStale(options.path)
  const connections = new Set<ServedConnection>()
  const warnings = new LogBudget(options.log, systemClock)
  const server = createServer((socket) => {
    const connection = new ServedConnection(socket, options, warnings)
    connections.add(connection)
    socket.on('close', () => connections.delete(connection))
  })
  server.maxConnections = MAX_CONNECTIONS
  await listen(server, options.path, access.socket)
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all([...connections].map((connection) => connection.finish()))
      await closed
    },
  }
}

function preparePath(path: string, access: (typeof modes)[ChannelAccess]): void {
  const folder = dirname(path)
  try {
    mkdirSync(folder, { recursive: true, mode: access.folder })
  } catch (cause) {
    throw new ChannelError('channel_listen_failed', { cause })
  }
  const { mode, uid } = statSync(folder)
  if ((mode & access.forbidden) !== 0 || uid !== process.getuid?.()) throw new ChannelError('channel_path_unsafe')
}

/** A process that was killed leaves its socket behind; one that still answers keeps it. */
async function removeStale(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false })
  if (file === undefined) return
  if (!file.isSocket()) throw new ChannelError('channel_path_unsafe')
  const other = await connectSocket(path, STALL_MS).catch(() => undefined)
  if (other === undefined) return rmSync(path, { force: true })
  other.destroy()
  throw new ChannelError('channel_in_use')
}

function listen(server: Server, path: string, mode: number): Promise<void> {
  const address = socketAddress(path)
  // Closing removes the socket by the address that it was bound to.
  server.once('close', () => address[Symbol.dispose]())
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      address[Symbol.dispose]()
      reject(new ChannelError('channel_listen_failed', { cause }))
    })
    server.listen(address.path, () => {
      chmodSync(path, mode)
      resolve()
    })
  })
}

/** One peer of the server. Its requests are worked on side by side, answered in the order in which they are done. */
class ServedConnection {
  readonly #socket: Socket
  readonly #options: ChannelServerOptions
  readonly #warnings: LogBudget
  readonly #maxMessageBytes: number
  readonly #frames: FrameReader
  readonly #underWay = new Set<Promise<void>>()
  #waiting: JsonObject[] = []
  #isFinishing = false

  constructor(socket: Socket, options: ChannelServerOptions, warnings: LogBudget) {
    this.#socket = socket
    this.#options = options
    this.#warnings = warnings
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES
    this.#frames = new FrameReader(this.#maxMessageBytes)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // The socket's own timer counts while a message is under way in either direction; a quiet peer may stay.
    socket.on('timeout', () => this.#break(new ChannelError('channel_timeout')))
  }

  async finish(): Promise<void> {
    this.#isFinishing = true
    this.#socket.pause()
    this.#waiting = []
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const limit = setTimeout(resolve, CLOSE_LIMIT_MS)
    await Promise.race([Promise.allSettled(this.#underWay), late])
    clearTimeout(limit)
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    try {
      this.#waiting.push(...this.#frames.push(chunk))
    } catch (error) {
      this.#break(error)
      return
    }
    this.#watch()
    this.#work()
  }

  #watch(): void {
    const isStalling = this.#frames.isInside || this.#socket.writableLength > 0
    this.#socket.setTimeout(isStalling && !this.#socket.isPaused() ? STALL_MS : 0)
  }

  #work(): void {
    while (this.#underWay.size < MAX_UNDER_WAY && !this.#isFinishing) {
      const message = this.#waiting.shift()
      if (message === undefined) break
      const work: Promise<void> = this.#answer(message).finally(() => {
        this.#underWay.delete(work)
        this.#work()
      })
      this.#underWay.add(work)
    }
    if (this.#isFinishing) return
    if (this.#waiting.length > 0) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
    this.#watch()
  }

  async #answer(message: JsonObject): Promise<void> {
    const parsed = requestSchema.safeParse(message)
    if (!parsed.success) return this.#break(new ChannelError('channel_broken'))
    const { id, method, body } = parsed.data
    const answer = await this.#run(method, body)
      .then((ok) => encodeFrame({ id, ok }, this.#maxMessageBytes))
      .catch((error: unknown) => this.#refusal(id, method, error))
    if (this.#socket.destroyed) return
    await new Promise<void>((resolve) => {
      this.#socket.write(answer, () => resolve())
      this.#watch()
    })
  }

  async #run(name: string, body: unknown): Promise<JsonObject> {
    const method = Object.hasOwn(this.#options.handlers, name) ? this.#options.handlers[name] : undefined
    if (method === undefined) throw new ChannelError('channel_method_unknown')
    const request = method.request.safeParse(body)
    if (!request.success) throw new ChannelError('channel_request_invalid')
    return method.handle(request.data as never)
  }

  #refusal(id: number, method: string, error: unknown): Buffer {
    const code = errorCode(error)
    // A name that is none of ours is a text of the peer, and could say anything.
    const known = Object.hasOwn(this.#options.handlers, method) ? { method } : {}
    this.#warnings.warn('channel-refused', { ...known, code })
    return encodeFrame({ id, error: { code } }, MAX_MESSAGE_BYTES)
  }

  #break(error: unknown): void {
    if (this.#socket.destroyed) return
    this.#warnings.warn('channel-broken', { code: errorCode(error) })
    this.#socket.destroy()
  }
}
