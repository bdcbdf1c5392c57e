import { fstatSync, readSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type SocketAddress, socketAddress } from '../../device/platform/socket-address.ts'
import type { ChildEvents, IsolatedChild, WorkerEnd } from './child-channel.ts'
import { BlockReader, encodeOrder, type UnitOrder } from './unit-channel.ts'

/** A process that systemd starts for us, in a unit of its own, when we connect. */
export interface UnitCall extends Pick<UnitOrder, 'dataBytes' | 'descriptors'> {
  readonly socket: string
}

const READ_BYTES = 1024 * 1024
/** Time for the unit to have ended what it holds, once its connection is closed; it takes a few milliseconds. */
const LEAVING_MS = 100

interface Waiting {
  readonly bytes: Uint8Array
  readonly written: (() => void) | undefined
}

/**
 * Asks systemd for a process, by connecting to the socket of its unit. Node cannot pass a descriptor on, so the package itself is
 * sent, ciphertext as it is; what is written meanwhile follows it.
 * @param packageFd open and read-only until the process has ended
 */
export function startInUnit(call: UnitCall, packageFd: number | undefined, events: ChildEvents): IsolatedChild {
  return new UnitChild(call, packageFd, events)
}

class UnitChild implements IsolatedChild {
  readonly pid = undefined
  readonly #events: ChildEvents
  readonly #reader = new BlockReader()
  readonly #socket: Socket | undefined
  /** What was written before the package was on its way; undefined since then. */
  #waiting: Waiting[] | undefined = []
  #drained: (() => void)[] = []
  #isReleased = false
  #end: WorkerEnd | undefined
  #hasConnected = false
  #hasEnded = false

  constructor(call: UnitCall, packageFd: number | undefined, events: ChildEvents) {
    this.#events = events
    const packageBytes = packageFd === undefined ? null : sizeOf(packageFd)
    this.#socket = packageBytes === undefined ? undefined : this.#connect(call, packageBytes)
    if (this.#socket === undefined) setImmediate(() => this.#closed())
    else void this.#sendPackage(this.#socket, packageFd, packageBytes ?? 0)
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.#waiting === undefined) return this.#socket?.write(bytes, () => written?.()) ?? false
    this.#waiting.push({ bytes, written })
    return false
  }

  whenDrained(drained: () => void): void {
    if (this.#waiting === undefined) this.#socket?.once('drain', drained)
    else this.#drained.push(drained)
  }

  hold(held: boolean): void {
    if (held) this.#socket?.ref()
    else this.#socket?.unref()
  }

  release(): void {
    this.#isReleased = true
    if (this.#waiting === undefined) this.#socket?.end()
  }

  kill(): void {
    this.#end ??= { how: 'SIGKILL', outOfMemory: false }
    this.#socket?.destroy()
  }

  #connect({ socket: path, dataBytes, descriptors }: UnitCall, packageBytes: number | null): Socket | undefined {
    let address: SocketAddress | undefined
    try {
      address = socketAddress(path)
      const socket = connect({ path: address.path })
      const letGo = address[Symbol.dispose].bind(address)
      socket.once('connect', () => {
        this.#hasConnected = true
        letGo()
      })
      socket.on('data', (chunk: Buffer) => this.#receive(chunk))
      // Its close follows, and says all there is to say.
      socket.on('error', () => {})
      socket.once('close', () => {
        letGo()
        // What waits is never sent, and whoever waits for that is not kept.
        this.#open()
        if (this.#hasConnected) setTimeout(() => this.#closed(), LEAVING_MS)
        else this.#closed()
      })
      socket.write(encodeOrder({ dataBytes, descriptors, packageBytes }))
      return socket
    } catch {
      address?.[Symbol.dispose]()
      return undefined
    }
  }

  async #sendPackage(socket: Socket, fd: number | undefined, bytes: number): Promise<void> {
    for (let sent = 0; fd !== undefined && sent < bytes; ) {
      const piece = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, bytes - sent))
      const count = readPiece(fd, piece, sent)
      // Cut off meanwhile, or unreadable: a package that is not whole does not open.
      if (count === 0) return this.kill()
      sent += count
      const { promise, resolve } = Promise.withResolvers<void>()
      socket.write(piece.subarray(0, count), () => resolve())
      await promise
      if (socket.destroyed) return
    }
    this.#open()
  }

  /** Sends what has waited for the package; from here on everything is sent as it comes. */
  #open(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const { bytes, written } of waiting) this.#socket?.write(bytes, () => written?.())
    for (const drained of this.#drained.splice(0)) drained()
    if (this.#isReleased) this.#socket?.end()
  }

  #receive(chunk: Buffer): void {
    if (this.#socket?.destroyed !== false) return
    const end = this.#reader.push(chunk, (bytes) => {
      if (this.#socket?.destroyed === false) this.#events.data(bytes)
    })
    if (end === 'broken') this.kill()
    if (end === undefined || end === 'broken') return
    this.#end ??= end
    this.#socket.destroy()
  }

  #closed(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const how = this.#hasConnected ? 'unit-lost' : 'not-started'
    this.#events.ended(this.#end ?? { how, outOfMemory: false })
  }
}

function sizeOf(fd: number): number | undefined {
  try {
    return fstatSync(fd).size
  } catch {
    return undefined
  }
}

function readPiece(fd: number, piece: Buffer, position: number): number {
  try {
    return readSync(fd, piece, 0, piece.length, position)
  } catch {
    return 0
  }
}
