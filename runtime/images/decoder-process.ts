import type { Clock } from '../../device/platform/clock.ts'
import { Phi } from '../../device/platform/phi.ts'
import { type IsolatedChild, startChild, type WorkerEnd } from '../inference/isolated-child.ts'
import type { WorkerCommand } from '../inference/isolation.ts'
import { type Answer, AnswerReader } from './answer-reader.ts'
import type { DecodedImage, Lut } from './decoded-image.ts'
import { ImageError } from './errors.ts'
import type { ImageInput } from './image-input.ts'
import type { PixelArray } from './pixels/stored-pixels.ts'
import { END_OF_INPUT, MAX_CHUNK_BYTES, type Order } from './protocol.ts'

/** One life of a decoding process: it is started, decodes one request, and ends. */
export class DecoderProcess {
  readonly #child: IsolatedChild
  readonly #clock: Clock
  readonly #answer = Promise.withResolvers<Answer>()
  readonly #end = Promise.withResolvers<void>()
  #reader: AnswerReader | undefined
  #ended = false
  #settled = false

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
    return !this.#ended && this.#reader === undefined
  }

  /** At most once. The process is gone, or going, when this settles. */
  async decode(order: Order, input: ImageInput, deadlineMs: number): Promise<DecodedImage> {
    this.#reader = new AnswerReader(order.limits.maxPixelBytes)
    this.#child.hold(true)
    const left = Math.max(0, deadlineMs - this.#clock.monotonicMs())
    const timer = setTimeout(() => this.#fail(new ImageError('image_deadline')), left)
    const sending = this.#send(order, input)
    sending.catch((fault: unknown) => {
      const error = fault instanceof ImageError ? fault : new ImageError('image_input_failed', { cause: fault })
      this.#fail(error)
    })
    try {
      return toImage(await this.#answer.promise)
    } finally {
      clearTimeout(timer)
      this.#settled = true
      this.#child.kill()
    }
  }

  stop(): Promise<void> {
    this.#fail(new ImageError('image_decoder_unavailable'))
    return this.#end.promise
  }

  #fail(error: ImageError): void {
    this.#settled = true
    this.#answer.reject(error)
    this.#child.kill()
  }

  #receive(chunk: Buffer): void {
    if (this.#settled) return
    const answer = this.#reader?.push(chunk) ?? 'broken'
    if (answer === 'incomplete') return
    if (answer === 'broken') this.#fail(new ImageError('image_decoder_lost'))
    else this.#answer.resolve(answer)
  }

  #ending({ outOfMemory }: WorkerEnd): void {
    this.#ended = true
    this.#fail(new ImageError(outOfMemory ? 'image_decoder_out_of_memory' : 'image_decoder_lost'))
    this.#end.resolve()
  }

  async #send(order: Order, input: ImageInput): Promise<void> {
    await this.#writeBlock(Buffer.from(JSON.stringify(order)))
    let left = order.limits.maxInputBytes
    for await (const file of input instanceof Uint8Array ? [input] : input) {
      for await (const bytes of file instanceof Uint8Array ? [file] : file) {
        left -= bytes.length
        if (left < 0) throw new ImageError('image_too_large', { about: 'input' })
        for (let start = 0; start < bytes.length; start += MAX_CHUNK_BYTES) {
          // It answered already, or is gone: the rest is not read by anyone.
          if (this.#settled) return
          await this.#writeBlock(bytes.subarray(start, start + MAX_CHUNK_BYTES))
        }
      }
      await this.#write(lengthBytes(0))
    }
    await this.#write(lengthBytes(END_OF_INPUT))
  }

  async #writeBlock(bytes: Uint8Array): Promise<void> {
    await this.#write(lengthBytes(bytes.length))
    await this.#write(bytes)
  }

  /** Waits while the process is behind, so that no more of the input than this is held here. */
  #write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#child.write(bytes)) resolve()
    else {
      this.#child.whenDrained(resolve)
      this.#answer.promise.then(
        () => resolve(),
        () => resolve(),
      )
    }
    return promise
  }
}

function lengthBytes(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(length, 0)
  return bytes
}

function toImage({ header, arrays }: Answer): DecodedImage {
  if (header.kind === 'failed') {
    throw new ImageError(header.code, header.about === undefined ? {} : { about: header.about })
  }
  const { pixels, modalityLut, voiLut } = arrays
  if (pixels === undefined) throw new ImageError('image_decoder_lost')
  return {
    ...header.facts,
    pixels,
    modalityLut: toLut(header.luts.modalityLut, modalityLut),
    voiLut: toLut(header.luts.voiLut, voiLut),
    identity: new Phi(header.identity),
  }
}

function toLut(facts: Omit<Lut, 'values'> | undefined, values: PixelArray | undefined): Lut | undefined {
  return facts === undefined || !(values instanceof Uint16Array) ? undefined : { ...facts, values }
}
