import { refuseOip } from '../errors.ts'

const PREFIX_BYTES = 5

/** A message as it goes over the wire: not compressed, its length, itself. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/**
 * Takes the one message of a call out of its bytes. What it announces is held to the limit before anything is kept, and no
 * more is kept than it announces.
 */
export class MessageReader {
  readonly #maxBytes: number
  readonly #announced: (bytes: number) => void
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  /** Grows as bytes come: what is announced costs a sender nothing. A copy, because a piece of one byte may hold a page. */
  #buffer = Buffer.alloc(0)
  #seen = 0
  #length = -1
  #kept = 0

  /** @param announced told how long the message will be, once that is known; what it throws ends the call */
  constructor(maxBytes: number, announced: (bytes: number) => void) {
    this.#maxBytes = maxBytes
    this.#announced = announced
  }

  /** @throws OipError oip_too_large | oip_compression_unsupported | oip_message_invalid */
  put(bytes: Uint8Array): void {
    const ofPrefix = Math.min(PREFIX_BYTES - this.#seen, bytes.length)
    if (ofPrefix > 0) {
      this.#prefix.set(bytes.subarray(0, ofPrefix), this.#seen)
      this.#seen += ofPrefix
      if (this.#seen === PREFIX_BYTES) this.#open()
    }
    const rest = bytes.subarray(ofPrefix)
    if (rest.length === 0) return
    // A second message: these methods take one.
    if (this.#kept + rest.length > this.#length) refuseOip('oip_message_invalid')
    this.#room(this.#kept + rest.length)
    this.#buffer.set(rest, this.#kept)
    this.#kept += rest.length
  }

  /** @throws OipError oip_message_invalid: the call ended before its message did */
  finish(): Uint8Array {
    return this.#kept === this.#length ? this.#buffer.subarray(0, this.#kept) : refuseOip('oip_message_invalid')
  }

  #room(needed: number): void {
    if (needed <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.min(this.#length, Math.max(needed, 2 * this.#buffer.length)))
    larger.set(this.#buffer)
    this.#buffer = larger
  }

  #open(): void {
    if (this.#prefix[0] === 1) refuseOip('oip_compression_unsupported')
    if (this.#prefix[0] !== 0) refuseOip('oip_message_invalid')
    this.#length = this.#prefix.readUInt32BE(1)
    if (this.#length > this.#maxBytes) refuseOip('oip_too_large')
    this.#announced(this.#length)
  }
}
