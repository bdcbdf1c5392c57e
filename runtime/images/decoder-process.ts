import type { Clock } from '../../device/platform/clock.ts'
import { type IsolatedChild, startChild, type WorkerEnd } from '../inference/isolated-child.ts'
import type { WorkerCommand } from '../inference/isolation.ts'
import { type Answer, AnswerReader } from './answer-reader.ts'
import { ImageError } from './errors.ts'
import type { InputReader } from './input-reader.ts'
import { END_OF_INPUT, MAX_CHUNK_BYTES, MAX_ORDER_BYTES, type Order } from './protocol.ts'

/** Other answers are failures, and thrown as what they are. */
export type Success = Exclude<Answer, { readonly kind: 'failed' }>

/** One life of a decoding process: it is started, answers one request, and ends. */
export class DecoderProcess {
  readonly #child: IsolatedChild
  readonly #clock: Clock
  readonly #answer = Promise.withResolvers<Answer>()
  readonly #end = Promise.withResolvers<void>()
  #reader: AnswerReader | undefined
  #hasWholeInput = false
  #ended = false
  #settled = false
  /** Goes on with sending, where that waits for the process. */
  #resume: (() => void) | undefined

  constructor(command: WorkerCommand, clock: Clock) {
    this.#clock = clock
    this.#child = startChild(command, [], {
      data: (chunk) => this.#receive(chunk),
      ended: (end) => this.#ending(end),
    })
    this.#child.hold(false)
    // A spare that dies is noticed when it is asked for.
    this.#answer.promise.catch(() => {})
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isUsable(): boolean {
    return !this.#ended && !this.#settled && this.#reader === undefined
  }

  /**
   * At most once. When this settles the process is gone, or going, and the input is closed.
   * @throws ImageError as a rejection
   */
  async answer(order: Order, input: InputReader, deadlineMs: number): Promise<Success> {
    this.#reader = new AnswerReader(order)
    this.#child.hold(true)
    const left = Math.min(MAX_TIMER_MS, Math.max(0, deadlineMs - this.#clock.monotonicMs()))
    // After a pause of ours, an answer that is there already is read first.
    const expire = () => setImmediate(() => this.#settled || this.#fail(new ImageError('image_deadline')))
    const timer = setTimeout(expire, left)
    this.#send(order, input).catch((fault: unknown) => {
      this.#fail(fault instanceof ImageError ? fault : new ImageError('image_input_failed', { cause: fault }))
    })
    try {
      const answer = await this.#answer.promise
      if (answer.kind === 'failed') throw failure(answer)
      return answer
    } finally {
      clearTimeout(timer)
      this.#child.kill()
      input.close()
    }
  }

  stop(): Promise<void> {
    // Whoever waits for the end of one that was only kept ready must live to see it.
    if (!this.#ended) this.#child.hold(true)
    this.#fail(new ImageError('image_decoder_unavailable'))
    return this.#end.promise
  }

  #fail(error: ImageError): void {
    this.#settle()
    this.#answer.reject(error)
    this.#child.kill()
  }

  #settle(): void {
    this.#settled = true
    this.#resume?.()
  }

  #receive(chunk: Buffer): void {
    if (this.#settled) return
    const answer = this.#reader?.push(chunk) ?? 'broken'
    if (answer === 'incomplete') return
    // What is said of an image before all of it was there is not said of it, and its hash would be of a part.
    if (answer === 'broken' || (answer.kind !== 'failed' && !this.#hasWholeInput)) {
      this.#fail(new ImageError('image_decoder_lost'))
    } else {
      this.#settle()
      this.#answer.resolve(answer)
    }
  }

  #ending({ outOfMemory }: WorkerEnd): void {
    this.#ended = true
    this.#fail(new ImageError(outOfMemory ? 'image_decoder_out_of_memory' : 'image_decoder_lost'))
    this.#end.resolve()
  }

  async #send(order: Order, input: InputReader): Promise<void> {
    const text = Buffer.from(JSON.stringify(order))
    if (text.length > MAX_ORDER_BYTES) throw new ImageError('image_too_complex', { about: 'steps' })
    await this.#writeBlock(text)
    for (;;) {
      const part = await input.next()
      // It answered already, or is gone: the rest is not read by anyone.
      if (this.#settled) return
      if (part === undefined) break
      if (part === 'end-of-file') await this.#write(lengthBytes(0))
      else await this.#writeBytes(part)
    }
    this.#hasWholeInput = true
    await this.#write(lengthBytes(END_OF_INPUT))
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length && !this.#settled; start += MAX_CHUNK_BYTES) {
      await this.#writeBlock(bytes.subarray(start, start + MAX_CHUNK_BYTES))
    }
  }

  async #writeBlock(bytes: Uint8Array): Promise<void> {
    await this.#write(lengthBytes(bytes.length))
    await this.#write(bytes)
  }

  /** Waits while the process is behind, so that no more of the input than this is held here. */
  #write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#settled || this.#child.write(bytes)) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#resume = resolve
    this.#child.whenDrained(resolve)
    return promise
  }
}

/** setTimeout takes no more; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

function failure({ header }: Extract<Answer, { kind: 'failed' }>): ImageError {
  return new ImageError(header.code, header.about === undefined ? {} : { about: header.about })
}

function lengthBytes(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(length, 0)
  return bytes
}
