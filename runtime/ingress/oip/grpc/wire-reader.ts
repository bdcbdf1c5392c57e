import { refuseOip } from '../errors.ts'

/**
 * The protocol buffer wire format (https://protobuf.dev/programming-guides/encoding/). Nothing is built here: a field is a
 * number or a piece of the message, and a length is held against what is there before it is believed.
 */
export interface WireField {
  readonly number: number
  readonly type: 0 | 1 | 2 | 5
  /** Where the content lies; of a number its bytes. */
  readonly content: Uint8Array
}

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5
const MAX_KEY = 0xffff_ffff
/** Seven bits each, for the 64 of a number. */
const MAX_VARINT_BYTES = 10

/** Fields that a message and those in it may still have: each costs more than its bytes, and some have but two. */
export interface FieldBudget {
  fields: number
}

/** Of the messages that consist of a few names. */
const MAX_FIELDS = 1024

/**
 * Visits the fields of a message in their order, those that nobody here knows among them.
 * @param left shared by a message and those in it
 * @throws OipError oip_message_invalid | oip_too_complex
 */
export function eachField(
  message: Uint8Array,
  visit: (field: WireField) => void,
  left: FieldBudget = { fields: MAX_FIELDS },
): void {
  for (let at = 0; at < message.length; ) {
    left.fields -= 1
    if (left.fields < 0) refuseOip('oip_too_complex')
    const keyEnd = varintEnd(message, at)
    const key = smallNumber(message, at, keyEnd)
    const [number, type] = [Math.floor(key / 8), key % 8]
    if (key > MAX_KEY || number === 0) malformed()
    const { from, to } = extentOf(message, keyEnd, type)
    if (to > message.length) malformed()
    visit({ number, type: type as WireField['type'], content: message.subarray(from, to) })
    at = to
  }
}

function extentOf(message: Uint8Array, at: number, type: number): { from: number; to: number } {
  if (type === VARINT) return { from: at, to: varintEnd(message, at) }
  if (type === FIXED64) return { from: at, to: at + 8 }
  if (type === FIXED32) return { from: at, to: at + 4 }
  // Groups (types 3 and 4) are of a time before this protocol.
  if (type !== LENGTH_DELIMITED) malformed()
  const from = varintEnd(message, at)
  return { from, to: from + smallNumber(message, at, from) }
}

/** Place after a number. */
function varintEnd(bytes: Uint8Array, at: number): number {
  for (let end = at; end < at + MAX_VARINT_BYTES; end += 1) {
    const byte = bytes[end]
    if (byte === undefined) malformed()
    if (byte < 0x80) return end + 1
  }
  malformed()
}

/** Above 2^53 inexact, but never small again. */
function smallNumber(bytes: Uint8Array, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at += 1) value += ((bytes[at] ?? 0) & 0x7f) * 2 ** (7 * (at - from))
  return value
}

/** The content of a text, bytes or a message. @throws OipError oip_message_invalid */
export function bytesOfField({ type, content }: WireField): Uint8Array {
  return type === LENGTH_DELIMITED ? content : malformed()
}

/** @throws OipError oip_message_invalid: a text is UTF-8 */
export function textOfField(field: WireField, maxBytes: number): string {
  const bytes = bytesOfField(field)
  if (bytes.length > maxBytes) refuseOip('oip_too_large')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    malformed()
  }
}

/** An int64, uint64, int32, uint32 or bool as the 64 bits that were sent. @throws OipError oip_message_invalid */
export function bitsOfField({ type, content }: WireField): bigint {
  return type === VARINT ? BigInt(bitsAt(content, 0, content.length)) : malformed()
}

/** Up to 49 bits as a number, which is exact and much faster. */
function bitsAt(bytes: Uint8Array, from: number, to: number): number | bigint {
  if (to - from <= 7) return smallNumber(bytes, from, to)
  let value = 0n
  for (let at = from; at < to; at += 1) value |= BigInt((bytes[at] ?? 0) & 0x7f) << BigInt(7 * (at - from))
  return BigInt.asUintN(64, value)
}

/** @throws OipError oip_message_invalid */
export function doubleOfField({ type, content }: WireField): number {
  return type === FIXED64 ? new DataView(content.buffer, content.byteOffset).getFloat64(0, true) : malformed()
}

/**
 * The numbers of a repeated field, packed or one by one, as the 64 bits that were sent: small ones as a number.
 * @param take called for each; what it throws ends the reading
 * @throws OipError oip_message_invalid
 */
export function eachNumber(field: WireField, take: (bits: number | bigint) => void): void {
  if (field.type === VARINT) {
    take(bitsOfField(field))
    return
  }
  const bytes = bytesOfField(field)
  for (let at = 0; at < bytes.length; ) {
    const end = varintEnd(bytes, at)
    take(bitsAt(bytes, at, end))
    at = end
  }
}

/** The bytes of repeated floating-point numbers, packed or one of them. @throws OipError oip_message_invalid */
export function fixedBytesOfField({ type, content }: WireField, size: 4 | 8): Uint8Array {
  const isOne = type === (size === 4 ? FIXED32 : FIXED64)
  if (!isOne && type !== LENGTH_DELIMITED) malformed()
  return content.length % size === 0 ? content : malformed()
}

export function malformed(): never {
  refuseOip('oip_message_invalid')
}
