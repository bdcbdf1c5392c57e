import { ImageError } from '../errors.ts'
import type { ImageLimits } from '../limits.ts'
import { DataSet, type Element, type Fragment } from './data-set.ts'
import { type Keyword, keywordOf, tags } from './tags.ts'

const UNDEFINED_LENGTH = 0xffffffff
const ITEM = 0xfffee000
const ITEM_END = 0xfffee00d
const SEQUENCE_END = 0xfffee0dd
const PIXEL_DATA = tags.PixelData[0]
/** PS3.5 7.1.2: these have two reserved bytes and a length of 32 bits. */
const longForms = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV'])
const shortForms = new Set('AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '))

export interface Encoding {
  readonly isExplicit: boolean
  readonly isLittleEndian: boolean
}

interface Header {
  readonly tag: number
  /** Empty when the file does not say. */
  readonly vr: string
  readonly length: number
}

type Bounds = Pick<ImageLimits, 'maxElements' | 'maxDepth' | 'maxFragments'>

/**
 * Walks the elements of a data set, once and forwards (PS3.5 section 7). No length is believed beyond the end of what
 * holds it, every step goes on by at least eight bytes, and the elements, levels and fragments are counted: the time is
 * linear in the bytes, whatever they say.
 */
export class ElementReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #limits: Bounds
  #offset: number
  #elements = 0

  constructor(bytes: Uint8Array, offset: number, limits: Bounds) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#offset = offset
    this.#limits = limits
  }

  get offset(): number {
    return this.#offset
  }

  /**
   * Reads elements until `end`, or until one whose tag `stop` names, which is left unread.
   * @throws ImageError image_truncated | image_malformed | image_too_complex
   */
  readDataSet(encoding: Encoding, stop?: (tag: number) => boolean): DataSet {
    const { elements } = this.#readElements(encoding, this.#bytes.length, 0, stop ?? (() => false))
    return new DataSet(elements)
  }

  #readElements(
    encoding: Encoding,
    end: number,
    depth: number,
    stop: (tag: number) => boolean,
  ): { elements: Map<Keyword, Element>; stopped: boolean } {
    const elements = new Map<Keyword, Element>()
    while (this.#offset < end) {
      if (isPadding(this.#bytes, this.#offset, end)) {
        this.#offset = end
        break
      }
      if (this.#offset + 8 > end) throw new ImageError('image_truncated', { about: 'element' })
      if (stop(this.#tag(this.#offset, encoding.isLittleEndian))) return { elements, stopped: true }
      const header = this.#header(encoding, end)
      const keyword = keywordOf(header.tag)
      const element = this.#element(header, encoding, end, depth, keyword)
      if (keyword === undefined || element === undefined) continue
      // Two values for one attribute: whoever reads the other one sees another image.
      if (elements.has(keyword)) throw new ImageError('image_malformed', { about: 'repeated element' })
      elements.set(keyword, element)
    }
    return { elements, stopped: false }
  }

  #header({ isExplicit, isLittleEndian }: Encoding, end: number): Header {
    this.#elements += 1
    if (this.#elements > this.#limits.maxElements) throw new ImageError('image_too_complex', { about: 'elements' })
    const start = this.#offset
    const tag = this.#tag(start, isLittleEndian)
    if (tag >>> 16 === 0xfffe) throw new ImageError('image_malformed', { about: 'delimiter out of place' })
    if (!isExplicit) {
      this.#offset = start + 8
      return { tag, vr: '', length: this.#view.getUint32(start + 4, isLittleEndian) }
    }
    const vr = String.fromCharCode(this.#bytes[start + 4] ?? 0, this.#bytes[start + 5] ?? 0)
    if (shortForms.has(vr)) {
      this.#offset = start + 8
      return { tag, vr, length: this.#view.getUint16(start + 6, isLittleEndian) }
    }
    if (!longForms.has(vr)) throw new ImageError('image_malformed', { about: 'value representation' })
    if (start + 12 > end) throw new ImageError('image_truncated', { about: 'element' })
    this.#offset = start + 12
    return { tag, vr, length: this.#view.getUint32(start + 8, isLittleEndian) }
  }

  #element(
    { tag, vr, length }: Header,
    encoding: Encoding,
    end: number,
    depth: number,
    keyword: Keyword | undefined,
  ): Element | undefined {
    const known = keyword === undefined ? undefined : tags[keyword][1]
    if (length === UNDEFINED_LENGTH) {
      if (tag === PIXEL_DATA && depth === 0) return { kind: 'fragments', fragments: this.#fragments(encoding, end) }
      // PS3.5 6.2.2: a value of unknown VR and undefined length is a sequence in implicit little endian.
      const inner = vr === 'UN' ? { isExplicit: false, isLittleEndian: true } : encoding
      if (vr !== '' && vr !== 'UN' && vr !== 'SQ')
        throw new ImageError('image_malformed', { about: 'undefined length' })
      return this.#sequence(inner, end, depth + 1, true, known === 'SQ')
    }
    const stop = this.#offset + length
    if (stop > end) throw new ImageError('image_truncated', { about: keyword ?? 'element' })
    if (vr === 'SQ' || (known === 'SQ' && length > 0)) {
      const inner = vr === 'UN' ? { isExplicit: false, isLittleEndian: true } : encoding
      return this.#sequence(inner, stop, depth + 1, false, known === 'SQ')
    }
    const bytes = this.#bytes.subarray(this.#offset, stop)
    this.#offset = stop
    return { kind: 'value', bytes, vr, isLittleEndian: encoding.isLittleEndian || vr === 'UN' }
  }

  #sequence(encoding: Encoding, end: number, depth: number, isOpen: boolean, isKept: boolean): Element | undefined {
    if (depth > this.#limits.maxDepth) throw new ImageError('image_too_complex', { about: 'depth' })
    const items: DataSet[] = []
    while (this.#offset < end) {
      const { tag, length } = this.#itemHeader(encoding.isLittleEndian, end)
      if (tag === SEQUENCE_END) {
        if (isOpen) return isKept ? { kind: 'items', items } : undefined
        // Seen in the wild: a length and a delimiter as well.
        if (this.#offset === end) break
        throw new ImageError('image_malformed', { about: 'delimiter out of place' })
      }
      if (tag !== ITEM) throw new ImageError('image_malformed', { about: 'item' })
      const elements = this.#item(encoding, end, depth, length)
      if (isKept) items.push(new DataSet(elements))
    }
    if (isOpen) throw new ImageError('image_truncated', { about: 'sequence' })
    return isKept ? { kind: 'items', items } : undefined
  }

  #item(encoding: Encoding, end: number, depth: number, length: number): Map<Keyword, Element> {
    if (length !== UNDEFINED_LENGTH) {
      const stop = this.#offset + length
      if (stop > end) throw new ImageError('image_truncated', { about: 'item' })
      return this.#readElements(encoding, stop, depth, () => false).elements
    }
    const { elements, stopped } = this.#readElements(encoding, end, depth, (tag) => tag === ITEM_END)
    if (!stopped) throw new ImageError('image_truncated', { about: 'item' })
    this.#offset += 8
    return elements
  }

  #fragments({ isLittleEndian }: Encoding, end: number): Fragment[] {
    const fragments: Fragment[] = []
    let origin: number | undefined
    for (;;) {
      const start = this.#offset
      const { tag, length } = this.#itemHeader(isLittleEndian, end)
      if (tag === SEQUENCE_END) return fragments
      if (tag !== ITEM || length === UNDEFINED_LENGTH) throw new ImageError('image_malformed', { about: 'fragment' })
      if (this.#offset + length > end) throw new ImageError('image_truncated', { about: 'fragment' })
      if (fragments.length > this.#limits.maxFragments)
        throw new ImageError('image_too_complex', { about: 'fragments' })
      const bytes = this.#bytes.subarray(this.#offset, this.#offset + length)
      this.#offset += length
      // The first is the offset table; offsets count from what follows it.
      fragments.push({ offset: origin === undefined ? -1 : start - origin, bytes })
      origin ??= this.#offset
    }
  }

  #itemHeader(isLittleEndian: boolean, end: number): { tag: number; length: number } {
    const start = this.#offset
    if (start + 8 > end) throw new ImageError('image_truncated', { about: 'item' })
    this.#elements += 1
    if (this.#elements > this.#limits.maxElements) throw new ImageError('image_too_complex', { about: 'elements' })
    this.#offset = start + 8
    return { tag: this.#tag(start, isLittleEndian), length: this.#view.getUint32(start + 4, isLittleEndian) }
  }

  #tag(offset: number, isLittleEndian: boolean): number {
    const group = this.#view.getUint16(offset, isLittleEndian)
    return group * 0x10000 + this.#view.getUint16(offset + 2, isLittleEndian)
  }
}

/** Zeros to the end, fewer than one element: some writers round a file up. */
function isPadding(bytes: Uint8Array, offset: number, end: number): boolean {
  if (end - offset >= 8) return false
  return bytes.subarray(offset, end).every((byte) => byte === 0)
}
