/**
 * Looks for tensors that a model does not carry but names: ONNX Runtime would read them from a file of the host, or from
 * an address in memory. A walk over the protocol buffer wire format (https://protobuf.dev/programming-guides/encoding/)
 * with the field numbers of onnx.proto; it builds nothing, so its memory is its depth. The isolated inference worker
 * imports this file, so it imports nothing.
 */
export type ExternalDataFinding = 'none' | 'external data' | 'malformed'

type MessageName = 'model' | 'graph' | 'node' | 'attribute' | 'function' | 'training' | 'sparseTensor' | 'tensor'
/** Fields that lead to tensors; all others are stepped over. */
const descents: Readonly<Record<MessageName, ReadonlyMap<number, MessageName>>> = {
  model: new Map([
    [7, 'graph'],
    [20, 'training'],
    [25, 'function'],
  ]),
  graph: new Map([
    [1, 'node'],
    [5, 'tensor'],
    [15, 'sparseTensor'],
  ]),
  node: new Map([[5, 'attribute']]),
  attribute: new Map([
    [5, 'tensor'],
    [6, 'graph'],
    [10, 'tensor'],
    [11, 'graph'],
    [22, 'sparseTensor'],
    [23, 'sparseTensor'],
  ]),
  function: new Map([
    [7, 'node'],
    [11, 'attribute'],
  ]),
  training: new Map([
    [1, 'graph'],
    [2, 'graph'],
  ]),
  sparseTensor: new Map([
    [1, 'tensor'],
    [2, 'tensor'],
  ]),
  tensor: new Map(),
}

/** TensorProto: the list that names the file, and the field that says to use it. */
const EXTERNAL_DATA = 13
const DATA_LOCATION = 14

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** Protocol buffer libraries give up at about a hundred levels, and none holds two gigabytes. */
const MAX_DEPTH = 100
const MAX_MODEL_BYTES = 2 ** 31 - 1
const MAX_VARINT_BYTES = 10

/** The flatbuffer form that ONNX Runtime takes as well, and can have external data too: it is not read here, so it is not loaded. */
const ortFormatMark = Buffer.from('ORTM')
const ORT_FORMAT_MARK_AT = 4

interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/**
 * `malformed` is for what is no ONNX model in the protocol buffer form, and for what no exporter writes but parsers
 * disagree about (groups, field numbers or lengths out of range): it must not be loaded either.
 */
export function externalData(model: Uint8Array): ExternalDataFinding {
  if (model.length === 0 || model.length > MAX_MODEL_BYTES) return 'malformed'
  if (ortFormatMark.equals(model.subarray(ORT_FORMAT_MARK_AT, ORT_FORMAT_MARK_AT + ortFormatMark.length)))
    return 'malformed'
  return walk({ bytes: model, at: 0 }, model.length, 'model', 1)
}

function walk(cursor: Cursor, end: number, name: MessageName, depth: number): ExternalDataFinding {
  if (depth > MAX_DEPTH) return 'malformed'
  while (cursor.at < end) {
    const key = readVarint(cursor, end)
    if (key === undefined || key > 0xffff_ffff) return 'malformed'
    const [field, type] = [Math.floor(key / 8), key % 8]
    if (field === 0) return 'malformed'
    const value = step(cursor, end, type)
    if (value === undefined) return 'malformed'
    // Whatever its wire type: no parser then gets to decide whether it counts.
    if (name === 'tensor' && isExternal(field, type, value)) return 'external data'
    const inner = descents[name].get(field)
    if (inner !== undefined) {
      if (type !== LENGTH_DELIMITED) return 'malformed'
      const finding = walk({ bytes: cursor.bytes, at: cursor.at - value }, cursor.at, inner, depth + 1)
      if (finding !== 'none') return finding
    }
  }
  return 'none'
}

function isExternal(field: number, type: number, value: number): boolean {
  return field === EXTERNAL_DATA || (field === DATA_LOCATION && (type !== VARINT || value !== 0))
}

/** Steps over a field. @returns the value of a varint, the length of what has one, else zero; undefined when it does not fit. */
function step(cursor: Cursor, end: number, type: number): number | undefined {
  if (type === VARINT) return readVarint(cursor, end)
  if (type === FIXED64 || type === FIXED32) return skip(cursor, end, type === FIXED64 ? 8 : 4, 0)
  if (type !== LENGTH_DELIMITED) return undefined
  const length = readVarint(cursor, end)
  return length === undefined ? undefined : skip(cursor, end, length, length)
}

function skip(cursor: Cursor, end: number, length: number, value: number): number | undefined {
  if (length > end - cursor.at) return undefined
  cursor.at += length
  return value
}

/** Little-endian groups of seven bits. Above 2^53 it is inexact but never small again, which is all that is asked. */
function readVarint(cursor: Cursor, end: number): number | undefined {
  let value = 0
  for (let shift = 0; shift < MAX_VARINT_BYTES; shift += 1) {
    const byte = cursor.at < end ? cursor.bytes[cursor.at] : undefined
    if (byte === undefined) return undefined
    cursor.at += 1
    value += (byte & 0x7f) * 2 ** (7 * shift)
    if (byte < 0x80) return value
  }
  return undefined
}
