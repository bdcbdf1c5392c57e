import { canonicalBytes, type JsonObject, parseCanonical } from './canonical-json.ts'
import { ChannelError } from './channel-errors.ts'

/** u32, big-endian: bytes of the message that follows. */
const HEADER_BYTES = 4

/** @throws ChannelError channel_message_too_large, PlatformError json_malformed */
export function encodeFrame(message: JsonObject, maxMessageBytes: number): Buffer {
  const bytes = canonicalBytes(message)
  if (bytes.length > maxMessageBytes) throw new ChannelError('channel_message_too_large')
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes.length)
  frame.writeUInt32BE(bytes.length)
  frame.set(bytes, HEADER_BYTES)
  return frame
}

/** Cuts a stream into messages. What waits for its end is never more than one message and one chunk. */
export class FrameReader {
  readonly #maxMessageBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /** True while a message has begun and not ended. */
  get isInside(): boolean {
    return this.#bytes > 0
  }

  /** @throws ChannelError channel_message_too_large at the header, before the message is there; channel_broken */
  push(chunk: Buffer): JsonObject[] {
    this.#parts.push(chunk)
    this.#bytes += chunk.length
    const messages: JsonObject[] = []
    for (let needed = this.#needed(); this.#bytes >= needed && needed > HEADER_BYTES; needed = this.#needed()) {
      messages.push(parseMessage(this.#take(needed).subarray(HEADER_BYTES)))
    }
    return messages
  }

  /** Bytes of the frame that has begun, its header included; the header's alone as long as that is not there. */
  #needed(): number {
    if (this.#bytes < HEADER_BYTES) return HEADER_BYTES
    const length = this.#join(HEADER_BYTES).readUInt32BE()
    if (length === 0) throw new ChannelError('channel_broken')
    if (length > this.#maxMessageBytes) throw new ChannelError('channel_message_too_large')
    return HEADER_BYTES + length
  }

  #take(bytes: number): Buffer {
    const whole = this.#join(bytes)
    const rest = whole.subarray(bytes)
    this.#parts = rest.length === 0 ? [] : [rest]
    this.#bytes = rest.length
    return whole.subarray(0, bytes)
  }

  /** The first part, made at least `bytes` long; parts are joined once, not at every chunk. */
  #join(bytes: number): Buffer {
    if ((this.#parts[0]?.length ?? 0) < bytes) this.#parts = [Buffer.concat(this.#parts)]
    return this.#parts[0] ?? Buffer.alloc(0)
  }
}

function parseMessage(bytes: Buffer): JsonObject {
  let value: unknown
  try {
    value = parseCanonical(bytes)
  } catch (cause) {
    throw new ChannelError('channel_broken', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ChannelError('channel_broken')
  return value as JsonObject
}
