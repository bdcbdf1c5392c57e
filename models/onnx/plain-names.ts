import { OnnxError } from './errors.ts'
import { eachField, LENGTH_DELIMITED, openWire, type Wire } from './wire.ts'

/** A message: which of its fields are names, and which lead to messages with more of them. */
interface NamedMessage {
  readonly names: readonly number[]
  readonly inner: Readonly<Record<number, () => NamedMessage>>
}

/** Field numbers of onnx.proto. */
const tensor: NamedMessage = { names: [8], inner: {} }
const value: NamedMessage = { names: [1], inner: {} }
const attribute: NamedMessage = { names: [1], inner: { 5: () => tensor, 6: () => graph, 11: () => graph } }
const node: NamedMessage = { names: [1, 2, 3, 4, 7, 8], inner: { 5: () => attribute } }
const graph: NamedMessage = {
  names: [2],
  inner: { 1: () => node, 5: () => tensor, 11: () => value, 12: () => value, 13: () => value },
}
const ownFunction: NamedMessage = { names: [1, 4, 5, 10, 13], inner: { 7: () => node, 11: () => attribute } }
const model: NamedMessage = { names: [], inner: { 7: () => graph, 25: () => ownFunction } }

const [FIRST_PRINTED, QUOTE, BACKSLASH, DELETE] = [0x20, 0x22, 0x5c, 0x7f]

/**
 * Can every name of nodes, values, operators and functions stand between quotation marks as it is? ONNX Runtime writes them so into
 * its profile, and makes the names of the nodes it adds of them: one that closes its quotation marks could say there that
 * another provider ran it.
 * @returns false, too, for a file that cannot be read
 */
export function hasPlainNames(bytes: Uint8Array): boolean {
  try {
    const wire = openWire(bytes)
    return isPlain(wire, 0, bytes.length, model)
  } catch (error) {
    if (error instanceof OnnxError) return false
    throw error
  }
}

function isPlain(wire: Wire, from: number, to: number, message: NamedMessage): boolean {
  let plain = true
  eachField(wire, from, to, (field) => {
    const inner = message.inner[field.number]
    if (inner === undefined && !message.names.includes(field.number)) return
    if (field.type !== LENGTH_DELIMITED) plain = false
    else if (inner !== undefined) plain = isPlain(wire, field.from, field.to, inner()) && plain
    else plain &&= wire.bytes.subarray(field.from, field.to).every(isQuotable)
  })
  return plain
}

function isQuotable(byte: number): boolean {
  return byte >= FIRST_PRINTED && byte !== QUOTE && byte !== BACKSLASH && byte !== DELETE
}
