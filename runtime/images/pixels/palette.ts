import type { PixelArray } from '../../../models/contract/image/image-facts.ts'
import type { DataSet } from '../dicom/data-set.ts'
import type { Keyword } from '../dicom/tags.ts'
import { ImageError } from '../errors.ts'

const channels = ['Red', 'Green', 'Blue'] as const

interface Palette {
  /** The index of the first entry; lower ones take it too, and higher ones than the last take the last. */
  readonly first: number
  readonly bits: 8 | 16
  readonly entries: readonly Uint16Array[]
}

/** Palette indices to RGB (PS3.3 C.7.6.3.1.5 and C.7.9), with as many bits as the palette has. */
export function applyPalette(indices: PixelArray, dataSet: DataSet): Uint8Array | Uint16Array {
  const isSigned = indices instanceof Int8Array || indices instanceof Int16Array || indices instanceof Int32Array
  const { first, bits, entries } = readPalette(dataSet, isSigned)
  const out = bits === 8 ? new Uint8Array(indices.length * 3) : new Uint16Array(indices.length * 3)
  for (const [channel, table] of entries.entries()) {
    const last = table.length - 1
    for (let pixel = 0; pixel < indices.length; pixel += 1) {
      const index = Math.min(Math.max(indices[pixel]! - first, 0), last)
      out[pixel * 3 + channel] = table[index]!
    }
  }
  return out
}

function readPalette(dataSet: DataSet, isSigned: boolean): Palette {
  const tables = channels.map((name) => {
    const keyword: Keyword = `${name}PaletteColorLookupTableDescriptor`
    const [count, first, bits] = dataSet.require(keyword, dataSet.words(keyword, 3))
    if (bits !== 8 && bits !== 16) throw malformed()
    const entries = count === 0 ? 65_536 : (count ?? 0)
    const values = readTable(dataSet, name, entries, bits)
    if (bits === 8 && values.some((entry) => entry > 0xff)) throw malformed()
    return { first: isSigned ? ((first ?? 0) << 16) >> 16 : (first ?? 0), bits, values }
  })
  const [red] = tables
  if (red === undefined || tables.some(({ first, bits }) => first !== red.first || bits !== red.bits)) throw malformed()
  return { first: red.first, bits: red.bits as 8 | 16, entries: tables.map(({ values }) => values) }
}

function readTable(dataSet: DataSet, name: (typeof channels)[number], entries: number, bits: 8 | 16): Uint16Array {
  const segmented = dataSet.words(`Segmented${name}PaletteColorLookupTableData`)
  if (segmented !== undefined) return expandSegments(segmented, entries)
  const keyword: Keyword = `${name}PaletteColorLookupTableData`
  const words = dataSet.require(keyword, dataSet.words(keyword))
  if (words.length >= entries) return words.slice(0, entries)
  // Eight-bit entries may lie two in a word, the first in its lower half.
  if (bits !== 8 || words.length * 2 < entries) throw malformed()
  return Uint16Array.from({ length: entries }, (_, index) => (words[index >> 1]! >> ((index & 1) * 8)) & 0xff)
}

/** PS3.3 C.7.9.2: discrete, linear and indirect segments, filled up to the number of entries and no further. */
function expandSegments(words: Uint16Array, entries: number): Uint16Array {
  const out = new Uint16Array(entries)
  let filled = 0
  const put = (value: number): void => {
    if (filled >= entries) throw malformed()
    out[filled] = value
    filled += 1
  }
  const discrete = (at: number, count: number): void => {
    for (let index = 0; index < count; index += 1) put(words[at + index] ?? 0)
  }
  const linear = (count: number, end: number): void => {
    if (filled === 0) throw malformed()
    const start = out[filled - 1] ?? 0
    for (let step = 1; step <= count; step += 1) put(Math.round(start + ((end - start) * step) / count))
  }
  /** @returns where the next segment begins. */
  const segment = (at: number, isNested: boolean): number => {
    const [opcode, count = 0] = [words[at], words[at + 1]]
    const end = opcode === 0 ? at + 2 + count : opcode === 1 ? at + 3 : at + 4
    if (count === 0 || end > words.length) throw malformed()
    if (opcode === 0) discrete(at + 2, count)
    else if (opcode === 1) linear(count, words[at + 2] ?? 0)
    else if (opcode === 2 && !isNested) repeat(count, (words[at + 2] ?? 0) + (words[at + 3] ?? 0) * 0x10000)
    else throw malformed()
    return end
  }
  /** The offset is in bytes. Each segment fills something, so there is an end to this. */
  const repeat = (count: number, offset: number): void => {
    let at = offset >> 1
    for (let index = 0; index < count; index += 1) at = segment(at, true)
  }
  for (let at = 0; at < words.length && filled < entries; ) at = segment(at, false)
  if (filled !== entries) throw malformed()
  return out
}

function malformed(): ImageError {
  return new ImageError('image_malformed', { about: 'palette' })
}
