import { closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { elementArrays, type Tensor, type Tensors, tensorBytes } from '../../models/contract/tensor.ts'

/** Memory of the machine that has the form of a file (tmpfs(5)). */
const FOLDER = '/dev/shm'
/** Smaller ones cross the channel as quickly. */
export const MIN_SHARED_BYTES = 256 * 1024
/** Kept for the next request; what a larger one took is given back, for pages are dear to get. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024

/** A tensor whose data lie elsewhere. */
export type TensorShape = Pick<Tensor, 'dtype' | 'dims'> & { readonly name: string }

/**
 * Where large inputs lie for a worker to read: a file in memory that has no name any more, that we write and the worker can
 * only read. One request at a time has it.
 */
export class SharedInputs {
  /** What the worker inherits. */
  readonly readFd: number
  readonly #writeFd: number
  #usedBytes = 0
  #isTaken = false

  private constructor(readFd: number, writeFd: number) {
    this.readFd = readFd
    this.#writeFd = writeFd
  }

  /** @returns undefined where the machine has no such memory: everything crosses the channel then */
  static open(randomness: Randomness): SharedInputs | undefined {
    const path = `${FOLDER}/wardstone-${randomness.bytes(16).toString('hex')}`
    let writeFd: number | undefined
    try {
      writeFd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR, 0o600)
      return new SharedInputs(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW), writeFd)
    } catch {
      if (writeFd !== undefined) closeSync(writeFd)
      return undefined
    } finally {
      if (writeFd !== undefined) unlinkSync(path)
    }
  }

  /** @returns what to tell the worker of them; undefined when they are too small, it is taken, or there is no room */
  put(inputs: Tensors): readonly TensorShape[] | undefined {
    const tensors = Object.entries(inputs)
    const bytes = tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0)
    if (this.#isTaken || bytes < MIN_SHARED_BYTES) return undefined
    try {
      let position = 0
      for (const [, tensor] of tensors) position = writeAll(this.#writeFd, tensorBytes(tensor), position)
    } catch {
      this.#empty()
      return undefined
    }
    this.#isTaken = true
    this.#usedBytes = Math.max(this.#usedBytes, bytes)
    return tensors.map(([name, { dtype, dims }]) => ({ name, dtype, dims }))
  }

  /** The worker has answered: what lies there is not needed any more. */
  release(): void {
    this.#isTaken = false
    if (this.#usedBytes > MAX_KEPT_BYTES) this.#empty()
  }

  close(): void {
    closeSync(this.#writeFd)
    closeSync(this.readFd)
  }

  #empty(): void {
    this.#usedBytes = 0
    ftruncateSync(this.#writeFd, 0)
  }
}

/** The worker's side: each request is read into the room of the one before, for pages are dear to get here as well. */
export class SharedReader {
  readonly #fd: number
  #room = new ArrayBuffer(0)

  constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * What comes from our own runtime is not doubted.
   * @returns tensors that hold until the next are read; undefined when less is there than was said
   */
  read(shapes: readonly TensorShape[]): Tensors | undefined {
    const sizes = shapes.map(({ dtype, dims }) => elementsOf(dims) * elementArrays[dtype].BYTES_PER_ELEMENT)
    const room = this.#roomFor(sizes.reduce((sum, size) => sum + aligned(size), 0))
    let [position, offset] = [0, 0]
    const tensors: [string, Tensor][] = []
    for (const [index, { name, dtype, dims }] of shapes.entries()) {
      const size = sizes[index] ?? 0
      const data = new elementArrays[dtype](room, offset, elementsOf(dims))
      if (!readAll(this.#fd, new Uint8Array(room, offset, size), position)) return undefined
      position += size
      offset += aligned(size)
      tensors.push([name, { dtype, dims, data }])
    }
    return Object.fromEntries(tensors)
  }

  #roomFor(bytes: number): ArrayBuffer {
    if (bytes > MAX_KEPT_BYTES) return new ArrayBuffer(bytes)
    if (bytes > this.#room.byteLength) this.#room = new ArrayBuffer(bytes)
    return this.#room
  }
}

function elementsOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}

/** Where an array of the widest type may begin. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

function writeAll(fd: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  return position + bytes.length
}

function readAll(fd: number, bytes: Uint8Array, position: number): boolean {
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(fd, bytes, done, bytes.length - done, position + done)
    if (read === 0) return false
    done += read
  }
  return true
}
