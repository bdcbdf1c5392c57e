import { createRequire } from 'node:module'

interface Encoder {
  getDecodedBuffer(frame: object): Uint8Array
  getEncodedBuffer(): Uint8Array
  encode(): void
  setNearLossless?(near: number): void
  setDecompositions?(levels: number): void
  setQuality?(reversible: boolean, rate: number): void
}

type Factory = (options: object) => Promise<Record<string, new () => Encoder>>

const require = createRequire(import.meta.url)
const quiet = { print: () => {}, printErr: () => {} }

export interface TestFrame {
  readonly width: number
  readonly height: number
  readonly bitsPerSample: number
  readonly componentCount: number
  readonly isSigned: boolean
}

/** The encoders of the codecs' own packages: there for tests, and never in the product. */
export async function encodeWith(
  codec: 'jpeg-ls' | 'jpeg-2000' | 'htj2k',
  frame: TestFrame,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const [module, name] = {
    'jpeg-ls': ['@cornerstonejs/codec-charls/wasmjs', 'JpegLSEncoder'] as const,
    'jpeg-2000': ['@cornerstonejs/codec-openjpeg/wasmjs', 'J2KEncoder'] as const,
    htj2k: ['@cornerstonejs/codec-openjph/wasmjs', 'HTJ2KEncoder'] as const,
  }[codec]
  const factory = require(module) as Factory
  const Class = (await factory({ ...quiet }))[name]
  if (Class === undefined) return new Uint8Array()
  const encoder = new Class()
  encoder.getDecodedBuffer({ ...frame, isUsingColorTransform: false }).set(bytes)
  encoder.setNearLossless?.(0)
  // A small frame cannot be halved five times.
  encoder.setDecompositions?.(1)
  encoder.setQuality?.(true, 0)
  encoder.encode()
  return Uint8Array.from(encoder.getEncodedBuffer())
}

/** PackBits, worst case: literal runs only. */
export function encodeRle(segments: readonly Uint8Array[]): Buffer {
  const packed = segments.map((segment) => {
    const parts: Buffer[] = []
    for (let start = 0; start < segment.length; start += 128) {
      const run = segment.subarray(start, start + 128)
      parts.push(Buffer.from([run.length - 1]), Buffer.from(run))
    }
    const bytes = Buffer.concat(parts)
    return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)])
  })
  const header = Buffer.alloc(64)
  header.writeUInt32LE(segments.length, 0)
  let offset = 64
  for (const [index, bytes] of packed.entries()) {
    header.writeUInt32LE(offset, 4 + index * 4)
    offset += bytes.length
  }
  return Buffer.concat([header, ...packed])
}

/** Writes bits with the stuffing of T.81. */
class BitWriter {
  readonly #bytes: number[] = []
  #bits = 0n
  #count = 0n

  write(value: number, count: number): void {
    this.#bits = (this.#bits << BigInt(count)) | BigInt(value)
    this.#count += BigInt(count)
    while (this.#count >= 8n) {
      const byte = Number((this.#bits >> (this.#count - 8n)) & 0xffn)
      this.#bytes.push(byte)
      if (byte === 0xff) this.#bytes.push(0)
      this.#count -= 8n
      this.#bits &= (1n << this.#count) - 1n
    }
  }

  finish(): Buffer {
    if (this.#count > 0n) this.write((1 << Number(8n - this.#count)) - 1, Number(8n - this.#count))
    return Buffer.from(this.#bytes)
  }
}

const marker = (code: number, body: readonly number[]): Buffer =>
  Buffer.from([0xff, code, (body.length + 2) >> 8, (body.length + 2) & 0xff, ...body])

/** A table in which size n has the code of n in five bits: sizes 0 to 16. */
const sizeTable = [0x00, 0, 0, 0, 0, 17, ...new Array<number>(11).fill(0), ...Array.from({ length: 17 }, (_, n) => n)]

function writeSize(bits: BitWriter, difference: number): void {
  const size = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1
  bits.write(size, 5)
  if (size > 0 && size < 16) bits.write(difference > 0 ? difference : difference + 2 ** size - 1, size)
}

/** JPEG lossless (process 14), selection value 1, one component; with a restart after each line where asked. */
export function encodeLossless(
  pixels: Uint16Array,
  rows: number,
  columns: number,
  precision: number,
  hasRestarts = false,
): Buffer {
  const parts: Buffer[] = [
    Buffer.from([0xff, 0xd8]),
    marker(0xc4, sizeTable),
    ...(hasRestarts ? [marker(0xdd, [columns >> 8, columns & 0xff])] : []),
    marker(0xc3, [precision, rows >> 8, rows & 0xff, columns >> 8, columns & 0xff, 1, 1, 0x11, 0]),
    marker(0xda, [1, 1, 0x00, 1, 0, 0]),
  ]
  let bits = new BitWriter()
  for (let row = 0; row < rows; row += 1) {
    if (hasRestarts && row > 0) {
      parts.push(bits.finish(), Buffer.from([0xff, 0xd0 + ((row - 1) & 7)]))
      bits = new BitWriter()
    }
    for (let column = 0; column < columns; column += 1) {
      const at = row * columns + column
      const isFirst = row === 0 || hasRestarts
      const above = isFirst ? 2 ** (precision - 1) : (pixels[at - columns] ?? 0)
      const prediction = column === 0 ? above : (pixels[at - 1] ?? 0)
      writeSize(bits, (((pixels[at] ?? 0) - prediction + 32_768) & 0xffff) - 32_768)
    }
  }
  parts.push(bits.finish(), Buffer.from([0xff, 0xd9]))
  return Buffer.concat(parts)
}

/** JPEG of blocks that are each of one value (DC alone): what comes out of it is known without another decoder. */
export function encodeFlatBlocks(levels: readonly number[], rows: number, columns: number, precision: 8 | 12): Buffer {
  const bits = new BitWriter()
  let previous = 0
  for (const level of levels) {
    // Eight times the level, as a DC coefficient is, with a quantization of one.
    const dc = (level - 2 ** (precision - 1)) * 8
    writeSize(bits, dc - previous)
    bits.write(0, 1)
    previous = dc
  }
  const endOfBlock = [0x10, 1, ...new Array<number>(15).fill(0), 0]
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    marker(0xdb, [0, ...new Array<number>(64).fill(1)]),
    marker(0xc4, sizeTable),
    marker(0xc4, endOfBlock),
    marker(0xc1, [precision, rows >> 8, rows & 0xff, columns >> 8, columns & 0xff, 1, 1, 0x11, 0]),
    marker(0xda, [1, 1, 0x00, 0, 63, 0]),
    bits.finish(),
    Buffer.from([0xff, 0xd9]),
  ])
}
