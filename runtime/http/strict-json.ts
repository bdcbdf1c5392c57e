import { isAscii } from 'node:buffer'
import { HttpError } from './errors.ts'

/** Bounds of a JSON body, whatever its schema. */
const MAX_DEPTH = 8
const MAX_NAMES = 256
const MAX_ITEMS = 1000
/** Of a name or a text, in UTF-16 units; four times the longest text of the contract. */
const MAX_TEXT = 8192
/** The one member whose text may be longer: the bytes of a tensor. It is as long as a body can be. */
const LONG_MEMBER = 'base64'
export const MAX_BASE64_LENGTH = 1024 * 1024
/** Of a name or a text as sent: every unit of it may be an escape such as `\u0041`. */
const MAX_RAW_TEXT = 6 * MAX_TEXT

/**
 * Reads a JSON body without the silent choices of JSON.parse: it keeps the last of two equal names, turns 1e999 into
 * Infinity and 1e-999 into 0, and lets lone surrogates and `__proto__` through. For inputs about a patient each of
 * these can be a wrong value that looks right (I-JSON, RFC 7493 §2).
 * @throws HttpError request_not_json | request_name_repeated | request_number_unrepresentable | request_too_deep |
 * request_too_many_values | request_text_too_long | request_malformed
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  // The bounds first: what JSON.parse then builds is no deeper, wider or longer than they say.
  scan(text)
  return parse(text)
}

function decode(bytes: Uint8Array): string {
  if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  try {
    // ignoreBOM keeps the mark in the text, where the grammar refuses it.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new HttpError('request_not_json')
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The cause is dropped: its message quotes the body.
    throw new HttpError('request_not_json')
  }
}

interface Level {
  /** Names seen so far, for an object; undefined for a list. */
  readonly names: Set<string> | undefined
  /** The last of them, for an object. */
  name: string
  items: number
}

/**
 * One pass over any text: only strings, numbers and brackets need to be told apart. In text that is JSON it sees every
 * one of them; what is not JSON passes or not, and is refused by the grammar.
 */
function scan(text: string): void {
  const open: Level[] = []
  for (let at = 0; at < text.length; ) {
    const character = text.charCodeAt(at)
    const level = open.at(-1)
    if (character === QUOTE) {
      const isLong = level?.names !== undefined && level.name === LONG_MEMBER
      const end = endOfString(text, at, isLong ? MAX_BASE64_LENGTH : MAX_RAW_TEXT)
      const content = readString(text, at, end, isLong ? MAX_BASE64_LENGTH : MAX_TEXT)
      if (level?.names !== undefined && isName(text, end)) takeName(level, level.names, content)
      at = end
    } else if (character === OPEN_OBJECT || character === OPEN_LIST) {
      if (open.length === MAX_DEPTH) throw new HttpError('request_too_deep')
      open.push({ names: character === OPEN_OBJECT ? new Set() : undefined, name: '', items: 1 })
      at += 1
    } else if (character === CLOSE_OBJECT || character === CLOSE_LIST) {
      open.pop()
      at += 1
    } else if (character === COMMA) {
      if (level !== undefined && level.names === undefined) takeItem(level)
      at += 1
    } else if (character === MINUS || (character >= ZERO && character <= NINE)) {
      at = takeNumber(text, at)
    } else at += 1
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Place after the closing quote. It is searched for natively: a tensor is a text of a million signs. */
function endOfString(text: string, start: number, most: number): number {
  const limit = Math.min(text.length, start + most + 2)
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from)
    if (quote < 0 || quote >= limit)
      throw new HttpError(limit === text.length ? 'request_not_json' : 'request_text_too_long')
    if (!isEscaped(text, quote, from)) return quote + 1
    from = quote + 1
  }
}

/** By an odd number of backslashes before it, none of them before `from`. */
function isEscaped(text: string, at: number, from: number): boolean {
  let first = at
  while (first > from && text.charCodeAt(first - 1) === BACKSLASH) first -= 1
  return (at - first) % 2 === 1
}

function readString(text: string, start: number, end: number, most: number): string {
  const raw = text.slice(start + 1, end - 1)
  const content = raw.includes('\\') ? readEscapes(text.slice(start, end)) : raw
  if (content.length > most) throw new HttpError('request_text_too_long')
  return content
}

function readEscapes(quoted: string): string {
  const content = parse(quoted) as string
  if (!content.isWellFormed()) throw new HttpError('request_not_json')
  return content
}

/** A string is a name when the next sign after it is a colon. */
function isName(text: string, end: number): boolean {
  let at = end
  while (text.charCodeAt(at) <= 0x20) at += 1
  return text.charCodeAt(at) === COLON
}

function takeName(level: Level, names: Set<string>, name: string): void {
  if (names.has(name)) throw new HttpError('request_name_repeated')
  // No contract has this name, and to plain objects it means their prototype.
  if (name === '__proto__') throw new HttpError('request_malformed')
  if (names.size === MAX_NAMES) throw new HttpError('request_too_many_values')
  if (name.length > MAX_TEXT) throw new HttpError('request_text_too_long')
  names.add(name)
  level.name = name
}

function takeItem(level: Level): void {
  level.items += 1
  if (level.items > MAX_ITEMS) throw new HttpError('request_too_many_values')
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const ZERO_MANTISSA = /^-?0+(?:\.0+)?(?:[eE]|$)/

function takeNumber(text: string, start: number): number {
  NUMBER.lastIndex = start
  const raw = NUMBER.exec(text)?.[0] ?? ''
  if (raw === '') throw new HttpError('request_not_json')
  const number = Number(raw)
  const vanished = number === 0 && !ZERO_MANTISSA.test(raw)
  if (!Number.isFinite(number) || vanished) throw new HttpError('request_number_unrepresentable')
  return start + raw.length
}
