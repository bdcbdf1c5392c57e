import { readSync, writeSync } from 'node:fs'
import { decodeFiles } from './decode-files.ts'
import type { SourceImage } from './decoded-image.ts'
import { ImageError } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import { WasmCodecs } from './pixels/codecs.ts'
import {
  type AnswerHeader,
  CHANNEL_FD,
  END_OF_INPUT,
  encodeImage,
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
  try {
    sendImage(await decodeFiles(readFiles(order.limits), order.limits, new WasmCodecs(), order.form))
  } catch (fault) {
    send(failure(fault), [])
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
  let chunks: Buffer[] = []
  for (;;) {
    const length = readLength()
    if (length === undefined) throw new ImageError('image_input_failed')
    if (length === END_OF_INPUT) return
    if (length === 0) {
      const file = Buffer.concat(chunks)
      chunks = []
      yield file
      continue
    }
    left -= length
    if (left < 0 || length > MAX_CHUNK_BYTES) throw new ImageError('image_too_large', { about: 'input' })
    const chunk = readExactly(length)
    if (chunk === undefined) throw new ImageError('image_input_failed')
    chunks.push(chunk)
  }
}

function readLength(): number | undefined {
  return readExactly(4)?.readUInt32LE(0)
}

function readExactly(length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let filled = 0; filled < length; ) {
    const count = readSync(CHANNEL_FD, bytes, filled, length - filled, null)
    if (count === 0) return undefined
    filled += count
  }
  return bytes
}

function sendImage(image: SourceImage): void {
  const { header, arrays } = encodeImage(image)
  send(header, arrays)
}

function send(header: AnswerHeader, arrays: readonly ArrayBufferView[]): void {
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length, 0)
  for (const part of [length, text, ...arrays]) {
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
    for (let sent = 0; sent < bytes.length; ) sent += writeSync(CHANNEL_FD, bytes, sent)
  }
}
