import { readSync, writeSync } from 'node:fs'
import { prepareImage } from '../../models/contract/image/prepare-image.ts'
import { decodeFiles } from './decode-files.ts'
import { ImageError } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import { WasmCodecs } from './pixels/codecs.ts'
import {
  type AnswerHeader,
  CHANNEL_FD,
  END_OF_INPUT,
  type EncodedAnswer,
  encodeImage,
  encodePrepared,
  MAX_CHUNK_BYTES,
  MAX_ORDER_BYTES,
  type Order,
} from './protocol.ts'

/**
 * The inside of the channel: one order, its files, one answer. It blocks while it waits: this process has nothing else to
 * do, and when it is late it is ended from outside.
 */
export async function serveImage(): Promise<void> {
  const order = readOrder()
  if (order === undefined) return
  send(await answerTo(order))
  // Ended with input unread, the channel would break before the answer is out of it. We are killed once it is.
  discardInput()
}

async function answerTo(order: Order): Promise<EncodedAnswer> {
  const { limits } = order
  try {
    const form = order.kind === 'decode' ? order.form : 'values'
    const image = await decodeFiles(readFiles(limits), limits, new WasmCodecs(), form)
    if (order.kind === 'decode') return encodeImage(image)
    const answer = encodePrepared(
      image,
      order.plans.map((plan) => prepareImage(image, plan)),
    )
    const bytes = answer.arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (bytes > limits.maxTensorBytes) throw new ImageError('image_too_large', { about: 'tensors' })
    return answer
  } catch (fault) {
    return { header: failure(fault), arrays: [] }
  }
}

/** No text of a fault that is not ours leaves: it can quote what it stumbled over. */
function failure(fault: unknown): AnswerHeader {
  if (fault instanceof ImageError) return { kind: 'failed', code: fault.code, about: fault.about }
  const isMemory =
    fault instanceof RangeError && /allocation|Invalid typed array length|Array buffer/i.test(fault.message)
  return { kind: 'failed', code: isMemory ? 'image_decoder_out_of_memory' : 'image_decoder_lost' }
}

function readOrder(): Order | undefined {
  const length = readLength()
  if (length === undefined || length > MAX_ORDER_BYTES) return undefined
  const bytes = readExactly(length)
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as Order)
}

/** The files as they come, one held at a time. What is cut off is not an input that may be decoded. */
function* readFiles(limits: ImageLimits): Generator<Uint8Array, void, undefined> {
  let left = limits.maxInputBytes
  const file = new FileRoom()
  for (;;) {
    const length = readLength()
    if (length === undefined) throw new ImageError('image_input_failed')
    if (length === END_OF_INPUT) return
    if (length === 0) {
      yield file.take()
      continue
    }
    left -= length
    if (left < 0 || length > MAX_CHUNK_BYTES) throw new ImageError('image_too_large', { about: 'input' })
    if (!file.fill(length)) throw new ImageError('image_input_failed')
  }
}

/** Blocks of one size, however small the chunks are in which a file comes. */
class FileRoom {
  #full: Buffer[] = []
  #last = Buffer.allocUnsafeSlow(0)
  #filled = 0

  /** @returns false at the end of the channel. */
  fill(length: number): boolean {
    for (let left = length; left > 0; ) {
      if (this.#filled === this.#last.length) this.#addBlock()
      const count = Math.min(left, this.#last.length - this.#filled)
      if (!readInto(this.#last.subarray(this.#filled, this.#filled + count))) return false
      this.#filled += count
      left -= count
    }
    return true
  }

  /** The file, and the room empty again. */
  take(): Buffer {
    const file = Buffer.concat([...this.#full, this.#last.subarray(0, this.#filled)])
    this.#full = []
    this.#last = Buffer.allocUnsafeSlow(0)
    this.#filled = 0
    return file
  }

  #addBlock(): void {
    if (this.#last.length > 0) this.#full.push(this.#last)
    this.#last = Buffer.allocUnsafeSlow(MAX_CHUNK_BYTES)
    this.#filled = 0
  }
}

function readLength(): number | undefined {
  return readExactly(4)?.readUInt32LE(0)
}

function readExactly(length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(length)
  return readInto(bytes) ? bytes : undefined
}

function readInto(bytes: Uint8Array): boolean {
  for (let filled = 0; filled < bytes.length; ) {
    const count = readSync(CHANNEL_FD, bytes, filled, bytes.length - filled, null)
    if (count === 0) return false
    filled += count
  }
  return true
}

function discardInput(): void {
  const bytes = Buffer.allocUnsafeSlow(65_536)
  while (readSync(CHANNEL_FD, bytes, 0, bytes.length, null) > 0);
}

function send({ header, arrays }: EncodedAnswer): void {
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length, 0)
  for (const part of [length, text, ...arrays]) {
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
    for (let sent = 0; sent < bytes.length; ) sent += writeSync(CHANNEL_FD, bytes, sent)
  }
}
