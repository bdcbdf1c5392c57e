import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../device/platform/clock.ts'
import { ImageError } from './errors.ts'
import type { ImageBytes, ImageInput } from './image-input.ts'
import type { ImageLimits, InputPace } from './limits.ts'
import type { ReceivedFile } from './received-image.ts'

/** Some bytes of a file, or its end. */
export type InputPart = Uint8Array | 'end-of-file'

type Bytes = Iterator<Uint8Array> | AsyncIterator<Uint8Array>

/**
 * Reads an input once, part by part, and no faster than it is asked for: counts and hashes each file, holds it to the limits and its
 * sender to the pace.
 */
export class InputReader {
  readonly #files: Iterator<ImageBytes> | AsyncIterator<ImageBytes>
  readonly #limits: Pick<ImageLimits, 'maxFiles' | 'maxInputBytes'>
  readonly #pace: InputPace
  readonly #clock: Clock
  readonly #received: ReceivedFile[] = []
  #file: Bytes | undefined
  #hash = createHash('sha256')
  #fileBytes = 0
  #bytes = 0
  #waitedMs = 0
  #isClosed = false
  /** Ends the wait that is under way, if one is. */
  #endWait: ((error: ImageError) => void) | undefined

  constructor(
    input: ImageInput,
    limits: Pick<ImageLimits, 'maxFiles' | 'maxInputBytes'>,
    pace: InputPace,
    clock: Clock,
  ) {
    this.#files = iteratorOf<ImageBytes>(input)
    this.#limits = limits
    this.#pace = pace
    this.#clock = clock
  }

  /** The files that have come whole. */
  get files(): readonly ReceivedFile[] {
    return this.#received
  }

  /**
   * The next part; undefined behind the last file. Parts are never empty.
   * @throws ImageError image_too_large | image_too_complex | image_input_failed, whatever the input itself threw
   */
  async next(): Promise<InputPart | undefined> {
    try {
      if (this.#file === undefined && !(await this.#open())) return undefined
      return await this.#part()
    } catch (fault) {
      throw fault instanceof ImageError ? fault : new ImageError('image_input_failed', { cause: fault })
    }
  }

  /** No more is wanted: what is waited for fails, and the input is told. */
  close(): void {
    this.#isClosed = true
    this.#endWait?.(new ImageError('image_input_failed'))
    for (const iterator of [this.#file, this.#files]) tellToEnd(iterator)
  }

  async #open(): Promise<boolean> {
    const { done, value } = await this.#wait(this.#files.next())
    if (done === true) return false
    if (this.#received.length >= this.#limits.maxFiles) throw new ImageError('image_too_complex', { about: 'files' })
    this.#file = iteratorOf<Uint8Array>(value)
    this.#hash = createHash('sha256')
    this.#fileBytes = 0
    return true
  }

  async #part(): Promise<InputPart> {
    while (this.#file !== undefined) {
      const { done, value } = await this.#wait<Uint8Array>(this.#file.next())
      if (done === true) {
        this.#file = undefined
        this.#received.push({ sha256: this.#hash.digest('hex'), bytes: this.#fileBytes })
        return 'end-of-file'
      }
      if (!(value instanceof Uint8Array)) throw new ImageError('image_input_failed')
      this.#bytes += value.length
      if (this.#bytes > this.#limits.maxInputBytes) throw new ImageError('image_too_large', { about: 'input' })
      if (value.length > 0) {
        this.#fileBytes += value.length
        this.#hash.update(value)
        return value
      }
      // A source of nothing at all must not keep timers and sockets from their turn.
      await turn()
    }
    return 'end-of-file'
  }

  async #wait<Item>(next: IteratorResult<Item> | Promise<IteratorResult<Item>>): Promise<IteratorResult<Item>> {
    if (this.#isClosed) throw new ImageError('image_input_failed')
    if (!(next instanceof Promise)) return next
    const startedMs = this.#clock.monotonicMs()
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Item>>()
    this.#endWait = reject
    next.then(resolve, reject)
    // After a pause of ours, what has arrived meanwhile is read first.
    const expire = () => setImmediate(() => reject(new ImageError('image_input_failed', { about: 'input' })))
    const timer = setTimeout(expire, this.#patienceMs())
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#endWait = undefined
      this.#waitedMs += this.#clock.monotonicMs() - startedMs
    }
  }

  #patienceMs(): number {
    const { idleMs, graceMs, bytesPerSecond } = this.#pace
    const leftMs = graceMs + (this.#bytes / bytesPerSecond) * 1000 - this.#waitedMs
    return Math.max(0, Math.min(idleMs, leftMs))
  }
}

function iteratorOf<Item>(
  source: Uint8Array | Iterable<Item> | AsyncIterable<Item>,
): Iterator<Item> | AsyncIterator<Item> {
  // One whole file, or one whole chunk of one.
  if (source instanceof Uint8Array) return [source as Item][Symbol.iterator]()
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** A generator that waits hears of it only when its wait is over; that, and what it says then, is of no interest here. */
function tellToEnd(iterator: Bytes | Iterator<ImageBytes> | AsyncIterator<ImageBytes> | undefined): void {
  Promise.resolve()
    .then(() => iterator?.return?.())
    .catch(() => {})
}
