import { ImageError } from '../../errors.ts'
import { BitReader, type HuffmanTable, invalidJpeg } from './huffman.ts'
import type { JpegFrame, JpegScan, JpegTables } from './segments.ts'
import type { SamplePlane } from './sequential.ts'

/** Room for each component of a lossless frame. Subsampled ones do not occur in DICOM and are refused. */
export function makeLosslessPlanes(frame: JpegFrame): SamplePlane[] {
  const { rows, columns, precision } = frame
  if (frame.components.some(({ horizontal, vertical }) => horizontal !== 1 || vertical !== 1)) {
    throw new ImageError('image_pixel_format_unsupported', { about: 'JPEG lossless subsampling' })
  }
  const Samples = precision > 8 ? Uint16Array : Uint8Array
  return frame.components.map(() => ({ samples: new Samples(rows * columns), stride: columns, columns, rows }))
}

interface Work {
  readonly samples: Uint8Array | Uint16Array
  readonly table: HuffmanTable
}

/**
 * Decodes one scan of a lossless frame (T.81 Annex H), any predictor.
 * @returns offset of the marker behind it. @throws ImageError image_compressed_data_invalid
 */
export function decodeLosslessScan(
  bytes: Uint8Array,
  offset: number,
  frame: JpegFrame,
  scan: JpegScan,
  tables: JpegTables,
  planes: readonly SamplePlane[],
): number {
  const { rows, columns, precision } = frame
  const { selection, pointTransform } = scan
  if (selection < 1 || selection > 7 || pointTransform >= precision) throw invalidJpeg('JPEG scan header')
  const work = scan.components.map(({ index, dcTable }): Work => {
    const [plane, table] = [planes[index], tables.dc[dcTable]]
    if (plane === undefined || table === undefined) throw invalidJpeg('JPEG table missing')
    return { samples: plane.samples, table }
  })
  // T.81 H.1.1: a restart interval holds whole lines.
  if (tables.restartInterval % columns !== 0) throw invalidJpeg('JPEG restart interval')
  const linesPerInterval = tables.restartInterval / columns
  const bits = new BitReader(bytes, offset)
  const start = 1 << (precision - pointTransform - 1)
  const mask = (1 << precision) - 1
  for (let row = 0; row < rows; row += 1) {
    const isRestart = linesPerInterval > 0 && row > 0 && row % linesPerInterval === 0
    if (isRestart) bits.restart(row / linesPerInterval - 1)
    const isFirst = row === 0 || isRestart
    for (let column = 0; column < columns; column += 1) {
      const at = row * columns + column
      for (const { samples, table } of work) {
        const difference = readDifference(bits, table)
        const prediction = predict(samples, at, columns, column, isFirst, selection, start)
        samples[at] = (prediction + difference) & mask
      }
    }
    bits.verifyNotPastEnd()
  }
  if (pointTransform > 0) for (const { samples } of work) shift(samples, pointTransform)
  bits.nextMarker()
  return bits.offset
}

function readDifference(bits: BitReader, table: HuffmanTable): number {
  const size = table.read(bits)
  if (size > 16) throw invalidJpeg('JPEG code')
  return size === 16 ? 32768 : bits.readSigned(size)
}

function predict(
  samples: Uint8Array | Uint16Array,
  at: number,
  columns: number,
  column: number,
  isFirstLine: boolean,
  selection: number,
  start: number,
): number {
  if (isFirstLine) return column === 0 ? start : samples[at - 1]!
  const above = samples[at - columns]!
  if (column === 0) return above
  const left = samples[at - 1]!
  const corner = samples[at - columns - 1]!
  switch (selection) {
    case 1:
      return left
    case 2:
      return above
    case 3:
      return corner
    case 4:
      return left + above - corner
    case 5:
      return left + ((above - corner) >> 1)
    case 6:
      return above + ((left - corner) >> 1)
    default:
      return (left + above) >> 1
  }
}

function shift(samples: Uint8Array | Uint16Array, bits: number): void {
  for (let index = 0; index < samples.length; index += 1) samples[index] = samples[index]! << bits
}
