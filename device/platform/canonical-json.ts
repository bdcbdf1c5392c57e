import { PlatformError } from './platform-errors.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue }
export type JsonObject = { [name: string]: JsonValue }

const MAX_DEPTH = 64

/**
 * RFC 8785 (JCS) text of a value: members sorted by UTF-16 code units, ECMAScript number form, no white space.
 * @throws PlatformError json_malformed for what I-JSON (RFC 7493) cannot carry: NaN, infinities, lone surrogates,
 * undefined, functions, nesting beyond 64, and objects of a class (a date or a buffer would lose what it is).
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new PlatformError('json_malformed', { about: 'nesting' })
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'string') return canonicalString(value)
  if (Array.isArray(value)) return `[${listed(Array.from(value, (item) => canonicalJson(item, depth + 1)))}]`
  if (isPlainObject(value)) return canonicalObject(value, depth)
  throw new PlatformError('json_malformed', { about: typeof value })
}

export function canonicalBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value))
}

/**
 * Reads canonical JSON and nothing else: the bytes must be exactly what {@link canonicalJson} writes for the value,
 * which refuses duplicate names, white space, other number forms and invalid UTF-8 in one comparison.
 * @throws PlatformError json_malformed | json_not_canonical
 */
export function parseCanonical(bytes: Uint8Array): JsonValue {
  let text: string
  let value: JsonValue
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch (cause) {
    throw new PlatformError('json_malformed', { cause })
  }
  if (canonicalJson(value) !== text) throw new PlatformError('json_not_canonical')
  return value
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new PlatformError('json_malformed', { about: 'number' })
  return JSON.stringify(value)
}

function canonicalString(value: string): string {
  if (!value.isWellFormed()) throw new PlatformError('json_malformed', { about: 'surrogate' })
  return JSON.stringify(value)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function canonicalObject(value: Record<string, unknown>, depth: number): string {
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${canonicalString(name)}:${canonicalJson(value[name], depth + 1)}`)
  return `{${listed(members)}}`
}

/** By adding, which copies nothing until the whole is written; `join` copies at each level, and a record holds a tensor four levels deep. */
function listed(parts: readonly string[]): string {
  return parts.reduce((text, part, index) => (index === 0 ? part : `${text},${part}`), '')
}
