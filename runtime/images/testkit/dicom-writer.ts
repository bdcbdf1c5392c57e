import { deflateRawSync } from 'node:zlib'
import { type Keyword, tags } from '../dicom/tags.ts'

/** Items of a sequence, or the bytes of a value, or text, or unsigned words. */
export type TestValue = Uint8Array | string | number | readonly number[] | readonly TestElements[]
export type TestElements = Readonly<Partial<Record<Keyword, TestValue>>>

export interface TestFile {
  readonly syntax?: string
  readonly elements: TestElements
  /** Fragments after the offset table: the pixel data are encapsulated. */
  readonly fragments?: readonly Uint8Array[]
  readonly offsets?: readonly number[]
  readonly preamble?: boolean
  readonly meta?: boolean
  /** Sequences and items of undefined length. */
  readonly openSequences?: boolean
  readonly explicit?: boolean
  readonly bigEndian?: boolean
  /** Raw bytes behind the last element. */
  readonly tail?: Uint8Array
}

const longForms = ['OB', 'OW', 'OV', 'SQ', 'UN']

/** An attribute set for an image of unsigned pixels. */
export function greyImage(rows: number, columns: number, bits: 8 | 16 = 16): TestElements {
  return {
    Modality: 'CR',
    Rows: rows,
    Columns: columns,
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
  }
}

/** Writes a DICOM file, a wrong one too, where that is what is asked for. */
export function writeDicom(file: TestFile): Buffer {
  const syntax = file.syntax ?? '1.2.840.10008.1.2.1'
  const explicit = file.explicit ?? syntax !== '1.2.840.10008.1.2'
  const bigEndian = file.bigEndian ?? syntax === '1.2.840.10008.1.2.2'
  const writer = new Writer(explicit, bigEndian, file.openSequences ?? false)
  const body = Buffer.concat([
    writer.dataSet(file.elements),
    file.fragments === undefined ? Buffer.alloc(0) : writer.fragments(file.fragments, file.offsets ?? []),
    file.tail ?? Buffer.alloc(0),
  ])
  const meta = new Writer(true, false, false).dataSet({ TransferSyntaxUID: syntax })
  const preamble = file.preamble === false ? [] : [Buffer.alloc(128), Buffer.from('DICM')]
  const isDeflated = syntax === '1.2.840.10008.1.2.1.99'
  return Buffer.concat([...preamble, ...(file.meta === false ? [] : [meta]), isDeflated ? deflateRawSync(body) : body])
}

class Writer {
  readonly #explicit: boolean
  readonly #bigEndian: boolean
  readonly #openSequences: boolean

  constructor(explicit: boolean, bigEndian: boolean, openSequences: boolean) {
    this.#explicit = explicit
    this.#bigEndian = bigEndian
    this.#openSequences = openSequences
  }

  dataSet(elements: TestElements): Buffer {
    const entries = Object.entries(elements) as [Keyword, TestValue][]
    entries.sort(([a], [b]) => tags[a][0] - tags[b][0])
    return Buffer.concat(entries.map(([keyword, value]) => this.#element(keyword, value)))
  }

  fragments(fragments: readonly Uint8Array[], offsets: readonly number[]): Buffer {
    const table = Buffer.alloc(offsets.length * 4)
    for (const [index, offset] of offsets.entries()) table.writeUInt32LE(offset, index * 4)
    const items = [table, ...fragments].flatMap((bytes) => [this.item(0xfffee000, bytes.length), bytes])
    return Buffer.concat([this.header(tags.PixelData[0], 'OB', 0xffffffff), ...items, this.item(0xfffee0dd, 0)])
  }

  header(tag: number, vr: string, length: number): Buffer {
    const isLong = this.#explicit && longForms.includes(vr)
    const bytes = Buffer.alloc(isLong ? 12 : 8)
    this.#writeTag(bytes, tag)
    if (!this.#explicit) this.#write32(bytes, length, 4)
    else {
      bytes.write(vr, 4, 'latin1')
      if (isLong) this.#write32(bytes, length, 8)
      else if (this.#bigEndian) bytes.writeUInt16BE(length, 6)
      else bytes.writeUInt16LE(length, 6)
    }
    return bytes
  }

  item(tag: number, length: number): Buffer {
    const bytes = Buffer.alloc(8)
    this.#writeTag(bytes, tag)
    this.#write32(bytes, length, 4)
    return bytes
  }

  #element(keyword: Keyword, value: TestValue): Buffer {
    const [tag, known] = tags[keyword]
    const vr = known === 'XS' ? 'US' : known
    if (known === 'SQ') return this.#sequence(tag, value as readonly TestElements[])
    const bytes = this.#bytes(vr, value as Exclude<TestValue, readonly TestElements[]>)
    return Buffer.concat([this.header(tag, vr, bytes.length), bytes])
  }

  #sequence(tag: number, items: readonly TestElements[]): Buffer {
    const isOpen = this.#openSequences
    const content = Buffer.concat(
      items.flatMap((item) => {
        const bytes = this.dataSet(item)
        const end = isOpen ? [this.item(0xfffee00d, 0)] : []
        return [this.item(0xfffee000, isOpen ? 0xffffffff : bytes.length), bytes, ...end]
      }),
    )
    const end = isOpen ? [this.item(0xfffee0dd, 0)] : []
    return Buffer.concat([this.header(tag, 'SQ', isOpen ? 0xffffffff : content.length), content, ...end])
  }

  #bytes(vr: string, value: Exclude<TestValue, readonly TestElements[]>): Uint8Array {
    if (value instanceof Uint8Array) return value
    if (typeof value === 'string') {
      const padded = value.length % 2 === 0 ? value : `${value}${vr === 'UI' ? '\0' : ' '}`
      return Buffer.from(padded, 'latin1')
    }
    const words = typeof value === 'number' ? [value] : value
    const bytes = Buffer.alloc(words.length * 2)
    for (const [index, word] of words.entries()) {
      if (this.#bigEndian) bytes.writeUInt16BE(word, index * 2)
      else bytes.writeUInt16LE(word, index * 2)
    }
    return bytes
  }

  #writeTag(bytes: Buffer, tag: number): void {
    const [group, element] = [tag >>> 16, tag & 0xffff]
    if (this.#bigEndian) {
      bytes.writeUInt16BE(group, 0)
      bytes.writeUInt16BE(element, 2)
    } else {
      bytes.writeUInt16LE(group, 0)
      bytes.writeUInt16LE(element, 2)
    }
  }

  #write32(bytes: Buffer, value: number, offset: number): void {
    if (this.#bigEndian) bytes.writeUInt32BE(value, offset)
    else bytes.writeUInt32LE(value, offset)
  }
}

/** Little-endian words as bytes. */
export function wordBytes(words: readonly number[]): Buffer {
  return Buffer.from(Uint16Array.from(words).buffer)
}

/** Pixels that repeat nowhere near, so that a shift or a swap shows. */
export function testPixels(count: number, bits: number): Uint16Array {
  return Uint16Array.from({ length: count }, (_, index) => (index * 2654435761) % 2 ** bits)
}
