import { invalidJpeg } from './huffman.ts'
import { decodeLosslessScan, makeLosslessPlanes } from './lossless.ts'
import { type JpegFrame, JpegTables, parseFrame, parseScan, word } from './segments.ts'
import { decodeSequentialScan, makePlanes, type SamplePlane } from './sequential.ts'
import { upsample } from './upsample.ts'

export interface JpegExpectation {
  readonly rows: number
  readonly columns: number
  readonly samples: number
  readonly process: JpegFrame['process']
  readonly maxPrecision: number
}

export interface JpegPixels {
  /** Pixel by pixel, samples of a pixel together. */
  readonly samples: Uint8Array | Uint16Array
  readonly precision: number
  /** What an Adobe marker says of the colours: 1 is YCbCr, 0 is not transformed. */
  readonly adobeTransform: number | undefined
}

/**
 * Decodes a Huffman-coded JPEG image: baseline and extended sequential, eight or twelve bits, and lossless (ITU-T T.81). Its header is held against what
 * the file around it says before anything is made, so a lie in it costs nothing.
 * @throws ImageError image_compressed_data_invalid | image_pixel_format_unsupported
 */
export function decodeJpeg(bytes: Uint8Array, expected: JpegExpectation): JpegPixels {
  const tables = new JpegTables()
  let frame: JpegFrame | undefined
  let planes: SamplePlane[] = []
  const scanned = new Set<number>()
  if (word(bytes, 0) !== 0xffd8) throw invalidJpeg('JPEG start')
  for (let offset = 2; ; ) {
    const { marker, segment, next } = nextSegment(bytes, offset)
    offset = next
    if (marker === 0xd9) break
    if (isFrameMarker(marker)) {
      if (frame !== undefined) throw invalidJpeg('JPEG frame header')
      frame = verifyFrame(parseFrame(marker, segment), expected)
      planes = frame.process === 'lossless' ? makeLosslessPlanes(frame) : makePlanes(frame)
    } else if (marker === 0xda) {
      if (frame === undefined) throw invalidJpeg('JPEG scan header')
      const scan = parseScan(segment, frame)
      // Each component has one scan, so the work is bounded by the image.
      for (const { index } of scan.components) {
        if (scanned.has(index)) throw invalidJpeg('JPEG scan header')
        scanned.add(index)
      }
      const decode = frame.process === 'lossless' ? decodeLosslessScan : decodeSequentialScan
      offset = decode(bytes, offset, frame, scan, tables, planes)
      if (scanned.size === expected.samples) {
        // Zeros where the rest of a file never came are bits like others; the marker behind them is what is missing.
        if (word(bytes, offset) <= 0xff00) throw invalidJpeg('JPEG data end early')
        break
      }
    } else {
      tables.read(marker, segment)
    }
  }
  if (frame === undefined || scanned.size !== expected.samples) throw invalidJpeg('JPEG data end early')
  return { samples: assemble(frame, planes), precision: frame.precision, adobeTransform: tables.adobeTransform }
}

function nextSegment(bytes: Uint8Array, start: number): { marker: number; segment: Uint8Array; next: number } {
  let offset = start
  while (bytes[offset] === 0xff && bytes[offset + 1] === 0xff) offset += 1
  const marker = bytes[offset + 1]
  if (bytes[offset] !== 0xff || marker === undefined || marker === 0) throw invalidJpeg('JPEG marker')
  if (marker === 0xd9) return { marker, segment: bytes.subarray(0, 0), next: offset + 2 }
  const length = word(bytes, offset + 2)
  const next = offset + 2 + length
  if (length < 2 || next > bytes.length) throw invalidJpeg('JPEG marker')
  return { marker, segment: bytes.subarray(offset + 4, next), next }
}

/** SOF0 to SOF15 without DHT, JPG and DAC (T.81 Table B.1). */
function isFrameMarker(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
}

function verifyFrame(frame: JpegFrame, expected: JpegExpectation): JpegFrame {
  if (frame.rows !== expected.rows || frame.columns !== expected.columns) throw invalidJpeg('JPEG size')
  if (frame.components.length !== expected.samples) throw invalidJpeg('JPEG components')
  if (frame.process !== expected.process) throw invalidJpeg('JPEG process')
  const isKnown =
    frame.process === 'lossless' ? frame.precision >= 2 && frame.precision <= 16 : [8, 12].includes(frame.precision)
  if (!isKnown || frame.precision > expected.maxPrecision) throw invalidJpeg('JPEG precision')
  return frame
}

function assemble({ components, rows, columns }: JpegFrame, planes: readonly SamplePlane[]): Uint8Array | Uint16Array {
  const widest = Math.max(...components.map(({ horizontal }) => horizontal))
  const tallest = Math.max(...components.map(({ vertical }) => vertical))
  const full = components.map(({ horizontal, vertical }, index) =>
    upsample(planes[index]!, widest / horizontal, tallest / vertical, columns, rows),
  )
  const [only] = full
  if (only !== undefined && full.length === 1) return only
  const out =
    only instanceof Uint16Array
      ? new Uint16Array(rows * columns * full.length)
      : new Uint8Array(rows * columns * full.length)
  for (const [component, samples] of full.entries()) {
    for (let pixel = 0; pixel < samples.length; pixel += 1) out[pixel * full.length + component] = samples[pixel]!
  }
  return out
}
