import { elementArrays, isElementType, type Tensor, type Tensors } from '../../models/contract/tensor.ts'
import { PartReader } from './part-reader.ts'
import { isDimensions, MAX_INPUT_BYTES, MAX_NAME_LENGTH, MAX_OUTPUT_BYTES, MAX_TENSORS } from './tensor-check.ts'

/**
 * How messages cross to a worker and back, over a plain pair of sockets: `u32 length ‖ u32 header length ‖ header ‖ data`,
 * little-endian, where `length` counts all that follows it. The header is JSON, `{ …message, tensors: [{ name, dtype,
 * dims }] }`; the data are the raw bytes of those tensors, one after the other. Node's own channel is not used: it
 * deserialises before we see anything, so a worker that has been taken over could end us with a few bytes.
 * Both sides use this file; it imports nothing but what tensors are and the check of them.
 */
export interface Frame {
  readonly message: Readonly<Record<string, unknown>>
  readonly tensors: Tensors
}

export interface FrameLimits {
  readonly maxHeaderBytes: number
  readonly maxTensorBytes: number
}

/** A request. */
export const runLimits: FrameLimits = { maxHeaderBytes: 64 * 1024, maxTensorBytes: MAX_INPUT_BYTES }
/** Its answer. */
export const resultLimits: FrameLimits = { maxHeaderBytes: 64 * 1024, maxTensorBytes: MAX_OUTPUT_BYTES }
/** What is said about a load: no tensors. */
export const replyLimits: FrameLimits = { maxHeaderBytes: 4 * 1024, maxTensorBytes: 0 }
/**
 * The order to load carries the hash of every chunk of the model and the output ops, so its header is as long as a manifest,
 * and a little of its own; its tensors are a key, a salt and a request to warm up on.
 */
export const orderLimits: FrameLimits = {
  maxHeaderBytes: 4 * 1024 * 1024 + runLimits.maxHeaderBytes,
  maxTensorBytes: MAX_INPUT_BYTES + 1024,
}

const PREFIX_BYTES = 8
const LENGTH_BYTES = 4

/** Kept for the next frame; a larger one has memory of its own. */
const MAX_ROOM_BYTES = 1024 * 1024

/** Writes frames, each into the room of the one before, unless that one is still under way. */
export class FrameWriter {
  #room = Buffer.alloc(0)

  /** The frame that was written last is still being sent: the next has a room of its own. */
  keepRoom(): void {
    this.#room = Buffer.alloc(0)
  }

  /** @returns the bytes of one frame, copied, until the next is written; undefined when it is larger than the limits. */
  write(message: object, tensors: Tensors, limits: FrameLimits): Buffer | undefined {
    const shapes = Object.entries(tensors).map(([name, { dtype, dims }]) => ({ name, dtype, dims }))
    const header = Buffer.from(JSON.stringify({ ...message, tensors: shapes }))
    const data = Object.values(tensors).map((tensor) => bytesOf(tensor.data))
    const dataBytes = data.reduce((total, { length }) => total + length, 0)
    if (header.length > limits.maxHeaderBytes || dataBytes > limits.maxTensorBytes) return undefined
    const frame = this.#roomFor(PREFIX_BYTES + header.length + dataBytes)
    frame.writeUInt32LE(frame.length - LENGTH_BYTES, 0)
    frame.writeUInt32LE(header.length, LENGTH_BYTES)
    let offset = PREFIX_BYTES
    for (const part of [header, ...data]) {
      frame.set(part, offset)
      offset += part.length
    }
    return frame
  }

  #roomFor(bytes: number): Buffer {
    if (bytes > MAX_ROOM_BYTES) return Buffer.allocUnsafeSlow(bytes)
    if (bytes > this.#room.length) this.#room = Buffer.allocUnsafeSlow(Math.min(MAX_ROOM_BYTES, bytes * 2))
    return this.#room.subarray(0, bytes)
  }
}

/**
 * Reads one frame from chunks as they come. Nothing is kept but what the frame itself needs, and nothing is allocated
 * before the length that asks for it was held against the limits.
 */
export class FrameReader extends PartReader<Frame> {
  constructor(limits: FrameLimits) {
    super(frameParts(limits))
  }
}

/** Yields each buffer to be filled, and returns the frame, or undefined as soon as what was filled is not one. */
function* frameParts(limits: FrameLimits): Generator<Uint8Array, Frame | undefined, undefined> {
  const prefix = new DataView(new ArrayBuffer(PREFIX_BYTES))
  yield bytesOf(prefix)
  const headerBytes = prefix.getUint32(LENGTH_BYTES, true)
  const dataBytes = prefix.getUint32(0, true) - LENGTH_BYTES - headerBytes
  if (headerBytes === 0 || headerBytes > limits.maxHeaderBytes) return undefined
  if (dataBytes < 0 || dataBytes > limits.maxTensorBytes) return undefined
  const header = Buffer.alloc(headerBytes)
  yield header
  const parsed = parseHeader(header)
  if (parsed === undefined || !fill(parsed.shapes, dataBytes)) return undefined
  const tensors = parsed.shapes.map(({ name, dtype, dims, count }): [string, Tensor] => {
    return [name, { dtype, dims, data: new elementArrays[dtype](count) }]
  })
  for (const [, { data }] of tensors) if (data.length > 0) yield bytesOf(data)
  return { message: parsed.message, tensors: Object.fromEntries(tensors) }
}

interface Shape {
  readonly name: string
  readonly dtype: Tensor['dtype']
  readonly dims: readonly number[]
  readonly count: number
}

function parseHeader(header: Buffer): { message: Frame['message']; shapes: Shape[] } | undefined {
  let value: unknown
  try {
    value = JSON.parse(header.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { tensors, ...message } = value as Record<string, unknown>
  if (!Array.isArray(tensors) || tensors.length > MAX_TENSORS) return undefined
  const shapes = tensors.map(readShape).filter((shape) => shape !== undefined)
  const names = new Set(shapes.map(({ name }) => name))
  return names.size === tensors.length ? { message, shapes } : undefined
}

function readShape(value: unknown): Shape | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { name, dtype, dims } = value as Record<string, unknown>
  if (typeof name !== 'string' || name.length > MAX_NAME_LENGTH || !isDimensions(dims)) return undefined
  if (!isElementType(dtype)) return undefined
  return { name, dtype, dims, count: dims.reduce((product, dim) => product * dim, 1) }
}

/** Whether these tensors take the data exactly. A product beyond 2^53 is inexact, and far beyond any limit. */
function fill(shapes: readonly Shape[], dataBytes: number): boolean {
  const sizes = shapes.map(({ dtype, count }) => count * elementArrays[dtype].BYTES_PER_ELEMENT)
  return sizes.reduce((total, size) => total + size, 0) === dataBytes
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
