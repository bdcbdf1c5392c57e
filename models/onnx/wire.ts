import { OnnxError } from './errors.ts'

/**
 * The protocol buffer wire format (https://protobuf.dev/programming-guides/encoding/), read field by field without
 * building anything. Lengths are held against what is there before they are believed, and every reading has a budget of
 * fields and levels, so that a file of a few bytes or of two gigabytes ends in a time that its size bounds.
 */
export const VARINT = 0
export const FIXED64 = 1
export const LENGTH_DELIMITED = 2
export const FIXED32 = 5

/** Protocol buffer libraries give up at about a hundred levels, and none holds two gigabytes. */
const MAX_DEPTH = 100
export const MAX_ONNX_BYTES = 2 ** 31 - 1
/** Of all messages together: the largest graphs that are published have some two million. */
const MAX_FIELDS = 10_000_000
const MAX_VARINT_BYTES = 10
const MAX_KEY = 0xffff_ffff

/** One reading of one file. */
export interface Wire {
  readonly bytes: Uint8Array
  depth: number
  fields: number
}

/** A field as it lies in the file: `from` to `to` is its content; `value` is a varint's, zero for all others. */
export interface Field {
  readonly number: number
  readonly type: number
  readonly value: number
  readonly from: number
  readonly to: number
}

/** @throws OnnxError onnx_too_large | onnx_malformed for an empty file */
export function openWire(bytes: Uint8Array): Wire {
  if (bytes.length > MAX_ONNX_BYTES) throw new OnnxError('onnx_too_large')
  if (bytes.length === 0) throw new OnnxError('onnx_malformed', { about: 'empty' })
  return { bytes, depth: 0, fields: 0 }
}

/**
 * Visits the fields of the message that lies from `from` to `to`. A handler that goes into a field calls this again.
 * @throws OnnxError onnx_malformed | onnx_too_complex
 */
export function eachField(wire: Wire, from: number, to: number, visit: (field: Field) => void): void {
  wire.depth += 1
  if (wire.depth > MAX_DEPTH) throw new OnnxError('onnx_too_complex', { about: 'depth' })
  for (let at = from; at < to; ) {
    wire.fields += 1
    if (wire.fields > MAX_FIELDS) throw new OnnxError('onnx_too_complex', { about: 'fields' })
    const field = readField(wire.bytes, at, to)
    visit(field)
    at = field.to
  }
  wire.depth -= 1
}

function readField(bytes: Uint8Array, at: number, end: number): Field {
  const key = readVarint(bytes, at, end)
  const number = Math.floor(key.value / 8)
  const type = key.value % 8
  if (key.value > MAX_KEY || number === 0) malformed('key')
  if (type === VARINT) {
    const { value, next } = readVarint(bytes, key.next, end)
    return { number, type, value, from: key.next, to: next }
  }
  const { from, length } = extent(bytes, key.next, end, type)
  if (length > end - from) malformed('length')
  return { number, type, value: 0, from, to: from + length }
}

function extent(bytes: Uint8Array, at: number, end: number, type: number): { from: number; length: number } {
  if (type === FIXED64 || type === FIXED32) return { from: at, length: type === FIXED64 ? 8 : 4 }
  if (type !== LENGTH_DELIMITED) malformed('wire type')
  const { value, next } = readVarint(bytes, at, end)
  return { from: next, length: value }
}

/** Little-endian groups of seven bits. Above 2^53 it is inexact but never small again; a negative number is such a one. */
export function readVarint(bytes: Uint8Array, at: number, end: number): { value: number; next: number } {
  let value = 0
  for (let group = 0; group < MAX_VARINT_BYTES; group += 1) {
    const place = at + group
    const byte = place < end ? bytes[place] : undefined
    if (byte === undefined) malformed('number')
    value += (byte & 0x7f) * 2 ** (7 * group)
    if (byte < 0x80) return { value, next: place + 1 }
  }
  malformed('number')
}

/** The numbers of a repeated field, packed or not. @returns undefined when there are more than `most` */
export function packedNumbers({ bytes }: Wire, field: Field, most: number): number[] | undefined {
  if (field.type === VARINT) return [field.value]
  if (field.type !== LENGTH_DELIMITED) malformed('wire type')
  const numbers: number[] = []
  for (let at = field.from; at < field.to; ) {
    if (numbers.length === most) return undefined
    const { value, next } = readVarint(bytes, at, field.to)
    numbers.push(value)
    at = next
  }
  return numbers
}

/** The field's content as text. @throws OnnxError onnx_malformed when it is none, onnx_too_complex beyond `maxBytes` */
export function fieldText({ bytes }: Wire, field: Field, maxBytes: number): string {
  verifyMessage(field)
  if (field.to - field.from > maxBytes) throw new OnnxError('onnx_too_complex', { about: 'name' })
  return textDecoder.decode(bytes.subarray(field.from, field.to))
}

/** Of a text of any length, what is shown: its beginning. */
export function fieldExcerpt({ bytes }: Wire, field: Field, maxBytes: number): string {
  verifyMessage(field)
  const isWhole = field.to - field.from <= maxBytes
  return (
    textDecoder.decode(bytes.subarray(field.from, isWhole ? field.to : field.from + maxBytes)) + (isWhole ? '' : '…')
  )
}

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** @throws OnnxError onnx_malformed: a message, a text or bytes must have a length */
export function verifyMessage(field: Field): void {
  if (field.type !== LENGTH_DELIMITED) malformed('wire type')
}

export function malformed(about: string): never {
  throw new OnnxError('onnx_malformed', { about })
}
