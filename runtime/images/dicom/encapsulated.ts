import { ImageError } from '../errors.ts'
import type { DataSet, Fragment } from './data-set.ts'

/**
 * The compressed bytes of each frame (PS3.5 A.4). Which fragments are one frame's is known when there is one frame, or as
 * many fragments as frames; else an offset table says so, and each of its offsets must be where a fragment begins; else
 * the codestreams themselves do, which all begin with one of two markers. What stays open is refused, not guessed.
 * @throws ImageError image_malformed | image_truncated
 */
export function splitFrames(dataSet: DataSet, frames: number): Uint8Array[] {
  const element = dataSet.element('PixelData')
  if (element?.kind !== 'fragments') throw new ImageError('image_malformed', { about: 'PixelData is not encapsulated' })
  const [table, ...fragments] = element.fragments
  if (table === undefined || fragments.length < frames) throw new ImageError('image_truncated', { about: 'frames' })
  if (frames === 1) return [join(fragments)]
  if (fragments.length === frames) return fragments.map(({ bytes }) => bytes)
  const starts = extendedOffsets(dataSet) ?? basicOffsets(table.bytes) ?? codestreamStarts(fragments)
  return splitAt(fragments, starts, frames)
}

function splitAt(fragments: readonly Fragment[], starts: readonly number[], frames: number): Uint8Array[] {
  const places = new Map(fragments.map(({ offset }, index) => [offset, index]))
  const firsts = starts.map((start) => places.get(start))
  const isSound =
    starts.length === frames &&
    firsts[0] === 0 &&
    firsts.every((first, index) => index === 0 || after(first, firsts[index - 1]))
  if (!isSound) throw new ImageError('image_malformed', { about: 'frame offsets' })
  return firsts.map((first, index) => join(fragments.slice(first, firsts[index + 1])))
}

function after(first: number | undefined, previous: number | undefined): boolean {
  return first !== undefined && previous !== undefined && first > previous
}

function basicOffsets(table: Uint8Array): number[] | undefined {
  if (table.length < 4) return undefined
  const view = new DataView(table.buffer, table.byteOffset, table.length)
  return Array.from({ length: table.length >> 2 }, (_, index) => view.getUint32(index * 4, true))
}

/** PS3.3 C.7.6.3.1.8: 64-bit offsets. */
function extendedOffsets(dataSet: DataSet): number[] | undefined {
  const table = dataSet.bytes('ExtendedOffsetTable')
  if (table === undefined) return undefined
  const view = new DataView(table.buffer, table.byteOffset, table.length)
  return Array.from({ length: table.length >> 3 }, (_, index) => Number(view.getBigUint64(index * 8, true)))
}

/** JPEG and JPEG-LS begin with SOI (FFD8 FF), JPEG 2000 with SOC and SIZ (FF4F FF51). */
function codestreamStarts(fragments: readonly Fragment[]): number[] {
  return fragments.filter(({ bytes }) => isStart(bytes)).map(({ offset }) => offset)
}

function isStart([first, second, third]: Uint8Array): boolean {
  return first === 0xff && (second === 0xd8 || second === 0x4f) && third === 0xff
}

function join(fragments: readonly Fragment[]): Uint8Array {
  const [only, ...others] = fragments
  if (only !== undefined && others.length === 0) return only.bytes
  return Buffer.concat(fragments.map(({ bytes }) => bytes))
}
