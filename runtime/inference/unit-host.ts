import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { IsolatedChild, WorkerEnd } from './child-channel.ts'
import { startChild } from './isolated-child.ts'
import type { WorkerCommand } from './isolation.ts'
import { blockHead, encodeEnd, encodePulse, readOrder, type UnitOrder } from './unit-channel.ts'

export interface UnitHostOptions {
  /** The connection of the runtime; half open when its writing side is closed. */
  readonly connection: Socket
  /** How to start what runs inside, under the limits of the order. */
  command(order: UnitOrder): WorkerCommand
  /** Private to this unit. The package lies there without a name. */
  readonly folder: string
  /** What is missing of the walls, as an identifier; undefined when they stand. */
  missingWall(): string | undefined
}

/**
 * So often is the runtime asked whether it is still there, while its connection is not read because the process inside is behind,
 * or when it has closed its half: to the end of the stream a whole connection and a half one look the same.
 */
const PULSE_MS = 100

/**
 * The one process of a unit: it starts what runs inside, passes on what goes between it and the runtime, and ends it, however deep
 * in a computation it is, the moment the runtime closes the connection. The runtime cannot do that itself: the process is another
 * user's. It resolves when there is nothing left to do.
 */
export function serveUnit(options: UnitHostOptions): Promise<void> {
  return new Promise((done) => new UnitHost(options, done))
}

class UnitHost {
  readonly #options: UnitHostOptions
  readonly #connection: Socket
  readonly #done: () => void
  #head: Buffer = Buffer.alloc(0)
  #order: UnitOrder | undefined
  #packageFd: number | undefined
  #packageLeft = 0
  #child: IsolatedChild | undefined
  #pulse: NodeJS.Timeout | undefined

  constructor(options: UnitHostOptions, done: () => void) {
    this.#options = options
    this.#connection = options.connection
    this.#done = done
    this.#connection.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#connection.on('end', () => this.#release())
    this.#connection.on('error', () => {})
    this.#connection.on('close', () => this.#leave())
    const wall = options.missingWall()
    if (wall !== undefined) this.#ended({ how: wall, outOfMemory: false })
  }

  #receive(chunk: Buffer): void {
    if (this.#connection.writableEnded) return
    let rest = chunk
    if (this.#order === undefined) {
      this.#head = Buffer.concat([this.#head, rest])
      const read = readOrder(this.#head)
      if (read === 'incomplete') return
      if (read === 'broken') return void this.#connection.destroy()
      rest = this.#head.subarray(read.taken)
      this.#begin(read.order)
    }
    rest = rest.subarray(this.#store(rest))
    if (this.#packageLeft > 0) return
    this.#child ??= this.#start()
    if (rest.length > 0) this.#passOn(this.#child, rest)
  }

  #begin(order: UnitOrder): void {
    this.#order = order
    if (order.packageBytes === null) return
    const path = join(this.#options.folder, `package-${process.pid}`)
    this.#packageFd = openSync(path, 'wx+', 0o600)
    rmSync(path)
    this.#packageLeft = order.packageBytes
  }

  /** @returns how many of these bytes belong to the package */
  #store(bytes: Buffer): number {
    const part = bytes.subarray(0, this.#packageLeft)
    if (this.#packageFd !== undefined)
      for (let written = 0; written < part.length; ) written += writeSync(this.#packageFd, part, written)
    this.#packageLeft -= part.length
    return part.length
  }

  #start(): IsolatedChild {
    const order = this.#order as UnitOrder
    const descriptors = this.#packageFd === undefined ? [] : [this.#packageFd]
    const child = startChild(this.#options.command(order), descriptors, {
      data: (bytes) => {
        this.#connection.cork()
        this.#connection.write(blockHead(bytes.length))
        this.#connection.write(bytes)
        this.#connection.uncork()
      },
      ended: (end) => this.#ended(end),
    })
    if (this.#packageFd !== undefined) closeSync(this.#packageFd)
    this.#packageFd = undefined
    return child
  }

  /** The first message brings the content key, the others patients' data: each is wiped once it is passed on. */
  #passOn(child: IsolatedChild, bytes: Buffer): void {
    if (child.write(bytes, () => bytes.fill(0))) return
    // The runtime waits while the process is behind.
    this.#connection.pause()
    this.#startPulse()
    child.whenDrained(() => {
      this.#stopPulse()
      this.#connection.resume()
    })
  }

  #ended(end: WorkerEnd): void {
    this.#stopPulse()
    if (this.#connection.destroyed) return
    this.#connection.end(encodeEnd(end), () => this.#connection.destroy())
  }

  #leave(): void {
    this.#stopPulse()
    this.#child?.kill()
    this.#done()
  }

  /** An idle process leaves by itself; a busy one may finish, unless the whole connection is gone. */
  #release(): void {
    if (this.#child === undefined) return void this.#connection.destroy()
    this.#child.release()
    this.#startPulse()
  }

  /** A word into a connection that is gone fails, and that closes it on this side too. */
  #startPulse(): void {
    const pulse = () => this.#connection.write(encodePulse())
    this.#pulse ??= setInterval(pulse, PULSE_MS)
    pulse()
  }

  #stopPulse(): void {
    clearInterval(this.#pulse)
    this.#pulse = undefined
  }
}

/**
 * Looks whether the walls of the unit stand around this process: no interface but loopback, no capability, no way to gain one
 * (proc(5), `net/dev` and `status`).
 */
export function missingWall(read: (path: string) => string = readProc): string | undefined {
  const interfaces = read('/proc/self/net/dev')
    .split('\n')
    .flatMap((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? [])
  const status = read('/proc/self/status')
  if (interfaces.some((name) => name !== 'lo')) return 'walls-network'
  if (!/^CapEff:\s0+$/m.test(status) || !/^CapBnd:\s0+$/m.test(status)) return 'walls-capabilities'
  return /^NoNewPrivs:\s1$/m.test(status) ? undefined : 'walls-privileges'
}

const readProc = (path: string): string => readFileSync(path, 'latin1')
