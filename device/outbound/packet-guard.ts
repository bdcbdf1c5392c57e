/**
 * Looks over what a broker sends before the client library reads it. The library waits for a packet of whatever length it is
 * promised (256 MiB by MQTT's own limit) and keeps each QoS 2 message until it is released; a hostile broker could fill the memory with either.
 * MQTT 3.1.1 §2.2, MQTT 5 §2.1: a type and flags, then a length of one to four bytes.
 */
export class PacketGuard {
  readonly #maxPacketBytes: number
  readonly #maxPacketsPerSecond: number
  /** Bytes of the current packet's body still to come; undefined within a header. */
  #body: number | undefined
  #first: number | undefined
  #length = 0
  #lengthBytes = 0
  #second = 0
  #packets = 0

  constructor(maxPacketBytes: number, maxPacketsPerSecond: number) {
    this.#maxPacketBytes = maxPacketBytes
    this.#maxPacketsPerSecond = maxPacketsPerSecond
  }

  /** @returns false when the connection has to end */
  accepts(chunk: Uint8Array, nowMs: number): boolean {
    for (let at = 0; at < chunk.length; ) {
      if (this.#body === undefined) {
        if (!this.#header(chunk[at] ?? 0, nowMs)) return false
        at += 1
      } else {
        const taken = Math.min(this.#body, chunk.length - at)
        this.#body -= taken
        at += taken
      }
      if (this.#body === 0) this.#body = undefined
    }
    return true
  }

  #header(byte: number, nowMs: number): boolean {
    if (this.#first === undefined) {
      this.#first = byte
      this.#length = 0
      this.#lengthBytes = 0
      return isExpected(byte) && this.#count(nowMs)
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes
    this.#lengthBytes += 1
    if (this.#length > this.#maxPacketBytes) return false
    if ((byte & 0x80) !== 0) return this.#lengthBytes < 4
    this.#first = undefined
    this.#body = this.#length
    return true
  }

  #count(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) this.#packets = 0
    this.#second = second
    this.#packets += 1
    return this.#packets <= this.#maxPacketsPerSecond
  }
}

const CONNACK = 2
const PUBLISH = 3
const PUBACK = 4
const SUBACK = 9
const UNSUBACK = 11
const PINGRESP = 13
const DISCONNECT = 14
const fromBroker = [CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT]

/** We publish and subscribe at QoS 1, so nothing of QoS 2 has a reason to come, nor has anything that only clients send. */
function isExpected(first: number): boolean {
  const type = first >> 4
  if (!fromBroker.includes(type)) return false
  return type === PUBLISH ? (first & 0x04) === 0 : (first & 0x0f) === 0
}
