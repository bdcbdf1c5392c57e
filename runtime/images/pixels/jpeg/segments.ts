import { ImageError } from '../../errors.ts'
import { HuffmanTable, invalidJpeg } from './huffman.ts'

export interface JpegComponent {
  readonly id: number
  readonly horizontal: number
  readonly vertical: number
  readonly quantization: number
}

export interface JpegFrame {
  readonly process: 'sequential' | 'lossless'
  readonly precision: number
  readonly rows: number
  readonly columns: number
  readonly components: readonly JpegComponent[]
}

export interface JpegScan {
  readonly components: readonly { readonly index: number; readonly dcTable: number; readonly acTable: number }[]
  /** Lossless: the predictor (T.81 Table H.1). */
  readonly selection: number
  readonly pointTransform: number
}

/** The tables in force, as the segments before a scan have set them (T.81 B.2.4). */
export class JpegTables {
  readonly quantization: (Uint16Array | undefined)[] = []
  readonly dc: (HuffmanTable | undefined)[] = []
  readonly ac: (HuffmanTable | undefined)[] = []
  restartInterval = 0
  /** APP14 of Adobe: 0 as it is, 1 YCbCr; undefined where there is none. */
  adobeTransform: number | undefined

  /** @param marker second byte. @param segment without marker and length. */
  read(marker: number, segment: Uint8Array): void {
    if (marker === 0xdb) this.#readQuantization(segment)
    else if (marker === 0xc4) this.#readHuffman(segment)
    else if (marker === 0xdd) this.restartInterval = word(segment, 0)
    else if (marker === 0xee && segment.length >= 12 && segment[0] === 0x41 && segment[1] === 0x64) {
      this.adobeTransform = segment[11]
    }
  }

  #readQuantization(segment: Uint8Array): void {
    for (let offset = 0; offset < segment.length; ) {
      const [precision, id] = nibbles(segment[offset])
      const size = precision === 0 ? 64 : 128
      if (precision > 1 || id > 3 || offset + 1 + size > segment.length) throw invalidJpeg('JPEG quantization table')
      const start = offset + 1
      this.quantization[id] = Uint16Array.from({ length: 64 }, (_, index) =>
        precision === 0 ? (segment[start + index] ?? 0) : word(segment, start + index * 2),
      )
      offset = start + size
    }
  }

  #readHuffman(segment: Uint8Array): void {
    for (let offset = 0; offset < segment.length; ) {
      const [kind, id] = nibbles(segment[offset])
      const counts = segment.subarray(offset + 1, offset + 17)
      const total = counts.reduce((sum, count) => sum + count, 0)
      const end = offset + 17 + total
      if (kind > 1 || id > 3 || total > 256 || end > segment.length) throw invalidJpeg('JPEG Huffman table')
      const tables = kind === 0 ? this.dc : this.ac
      tables[id] = new HuffmanTable(counts, segment.subarray(offset + 17, end))
      offset = end
    }
  }
}

/** @throws ImageError image_pixel_format_unsupported for progressive, hierarchical and arithmetic processes. */
export function parseFrame(marker: number, segment: Uint8Array): JpegFrame {
  const process = marker === 0xc0 || marker === 0xc1 ? 'sequential' : marker === 0xc3 ? 'lossless' : undefined
  if (process === undefined) throw new ImageError('image_pixel_format_unsupported', { about: 'JPEG process' })
  const count = segment[5] ?? 0
  if (segment.length !== 6 + count * 3) throw invalidJpeg('JPEG frame header')
  const components = Array.from({ length: count }, (_, index) => {
    const at = 6 + index * 3
    const [horizontal, vertical] = nibbles(segment[at + 1])
    return { id: segment[at] ?? 0, horizontal, vertical, quantization: segment[at + 2] ?? 0 }
  })
  const isSound = components.every(({ horizontal, vertical }) => isFactor(horizontal) && isFactor(vertical))
  if (!isSound || new Set(components.map(({ id }) => id)).size !== count) throw invalidJpeg('JPEG frame header')
  return { process, precision: segment[0] ?? 0, rows: word(segment, 1), columns: word(segment, 3), components }
}

export function parseScan(segment: Uint8Array, frame: JpegFrame): JpegScan {
  const count = segment[0] ?? 0
  if (count < 1 || count > 4 || segment.length !== 4 + count * 2) throw invalidJpeg('JPEG scan header')
  const components = Array.from({ length: count }, (_, place) => {
    const index = frame.components.findIndex(({ id }) => id === segment[1 + place * 2])
    const [dcTable, acTable] = nibbles(segment[2 + place * 2])
    return { index, dcTable, acTable }
  })
  const indexes = new Set(components.map(({ index }) => index))
  if (indexes.has(-1) || indexes.size !== count) throw invalidJpeg('JPEG scan header')
  const [, pointTransform] = nibbles(segment[3 + count * 2])
  return { components, selection: segment[1 + count * 2] ?? 0, pointTransform }
}

export function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) * 256 + (bytes[offset + 1] ?? 0)
}

function nibbles(byte = 0): [number, number] {
  return [byte >> 4, byte & 15]
}

function isFactor(factor: number): boolean {
  return factor >= 1 && factor <= 4
}
