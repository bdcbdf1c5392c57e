import { fileURLToPath } from 'node:url'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import type { Lut, PixelArray } from '../../models/contract/image/image-facts.ts'
import {
  availableMemoryBytes,
  findIsolation,
  type Isolation,
  imageUnitSocket,
  processDataBytes,
} from '../inference/isolation.ts'
import type { IsolationReport } from '../inference/types.ts'
import type { DecodedImage } from './decoded-image.ts'
import { DecoderProcess, type Success } from './decoder-process.ts'
import { DecoderTurns } from './decoder-turns.ts'
import { ImageError } from './errors.ts'
import type { ImageInput } from './image-input.ts'
import { InputReader } from './input-reader.ts'
import { defaultImageLimits, defaultInputPace, type ImageLimits, type InputPace } from './limits.ts'
import type { PixelForm } from './pixels/decode-frames.ts'
import { MAX_PLANS, type Order, type Plan } from './protocol.ts'
import type { ReceivedImage } from './received-image.ts'

export interface ImageDecoderOptions {
  /** `required`: without bubblewrap nothing is decoded. `preferred`: it is, and the report says so. */
  readonly isolation: 'required' | 'preferred'
  readonly clock: Clock
  readonly log: Log
  /** Processes at work at once; as many as a quarter of the memory is enough for, and two at most, unless it is said. */
  readonly maxConcurrent?: number | undefined
  /** Requests that may wait for one; one more is refused. */
  readonly maxWaiting?: number | undefined
  /** What one process may take on top of Node's own memory. */
  readonly memoryLimitBytes?: number | undefined
  readonly pace?: InputPace
}

export interface ImageDecoder {
  /**
   * Decodes one image or one series and does the image steps of each plan with it, in a process that nothing else has been in. The
   * pixels stay there. `deadlineMs` is on the monotonic clock: at that moment the caller has its answer or an error, the
   * process is gone, and the input is closed. A sender that is too slow is given up before.
   * @param plans the image steps of each contract that is to see it
   * @param limits bounds that differ from the defaults
   * @param client whose request it is: clients take turns, and none has all decoders. Without one it is the box's own.
   * @throws ImageError as a rejection
   */
  prepare(
    input: ImageInput,
    plans: readonly Plan[],
    limits: Partial<ImageLimits>,
    deadlineMs: number,
    client?: string,
  ): Promise<ReceivedImage>
  /**
   * The pixels themselves, for whoever compares decoders: no request comes here.
   * @param form `coded` only to compare with another decoder
   * @throws ImageError as a rejection
   */
  decode(input: ImageInput, limits: Partial<ImageLimits>, deadlineMs: number, form?: PixelForm): Promise<DecodedImage>
  status(): DecoderStatus
  /** Ends every process; what is in them, and what waits, is refused. */
  stop(): Promise<void>
}

export interface DecoderStatus {
  readonly isolation: IsolationReport
  readonly running: number
  readonly waiting: number
  readonly maxConcurrent: number
}

const MIB = 1024 * 1024
const DEFAULT_MEMORY_BYTES = 2048 * MIB
const DEFAULT_WAITING = 16
const MOST_CONCURRENT = 2
/** Of the machine's memory, what all processes at work may come to. */
const MEMORY_SHARE = 0.25
const entry = fileURLToPath(new URL('../bin/image-decoder.ts', import.meta.url))

/** What the process reads of the installation. */
export const decoderTenant = {
  entry,
  sources: [
    'package.json',
    'device/platform/errors.ts',
    'models/contract/errors.ts',
    'models/contract/image',
    'runtime/images',
    'runtime/bin/image-decoder.ts',
  ],
  packages: ['@cornerstonejs/codec-charls', '@cornerstonejs/codec-openjpeg', '@cornerstonejs/codec-openjph'],
  unitSocket: imageUnitSocket,
}

/** Finds the walls, which blocks for some ten milliseconds. Processes are started as requests come, and one is kept ready. */
export function createImageDecoder(options: ImageDecoderOptions): ImageDecoder {
  const memoryBytes = options.memoryLimitBytes ?? DEFAULT_MEMORY_BYTES
  const maxConcurrent = options.maxConcurrent ?? concurrentFor(memoryBytes, availableMemoryBytes())
  const isolation = findIsolation(memoryBytes, 1, 'systemd', undefined, decoderTenant)
  return new ProcessImageDecoder(isolation, { ...options, maxConcurrent })
}

/** How many processes may be at work at once on a machine: one at least, whatever it has. */
export function concurrentFor(memoryLimitBytes: number, machineBytes: number): number {
  const room = Math.floor((machineBytes * MEMORY_SHARE) / (memoryLimitBytes + processDataBytes))
  return Math.max(1, Math.min(MOST_CONCURRENT, room))
}

/** One process for each request: what a hostile file has done to one, no other patient's image meets. */
class ProcessImageDecoder implements ImageDecoder {
  readonly #isolation: Isolation
  readonly #options: ImageDecoderOptions & { readonly maxConcurrent: number }
  readonly #turns: DecoderTurns
  readonly #running = new Set<DecoderProcess>()
  #spare: DecoderProcess | undefined
  #stopped = false

  constructor(isolation: Isolation, options: ImageDecoderOptions & { readonly maxConcurrent: number }) {
    this.#isolation = isolation
    this.#options = options
    const { clock, maxConcurrent, maxWaiting = DEFAULT_WAITING } = options
    this.#turns = new DecoderTurns({ clock, maxConcurrent, maxWaiting })
  }

  async prepare(
    input: ImageInput,
    plans: readonly Plan[],
    limits: Partial<ImageLimits>,
    deadlineMs: number,
    client?: string,
  ): Promise<ReceivedImage> {
    const order: Order = { kind: 'prepare', limits: { ...defaultImageLimits, ...limits }, plans }
    const { answer, files } = await this.#answer(order, input, deadlineMs, client)
    if (answer.kind !== 'prepared') throw new ImageError('image_decoder_lost')
    const { facts, identity } = answer.header
    return { facts, identity: new Phi(identity), prepared: answer.prepared, files }
  }

  async decode(
    input: ImageInput,
    limits: Partial<ImageLimits>,
    deadlineMs: number,
    form: PixelForm = 'values',
  ): Promise<DecodedImage> {
    const order: Order = { kind: 'decode', limits: { ...defaultImageLimits, ...limits }, form }
    const { answer } = await this.#answer(order, input, deadlineMs, undefined)
    return toImage(answer)
  }

  status(): DecoderStatus {
    const { report: isolation } = this.#isolation
    const { maxConcurrent } = this.#options
    return { isolation, running: this.#running.size, waiting: this.#turns.waiting, maxConcurrent }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#turns.stop()
    const processes = [...this.#running, ...(this.#spare === undefined ? [] : [this.#spare])]
    this.#spare = undefined
    await Promise.all(processes.map((process) => process.stop()))
  }

  /** From the first byte to the last answer, with the input closed whatever happens. */
  async #answer(
    order: Order,
    input: ImageInput,
    deadlineMs: number,
    client: string | undefined,
  ): Promise<{ readonly answer: Success; readonly files: ReceivedImage['files'] }> {
    const { clock, log, pace = defaultInputPace } = this.#options
    const reader = new InputReader(input, order.limits, pace, clock)
    try {
      if (order.kind === 'prepare' && order.plans.length > MAX_PLANS) {
        throw new ImageError('image_too_complex', { about: 'steps' })
      }
      return { answer: await this.#inTurn(order, reader, deadlineMs, client), files: reader.files }
    } catch (error) {
      const code = error instanceof ImageError ? error.code : 'internal'
      log.info('image-refused', { code })
      throw error
    } finally {
      reader.close()
    }
  }

  async #inTurn(order: Order, reader: InputReader, deadlineMs: number, client: string | undefined): Promise<Success> {
    const isWalled = this.#isolation.report.level !== 'plain' || this.#options.isolation === 'preferred'
    if (!isWalled) throw new ImageError('image_decoder_unavailable')
    const giveBack = await this.#turns.take(deadlineMs, client)
    try {
      // Stopped in the moment between the turn and now.
      if (this.#stopped) throw new ImageError('image_decoder_unavailable')
      return await this.#inProcess(this.#takeProcess(), order, reader, deadlineMs)
    } finally {
      giveBack()
      if (!this.#stopped && this.#spare?.isUsable !== true) this.#spare = this.#start()
    }
  }

  async #inProcess(process: DecoderProcess, order: Order, reader: InputReader, deadlineMs: number): Promise<Success> {
    this.#running.add(process)
    try {
      return await process.answer(order, reader, deadlineMs)
    } finally {
      this.#running.delete(process)
    }
  }

  #takeProcess(): DecoderProcess {
    const spare = this.#spare
    this.#spare = undefined
    return spare?.isUsable === true ? spare : this.#start()
  }

  #start(): DecoderProcess {
    return new DecoderProcess(this.#isolation.command(), this.#options.clock)
  }
}

function toImage(answer: Success): DecodedImage {
  const { pixels, modalityLut, voiLut } = answer.kind === 'decoded' ? answer.arrays : {}
  if (answer.kind !== 'decoded' || pixels === undefined) throw new ImageError('image_decoder_lost')
  const { facts, luts, identity } = answer.header
  return {
    ...facts,
    pixels,
    modalityLut: toLut(luts.modalityLut, modalityLut),
    voiLut: toLut(luts.voiLut, voiLut),
    identity: new Phi(identity),
  }
}

function toLut(facts: Omit<Lut, 'values'> | undefined, values: PixelArray | undefined): Lut | undefined {
  return facts === undefined || !(values instanceof Uint16Array) ? undefined : { ...facts, values }
}
