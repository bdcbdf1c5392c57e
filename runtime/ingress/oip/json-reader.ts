import { refuseOip } from './errors.ts'
import { MAX_JSON_DEPTH, type OipLimits } from './limits.ts'

/** JSON as it was written: integers beyond 2^53 are `bigint`, an object is a map, so that no name means anything to it. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonValue>

type JsonLimits = Pick<
  OipLimits,
  'maxJsonBytes' | 'maxJsonValues' | 'maxJsonContainers' | 'maxTextLength' | 'maxParameters'
>

/**
 * Reads JSON without the silent choices of JSON.parse: of two equal names it keeps the last, and it rounds integers beyond
 * 2^53, turns 1e999 into Infinity and 1e-999 into 0. In what a model is fed each of these can be a wrong value that looks right.
 * Every count is bounded before what it counts is made.
 * @throws OipError oip_json_invalid | oip_number_unrepresentable | oip_too_complex | oip_too_large
 */
export function readJson(bytes: Uint8Array, limits: JsonLimits): JsonValue {
  if (bytes.length > limits.maxJsonBytes) refuseOip('oip_too_large')
  return new JsonReader(decode(bytes), limits).read()
}

function decode(bytes: Uint8Array): string {
  try {
    // ignoreBOM keeps the mark in the text, where the grammar refuses it.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    refuseOip('oip_json_invalid')
  }
}

const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const LETTER_E = 0x65
const LOWER_CASE = 0x20
const WORD = /true|false|null/y
/** RFC 8259 §7: control characters stand in no text as they are. */
const CONTROL = /[^ -\uffff]/
/** A unit of a text may be written as an escape such as `\u0041`. */
const MAX_ESCAPE_LENGTH = 6
const SPACE = /[ \t\n\r]*/y
const ZERO_MANTISSA = /^-?0(?:\.0+)?(?:[eE]|$)/
/** A 64-bit integer has no more digits; a longer one is a number like any other. */
const MAX_INTEGER_LENGTH = 20
const words: Readonly<Record<string, JsonValue>> = { true: true, false: false, null: null }

class JsonReader {
  readonly #text: string
  readonly #limits: JsonLimits
  #at = 0
  #values = 0
  #containers = 0

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
  }

  read(): JsonValue {
    this.#skipSpace()
    const value = this.#value(0)
    this.#skipSpace()
    if (this.#at !== this.#text.length) refuseOip('oip_json_invalid')
    return value
  }

  #value(depth: number): JsonValue {
    const sign = this.#text[this.#at]
    if (sign === '{' || sign === '[') {
      this.#containers += 1
      if (this.#containers > this.#limits.maxJsonContainers || depth === MAX_JSON_DEPTH) refuseOip('oip_too_complex')
      return sign === '{' ? this.#object(depth + 1) : this.#list(depth + 1)
    }
    this.#values += 1
    if (this.#values > this.#limits.maxJsonValues) refuseOip('oip_too_complex')
    if (sign === '"') return this.#string()
    return sign === '-' || (sign !== undefined && sign >= '0' && sign <= '9') ? this.#number() : this.#word()
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>()
    this.#items('}', () => {
      const name = this.#string()
      // Which of two is meant is not for us to say.
      if (members.has(name)) refuseOip('oip_json_invalid')
      if (members.size === this.#limits.maxParameters) refuseOip('oip_too_complex')
      this.#skipSpace()
      this.#take(':')
      this.#skipSpace()
      members.set(name, this.#value(depth))
    })
    return members
  }

  #list(depth: number): JsonValue[] {
    const list: JsonValue[] = []
    this.#items(']', () => list.push(this.#value(depth)))
    return list
  }

  #items(end: string, readItem: () => void): void {
    this.#at += 1
    this.#skipSpace()
    if (this.#text[this.#at] === end) {
      this.#at += 1
      return
    }
    for (;;) {
      readItem()
      this.#skipSpace()
      if (this.#text[this.#at] === end) break
      this.#take(',')
      this.#skipSpace()
    }
    this.#at += 1
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') refuseOip('oip_json_invalid')
    const from = this.#at + 1
    const end = this.#text.indexOf('"', from)
    if (end === -1) refuseOip('oip_json_invalid')
    const plain = this.#text.slice(from, end)
    const isPlain = !plain.includes('\\')
    if (isPlain) this.#at = end + 1
    const text = isPlain ? plain : this.#escaped()
    if (text.length > this.#limits.maxTextLength) refuseOip('oip_too_large')
    if (isPlain && CONTROL.test(text)) refuseOip('oip_json_invalid')
    return text
  }

  #escaped(): string {
    const from = this.#at
    const limit = Math.min(this.#text.length, from + MAX_ESCAPE_LENGTH * this.#limits.maxTextLength + 2)
    let at = from + 1
    while (at < limit && this.#text[at] !== '"') at += this.#text[at] === '\\' ? 2 : 1
    if (at >= limit) refuseOip(limit === this.#text.length ? 'oip_json_invalid' : 'oip_too_large')
    this.#at = at + 1
    const text = readEscapes(this.#text.slice(from, this.#at))
    // RFC 7493 §2.1: an escape of half a character is no text.
    if (!text.isWellFormed()) refuseOip('oip_json_invalid')
    return text
  }

  /** By hand: a tensor in JSON is numbers by the hundred thousand, and a pattern makes an array for each. */
  #number(): number | bigint {
    const from = this.#at
    if (this.#text.charCodeAt(from) === MINUS) this.#at += 1
    const isZero = this.#text.charCodeAt(this.#at) === ZERO
    const digits = this.#digits()
    // RFC 8259 §6: no number begins with a zero that another digit follows.
    if (isZero && digits > 1) refuseOip('oip_json_invalid')
    const end = this.#at
    if (this.#text.charCodeAt(this.#at) === POINT) {
      this.#at += 1
      this.#digits()
    }
    if ((this.#text.charCodeAt(this.#at) | LOWER_CASE) === LETTER_E) {
      this.#at += 1
      const sign = this.#text.charCodeAt(this.#at)
      if (sign === PLUS || sign === MINUS) this.#at += 1
      this.#digits()
    }
    const raw = this.#text.slice(from, this.#at)
    const number = Number(raw)
    if (!Number.isFinite(number)) refuseOip('oip_number_unrepresentable')
    if (number === 0 && !ZERO_MANTISSA.test(raw)) refuseOip('oip_number_unrepresentable')
    const isInteger = end === this.#at
    return isInteger && !Number.isSafeInteger(number) && raw.length <= MAX_INTEGER_LENGTH ? BigInt(raw) : number
  }

  /** @returns how many there were; there is one at least */
  #digits(): number {
    const text = this.#text
    const from = this.#at
    let at = from
    for (let code = text.charCodeAt(at); code >= ZERO && code <= NINE; code = text.charCodeAt(at)) at += 1
    this.#at = at
    return at > from ? at - from : refuseOip('oip_json_invalid')
  }

  #word(): JsonValue {
    const word = this.#match(WORD)?.[0]
    const value = word === undefined ? undefined : words[word]
    if (value === undefined) refuseOip('oip_json_invalid')
    return value
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found
  }

  #take(sign: string): void {
    if (this.#text[this.#at] !== sign) refuseOip('oip_json_invalid')
    this.#at += 1
  }

  #skipSpace(): void {
    // Most often there is none, and no pattern is needed to see that.
    if (this.#text.charCodeAt(this.#at) <= 0x20) this.#match(SPACE)
  }
}

function readEscapes(quoted: string): string {
  try {
    return JSON.parse(quoted) as string
  } catch {
    // The cause is dropped: its message quotes the request.
    refuseOip('oip_json_invalid')
  }
}
