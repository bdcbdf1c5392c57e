import type { WorkerEnd } from './child-channel.ts'

/**
 * What passes between the runtime and the one process of a unit (unit-host.ts), which stands between it and what runs inside.
 *
 *     runtime → unit   u32 length, the order as JSON; the package, if there is one; then the channel's bytes as they are
 *     unit → runtime   blocks: u32 length, so many bytes of the channel
 *                      length 0: the process inside has ended. u32 length, how as JSON; nothing follows
 *                      length 0xffffffff: nothing, said to learn whether the runtime is still there
 *
 * Numbers are little-endian.
 */
export interface UnitOrder {
  /** Ceiling on private writable memory of the process inside (RLIMIT_DATA). */
  readonly dataBytes: number
  /** Ceiling on its open descriptors (RLIMIT_NOFILE). */
  readonly descriptors: number
  /** Bytes of the package that follow, which becomes its next descriptor after the channel; null: it gets none. */
  readonly packageBytes: number | null
}

export const LENGTH_BYTES = 4
const MAX_ORDER_BYTES = 1024
const MAX_END_BYTES = 256
/** The most that one block brings; a unit that says more is not ours. */
const MAX_BLOCK_BYTES = 16 * 1024 * 1024
const PULSE_LENGTH = 0xffffffff
const HOW = /^[A-Za-z][A-Za-z0-9-]{0,31}$/
/** Beyond any package that the updater takes. */
const MAX_PACKAGE_BYTES = 2 ** 40

export function encodeOrder(order: UnitOrder): Buffer {
  return withLength(Buffer.from(JSON.stringify(order)))
}

/** @returns the order and how many bytes it took; `incomplete` while some are missing, `broken` when it is none */
export function readOrder(
  bytes: Buffer,
): { readonly order: UnitOrder; readonly taken: number } | 'incomplete' | 'broken' {
  if (bytes.length < LENGTH_BYTES) return 'incomplete'
  const taken = LENGTH_BYTES + bytes.readUInt32LE(0)
  if (taken > LENGTH_BYTES + MAX_ORDER_BYTES) return 'broken'
  if (bytes.length < taken) return 'incomplete'
  const { dataBytes, descriptors, packageBytes } = parse(bytes.subarray(LENGTH_BYTES, taken))
  if (!isCount(dataBytes) || !isCount(descriptors)) return 'broken'
  if (packageBytes !== null && !isCount(packageBytes)) return 'broken'
  return { order: { dataBytes, descriptors, packageBytes }, taken }
}

/** The length that goes before so many bytes of the channel. */
export function blockHead(bytes: number): Buffer {
  const head = Buffer.alloc(LENGTH_BYTES)
  head.writeUInt32LE(bytes, 0)
  return head
}

export function encodePulse(): Buffer {
  return blockHead(PULSE_LENGTH)
}

export function encodeEnd(end: WorkerEnd): Buffer {
  return Buffer.concat([blockHead(0), withLength(Buffer.from(JSON.stringify(end)))])
}

/** Takes apart what a unit says. What runs inside cannot write a length: it only fills blocks. */
export class BlockReader {
  #head: Buffer = Buffer.alloc(0)
  #left = 0
  #endBytes: number | undefined
  #isEnding = false

  /** @returns the end once it is whole, `broken` when this is no unit of ours. After either nothing may be pushed. */
  push(chunk: Buffer, data: (bytes: Buffer) => void): WorkerEnd | 'broken' | undefined {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#left > 0) {
        const part = rest.subarray(0, this.#left)
        this.#left -= part.length
        rest = rest.subarray(part.length)
        data(part)
        continue
      }
      const wanted = this.#endBytes ?? LENGTH_BYTES
      const part = rest.subarray(0, wanted - this.#head.length)
      this.#head = Buffer.concat([this.#head, part])
      rest = rest.subarray(part.length)
      if (this.#head.length < wanted) return undefined
      const whole = this.#head
      this.#head = Buffer.alloc(0)
      if (this.#endBytes !== undefined) return readEnd(whole)
      if (!this.#takeLength(whole.readUInt32LE(0))) return 'broken'
    }
    return undefined
  }

  #takeLength(length: number): boolean {
    if (this.#isEnding) {
      this.#endBytes = length
      return length > 0 && length <= MAX_END_BYTES
    }
    if (length === PULSE_LENGTH) return true
    this.#isEnding = length === 0
    this.#left = length
    return length <= MAX_BLOCK_BYTES
  }
}

function readEnd(bytes: Buffer): WorkerEnd | 'broken' {
  const { how, outOfMemory } = parse(bytes)
  if (typeof how !== 'string' || !HOW.test(how) || typeof outOfMemory !== 'boolean') return 'broken'
  return { how, outOfMemory }
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= MAX_PACKAGE_BYTES
}

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([blockHead(bytes.length), bytes])
}
