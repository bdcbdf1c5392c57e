import { ImageError } from '../errors.ts'
import { type Keyword, tags } from './tags.ts'

/** Where the value of one element lies: bytes of the file, items of a sequence, or fragments of encapsulated data. */
export type Element =
  | { readonly kind: 'value'; readonly bytes: Uint8Array; readonly vr: string; readonly isLittleEndian: boolean }
  | { readonly kind: 'items'; readonly items: readonly DataSet[] }
  | { readonly kind: 'fragments'; readonly fragments: readonly Fragment[] }

export interface Fragment {
  /** Of the item's tag, from the first byte after the offset table (PS3.5 A.4). */
  readonly offset: number
  readonly bytes: Uint8Array
}

const MAX_VALUES = 64
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const INTEGER = /^[+-]?\d{1,12}$/

/** The elements of one level that are looked at (see tags.ts). What has no value, or not one of its VR, reads as absent. */
export class DataSet {
  readonly #elements: ReadonlyMap<Keyword, Element>

  constructor(elements: ReadonlyMap<Keyword, Element>) {
    this.#elements = elements
  }

  element(keyword: Keyword): Element | undefined {
    return this.#elements.get(keyword)
  }

  items(keyword: Keyword): readonly DataSet[] {
    const element = this.#elements.get(keyword)
    return element?.kind === 'items' ? element.items : []
  }

  bytes(keyword: Keyword): Uint8Array | undefined {
    const element = this.#elements.get(keyword)
    return element?.kind === 'value' && element.bytes.length > 0 ? element.bytes : undefined
  }

  /** Values of a string VR in the default repertoire, without their padding; empty ones keep their place. */
  strings(keyword: Keyword): readonly string[] {
    const bytes = this.bytes(keyword)
    if (bytes === undefined || bytes.length > 4096) return []
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    return text.split('\\', MAX_VALUES).map((value) => value.replaceAll('\0', ' ').trim())
  }

  /** The value of an attribute that has one. Where there are more, none of them is it. */
  string(keyword: Keyword): string | undefined {
    const [only, ...others] = this.strings(keyword)
    return others.length > 0 ? undefined : only || undefined
  }

  /** DS or IS; undefined unless every value is a number. */
  numbers(keyword: Keyword): readonly number[] | undefined {
    const pattern = tags[keyword][1] === 'IS' ? INTEGER : NUMBER
    const values = this.strings(keyword)
    if (values.length === 0 || !values.every((value) => value.length <= 32 && pattern.test(value))) return undefined
    const numbers = values.map(Number)
    return numbers.every(Number.isFinite) ? numbers : undefined
  }

  /** As {@link string}. */
  number(keyword: Keyword): number | undefined {
    const numbers = this.numbers(keyword)
    return numbers?.length === 1 ? numbers[0] : undefined
  }

  /** Whether it has a value at all, one that can be read or not. */
  has(keyword: Keyword): boolean {
    const bytes = this.bytes(keyword)
    return bytes?.some((byte) => byte !== 0x20 && byte !== 0) === true
  }

  /** A US value, or the first of several. */
  unsigned(keyword: Keyword): number | undefined {
    return this.words(keyword, 1)?.[0]
  }

  /** 16-bit words of a binary value, in the byte order of the file; undefined when there are fewer than `atLeast`. */
  words(keyword: Keyword, atLeast = 1): Uint16Array | undefined {
    const element = this.#elements.get(keyword)
    if (element?.kind !== 'value' || element.bytes.length < atLeast * 2) return undefined
    const { bytes, isLittleEndian } = element
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const words = new Uint16Array(bytes.length >> 1)
    for (let index = 0; index < words.length; index += 1) words[index] = view.getUint16(index * 2, isLittleEndian)
    return words
  }

  require<Value>(keyword: Keyword, value: Value | undefined): Value {
    if (value === undefined) throw new ImageError('image_attribute_missing', { about: keyword })
    return value
  }
}
