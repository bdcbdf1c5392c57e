import { PlatformError } from './platform-errors.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue }
export type JsonObject = { [name: string]: JsonValue }

const MAX_DEPTH = 64

/**
 * RFC 8785 (JCS) text of a value: members sorted by UTF-16 code units, ECMAScript number form, no white space.
 * @throws PlatformError json_malformed for what I-JSON (RFC 7493) cannot carry: NaN, infinities, lone surrogates,
 * undefined, functions, nesting beyond 64, and objects of a class (a date or a buffer would lose what it is).
 */
export function canonicalJson(value: unknown): string {
  const order: Order = { isKept: true }
  const sorted = sortedCopy(value, 0, order)
  // The writer of the engine is several times quicker than one of ours, and a record is written for every decision.
  return order.isKept ? JSON.stringify(sorted) : inSortedOrder(sorted)
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

/** Whether each object gives its names in the order in which they were put. */
interface Order {
  isKept: boolean
}

/** An object gives such names before all others, by their number; and this one is no member when it is put. */
const OUT_OF_ORDER = /^(?:\d+|__proto__)$/

function sortedCopy(value: unknown, depth: number, order: Order): JsonValue {
  if (depth > MAX_DEPTH) throw new PlatformError('json_malformed', { about: 'nesting' })
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'string') return wellFormed(value)
  if (Array.isArray(value)) return Array.from(value, (item) => sortedCopy(item, depth + 1, order))
  if (isPlainObject(value)) return sortedObject(value, depth, order)
  throw new PlatformError('json_malformed', { about: typeof value })
}

function sortedObject(value: Record<string, unknown>, depth: number, order: Order): JsonObject {
  const sorted: JsonObject = {}
  for (const name of Object.keys(value).sort()) {
    const member = value[name]
    if (member === undefined) continue
    const copy = sortedCopy(member, depth + 1, order)
    if (OUT_OF_ORDER.test(wellFormed(name))) {
      order.isKept = false
      Object.defineProperty(sorted, name, { value: copy, enumerable: true })
    } else sorted[name] = copy
  }
  return sorted
}

function wellFormed(value: string): string {
  if (!value.isWellFormed()) throw new PlatformError('json_malformed', { about: 'surrogate' })
  return value
}

function inSortedOrder(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(inSortedOrder).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${inSortedOrder(value[name] ?? null)}`)
  return `{${members.join(',')}}`
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
