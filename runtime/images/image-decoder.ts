import { fileURLToPath } from 'node:url'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { findIsolation, type Isolation } from '../inference/isolation.ts'
import type { IsolationReport } from '../inference/types.ts'
import type { DecodedImage } from './decoded-image.ts'
import { DecoderProcess } from './decoder-process.ts'
import { ImageError } from './errors.ts'
import type { ImageInput } from './image-input.ts'
import { defaultImageLimits, type ImageLimits } from './limits.ts'
import type { PixelForm } from './pixels/decode-frames.ts'

export interface ImageDecoderOptions {
  /** `required`: without bubblewrap nothing is decoded. `preferred`: it is, and the report says so. */
  readonly isolation: 'required' | 'preferred'
  readonly clock: Clock
  readonly log: Log
  /** Processes at work at once. */
  readonly maxConcurrent?: number
  /** Requests that may wait for one; one more is refused. */
  readonly maxWaiting?: number
  /** What one process may take on top of Node's own memory. */
  readonly memoryLimitBytes?: number
}

export interface ImageDecoder {
  /**
   * Decodes one image or one series, in a process that nothing else has been in. `deadlineMs` is on the monotonic clock: at
   * that moment the caller has its answer or an error, and the process is gone.
   * @param limits bounds that differ from the defaults
   * @param form `coded` only to compare with another decoder
   * @throws ImageError as a rejection
   */
  decode(input: ImageInput, limits: Partial<ImageLimits>, deadlineMs: number, form?: PixelForm): Promise<DecodedImage>
  status(): { readonly isolation: IsolationReport; readonly running: number; readonly waiting: number }
  /** Ends every process; what is in them, and what waits, is refused. */
  stop(): Promise<void>
}

const MIB = 1024 * 1024
const DEFAULT_MEMORY_BYTES = 2048 * MIB
const DEFAULT_CONCURRENT = 2
const DEFAULT_WAITING = 16
const entry = fileURLToPath(new URL('../bin/image-decoder.ts', import.meta.url))

/** What the process reads of the installation. */
export const decoderTenant = {
  entry,
  sources: ['package.json', 'device/platform', 'runtime/images', 'runtime/bin/image-decoder.ts'],
  packages: ['@cornerstonejs/codec-charls', '@cornerstonejs/codec-openjpeg', '@cornerstonejs/codec-openjph'],
}

/** Finds the walls, which blocks for some ten milliseconds. Processes are started as requests come, and one is kept ready. */
export function createImageDecoder(options: ImageDecoderOptions): ImageDecoder {
  const memoryBytes = options.memoryLimitBytes ?? DEFAULT_MEMORY_BYTES
  return new ProcessImageDecoder(findIsolation(memoryBytes, 1, 'bubblewrap', undefined, decoderTenant), options)
}

interface Waiting {
  readonly start: () => void
  readonly refuse: (error: ImageError) => void
}

/** One process for each request: what a hostile file has done to one, no other patient's image meets. */
class ProcessImageDecoder implements ImageDecoder {
  readonly #isolation: Isolation
  readonly #options: ImageDecoderOptions
  readonly #running = new Set<DecoderProcess>()
  readonly #waiting = new Set<Waiting>()
  #spare: DecoderProcess | undefined
  #taken = 0
  #stopped = false

  constructor(isolation: Isolation, options: ImageDecoderOptions) {
    this.#isolation = isolation
    this.#options = options
  }

  async decode(
    input: ImageInput,
    limits: Partial<ImageLimits>,
    deadlineMs: number,
    form: PixelForm = 'values',
  ): Promise<DecodedImage> {
    const isWalled = this.#isolation.report.level === 'bubblewrap' || this.#options.isolation === 'preferred'
    if (this.#stopped || !isWalled) throw new ImageError('image_decoder_unavailable')
    await this.#place(deadlineMs)
    const process = this.#takeProcess()
    this.#running.add(process)
    try {
      const order = { limits: { ...defaultImageLimits, ...limits }, form }
      return await process.decode(order, input, deadlineMs)
    } catch (error) {
      const code = error instanceof ImageError ? error.code : 'internal'
      this.#options.log.info('image-refused', { code })
      throw error
    } finally {
      this.#running.delete(process)
      this.#free()
    }
  }

  status(): ReturnType<ImageDecoder['status']> {
    return { isolation: this.#isolation.report, running: this.#running.size, waiting: this.#waiting.size }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const { refuse } of this.#waiting) refuse(new ImageError('image_decoder_unavailable'))
    const processes = [...this.#running, ...(this.#spare === undefined ? [] : [this.#spare])]
    this.#spare = undefined
    await Promise.all(processes.map((process) => process.stop()))
  }

  #takeProcess(): DecoderProcess {
    const spare = this.#spare
    this.#spare = undefined
    const process = spare?.isUsable === true ? spare : this.#start()
    return process
  }

  #start(): DecoderProcess {
    return new DecoderProcess(this.#isolation.command(), this.#options.clock)
  }

  /** Waits for its turn, no longer than its deadline. */
  async #place(deadlineMs: number): Promise<void> {
    if (this.#taken < (this.#options.maxConcurrent ?? DEFAULT_CONCURRENT)) {
      this.#taken += 1
      return
    }
    if (this.#waiting.size >= (this.#options.maxWaiting ?? DEFAULT_WAITING)) {
      throw new ImageError('image_decoder_overloaded', { retryAfterMs: 1000 })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { start: resolve, refuse: reject }
    this.#waiting.add(waiting)
    const left = deadlineMs - this.#options.clock.monotonicMs()
    const timer = setTimeout(() => reject(new ImageError('image_deadline')), Math.max(0, left))
    await promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(waiting)
    })
  }

  /** Hands the place on, and has a process ready for the next request. */
  #free(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken -= 1
    else {
      this.#waiting.delete(next)
      next.start()
    }
    if (!this.#stopped && this.#spare?.isUsable !== true) this.#spare = this.#start()
  }
}
