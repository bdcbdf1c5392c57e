import { BitReader, type HuffmanTable, invalidJpeg } from './huffman.ts'
import { inverseDct } from './inverse-dct.ts'
import type { JpegFrame, JpegScan, JpegTables } from './segments.ts'

/** Natural order of the coefficients (T.81 Figure A.6). */
const zigzag = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
])

/** One component as decoded: whole blocks, of which `columns × rows` samples belong to the image. */
export interface SamplePlane {
  readonly samples: Uint8Array | Uint16Array
  readonly stride: number
  readonly columns: number
  readonly rows: number
}

/** Room for each component, in whole blocks of whole minimum coded units (T.81 A.2.4). */
export function makePlanes(frame: JpegFrame): SamplePlane[] {
  const { widest, tallest, unitsAcross, unitsDown } = geometry(frame)
  const Samples = frame.precision > 8 ? Uint16Array : Uint8Array
  return frame.components.map(({ horizontal, vertical }) => {
    const stride = unitsAcross * horizontal * 8
    return {
      samples: new Samples(stride * unitsDown * vertical * 8),
      stride,
      columns: Math.ceil((frame.columns * horizontal) / widest),
      rows: Math.ceil((frame.rows * vertical) / tallest),
    }
  })
}

interface Work {
  readonly plane: SamplePlane
  readonly dc: HuffmanTable
  readonly ac: HuffmanTable
  readonly quantization: Uint16Array
  /** Blocks across and down in one unit. */
  readonly across: number
  readonly down: number
  previousDc: number
}

/**
 * Decodes one scan of a sequential DCT frame, baseline or extended (T.81 Annex F).
 * @returns offset of the marker behind it. @throws ImageError image_compressed_data_invalid
 */
export function decodeSequentialScan(
  bytes: Uint8Array,
  offset: number,
  frame: JpegFrame,
  scan: JpegScan,
  tables: JpegTables,
  planes: readonly SamplePlane[],
): number {
  const isInterleaved = scan.components.length > 1
  const work = scan.components.map((component) => scanWork(frame, component, tables, planes, isInterleaved))
  const { unitsAcross, unitsDown } = isInterleaved ? geometry(frame) : blocksOf(work[0]!.plane)
  const bits = new BitReader(bytes, offset)
  const block = new Int32Array(64)
  let untilRestart = tables.restartInterval
  let restarts = 0
  for (let unit = 0; unit < unitsAcross * unitsDown; unit += 1) {
    if (tables.restartInterval > 0 && untilRestart === 0) {
      bits.restart(restarts)
      restarts += 1
      untilRestart = tables.restartInterval
      for (const each of work) each.previousDc = 0
    }
    untilRestart -= 1
    const row = Math.floor(unit / unitsAcross)
    for (const each of work) decodeUnit(bits, each, unit - row * unitsAcross, row, frame.precision, block)
    if ((unit & 63) === 0) bits.verifyNotPastEnd()
  }
  bits.verifyNotPastEnd()
  bits.nextMarker()
  return bits.offset
}

function decodeUnit(
  bits: BitReader,
  work: Work,
  unitColumn: number,
  unitRow: number,
  precision: number,
  block: Int32Array,
): void {
  const { plane, across, down } = work
  for (let y = 0; y < down; y += 1) {
    for (let x = 0; x < across; x += 1) {
      readBlock(bits, work, block)
      const origin = (unitRow * down + y) * 8 * plane.stride + (unitColumn * across + x) * 8
      inverseDct(block, precision, plane.samples, origin, plane.stride)
    }
  }
}

function readBlock(bits: BitReader, work: Work, block: Int32Array): void {
  block.fill(0)
  const { dc, ac, quantization } = work
  const size = dc.read(bits)
  if (size > 15) throw invalidJpeg('JPEG code')
  work.previousDc = (work.previousDc + bits.readSigned(size)) | 0
  block[0] = work.previousDc * quantization[0]!
  for (let index = 1; index < 64; index += 1) {
    const symbol = ac.read(bits)
    const run = symbol >> 4
    const length = symbol & 15
    if (length === 0) {
      if (run !== 15) return
      index += 15
      continue
    }
    index += run
    if (index > 63) throw invalidJpeg('JPEG code')
    block[zigzag[index]!] = bits.readSigned(length) * quantization[index]!
  }
}

function scanWork(
  frame: JpegFrame,
  { index, dcTable, acTable }: JpegScan['components'][number],
  tables: JpegTables,
  planes: readonly SamplePlane[],
  isInterleaved: boolean,
): Work {
  const component = frame.components[index]
  const [plane, dc, ac] = [planes[index], tables.dc[dcTable], tables.ac[acTable]]
  const quantization = tables.quantization[component?.quantization ?? 0]
  if (
    component === undefined ||
    plane === undefined ||
    dc === undefined ||
    ac === undefined ||
    quantization === undefined
  ) {
    throw invalidJpeg('JPEG table missing')
  }
  const [across, down] = isInterleaved ? [component.horizontal, component.vertical] : [1, 1]
  return { plane, dc, ac, quantization, across, down, previousDc: 0 }
}

function geometry(frame: JpegFrame): { widest: number; tallest: number; unitsAcross: number; unitsDown: number } {
  const widest = Math.max(...frame.components.map(({ horizontal }) => horizontal))
  const tallest = Math.max(...frame.components.map(({ vertical }) => vertical))
  const unitsAcross = Math.ceil(frame.columns / (widest * 8))
  const unitsDown = Math.ceil(frame.rows / (tallest * 8))
  return { widest, tallest, unitsAcross, unitsDown }
}

/** A scan of one component goes block by block over its own samples (T.81 A.2.2). */
function blocksOf({ columns, rows }: SamplePlane): { unitsAcross: number; unitsDown: number } {
  return { unitsAcross: Math.ceil(columns / 8), unitsDown: Math.ceil(rows / 8) }
}
