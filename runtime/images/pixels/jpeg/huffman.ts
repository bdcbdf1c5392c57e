import { ImageError } from '../../errors.ts'
import type { ImagePlace } from '../../places.ts'

const LOOK_BITS = 8

export function invalidJpeg(about: ImagePlace = 'JPEG'): ImageError {
  return new ImageError('image_compressed_data_invalid', { about })
}

/** A Huffman table (ITU-T T.81 Annex C), with all codes of up to eight bits laid out for one look. */
export class HuffmanTable {
  /** Index: the next eight bits. Value: code length × 256 + symbol, or 0 for longer codes. */
  readonly #look = new Uint16Array(1 << LOOK_BITS)
  /** Per length: one more than the largest code, as many bits; -1 where there is none. */
  readonly #limits = new Int32Array(17).fill(-1)
  readonly #firsts = new Int32Array(17)
  readonly #symbols: Uint8Array

  /** @param counts codes of length 1 to 16. @throws ImageError when there are more codes than a length has room for. */
  constructor(counts: Uint8Array, symbols: Uint8Array) {
    this.#symbols = symbols
    let code = 0
    let index = 0
    for (let length = 1; length <= 16; length += 1) {
      const count = counts[length - 1] ?? 0
      if (code + count > 1 << length) throw invalidJpeg('JPEG Huffman table')
      this.#firsts[length] = index - code
      if (count > 0) this.#limits[length] = code + count
      if (length <= LOOK_BITS) this.#layOut(length, code, symbols.subarray(index, index + count))
      code = (code + count) << 1
      index += count
    }
  }

  #layOut(length: number, firstCode: number, symbols: Uint8Array): void {
    for (const [index, symbol] of symbols.entries()) {
      const start = (firstCode + index) << (LOOK_BITS - length)
      this.#look.fill(length * 256 + symbol, start, start + (1 << (LOOK_BITS - length)))
    }
  }

  /** The next symbol. */
  read(bits: BitReader): number {
    const next = bits.peek16()
    const seen = this.#look[next >> (16 - LOOK_BITS)] ?? 0
    if (seen !== 0) {
      bits.skip(seen >> 8)
      return seen & 0xff
    }
    for (let length = LOOK_BITS + 1; length <= 16; length += 1) {
      const code = next >> (16 - length)
      if (code < (this.#limits[length] ?? -1)) {
        bits.skip(length)
        return this.#symbols[(this.#firsts[length] ?? 0) + code] ?? 0
      }
    }
    throw invalidJpeg('JPEG code')
  }
}

/** Bits of an entropy-coded segment (T.81 F.2.2.5): stuffed zeros are taken out, and a marker ends it. */
export class BitReader {
  readonly #bytes: Uint8Array
  #offset: number
  #bits = 0
  #count = 0
  /** Zero bits that were handed out behind the end, because a look goes further than what is then used. */
  #padding = 0

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes
    this.#offset = offset
  }

  peek16(): number {
    if (this.#count < 16) this.#fill()
    return (this.#bits >>> (this.#count - 16)) & 0xffff
  }

  skip(count: number): void {
    this.#count -= count
  }

  /** @param count 0 to 16. */
  read(count: number): number {
    if (count === 0) return 0
    if (this.#count < count) this.#fill()
    this.#count -= count
    return (this.#bits >>> this.#count) & ((1 << count) - 1)
  }

  /** T.81 F.2.2.1: a magnitude of `count` bits, negative ones offset. */
  readSigned(count: number): number {
    const value = this.read(count)
    return count === 0 || value >= 1 << (count - 1) ? value : value - (1 << count) + 1
  }

  /** @throws ImageError when more bits were used than there are. */
  verifyNotPastEnd(): void {
    if (this.#count < this.#padding) throw invalidJpeg('JPEG data end early')
  }

  /** Leaves what is left of the segment and reads the restart marker, which must be the expected one (T.81 B.2.1). */
  restart(expected: number): void {
    this.verifyNotPastEnd()
    const marker = this.nextMarker()
    if (marker !== 0xd0 + (expected & 7)) throw invalidJpeg('JPEG restart marker')
    this.#offset += 2
    this.#bits = 0
    this.#count = 0
    this.#padding = 0
  }

  /** Moves to the marker that ends this segment, and says which; undefined at the end of the bytes. */
  nextMarker(): number | undefined {
    for (; this.#offset + 1 < this.#bytes.length; this.#offset += 1) {
      const code = this.#bytes[this.#offset + 1] ?? 0
      if (this.#bytes[this.#offset] === 0xff && code !== 0 && code !== 0xff) return code
    }
    return undefined
  }

  get offset(): number {
    return this.#offset
  }

  #fill(): void {
    while (this.#count <= 24) {
      this.#bits = (this.#bits << 8) | this.#nextByte()
      this.#count += 8
    }
  }

  #nextByte(): number {
    const byte = this.#bytes[this.#offset]
    if (byte === undefined) return this.#pad()
    if (byte === 0xff) {
      if (this.#bytes[this.#offset + 1] !== 0) return this.#pad()
      this.#offset += 1
    }
    this.#offset += 1
    return byte
  }

  #pad(): number {
    this.#padding += 8
    return 0
  }
}
