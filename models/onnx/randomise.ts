import { smallDraw } from './small-draw.ts'
import { eachField, FIXED32, type Field, LENGTH_DELIMITED, openWire, type Wire } from './wire.ts'

/**
 * Gives a model other parameters, in place, without changing one byte of its structure: what is left is the same graph that
 * has learnt nothing. An explanation that stays the same then never was one of the model (Adebayo and others, "Sanity checks for
 * saliency maps", 2018). Field numbers of onnx.proto.
 */
export type RandomisedShare =
  /** Every floating-point number in a tensor, and every list of them in an attribute (trees, linear models). */
  | 'all'
  /** Only where there are many: a few may be scales or bounds that a graph does not work without. */
  | 'large'

const MANY = 8
const [DATA_TYPE, RAW_DATA] = [2, 9]
/** By data type (FLOAT, DOUBLE): the field that holds the numbers when they are not raw, and the bytes of each. */
const floatData: ReadonlyMap<number, { readonly field: number; readonly bytes: 4 | 8 }> = new Map([
  [1, { field: 4, bytes: 4 }],
  [11, { field: 10, bytes: 8 }],
])

type Visit = (wire: Wire, from: number, to: number, scramble: Scramble) => void
type Scramble = (from: number, to: number, bytes: 4 | 8) => void

/** @returns how many numbers were changed. @throws OnnxError onnx_malformed | onnx_too_complex | onnx_too_large */
export function randomiseParameters(model: Uint8Array, share: RandomisedShare, seed = 1): number {
  const wire = openWire(model)
  const draw = smallDraw(seed)
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength)
  let changed = 0
  visitModel(wire, 0, model.length, (from, to, bytes) => {
    const count = Math.floor((to - from) / bytes)
    if (share === 'large' && count <= MANY) return
    for (let index = 0; index < count; index++)
      swapScaled(view, bytes, from + index * bytes, from + Math.floor(draw() * count) * bytes, draw)
    changed += count
  })
  return changed
}

/** Exchanges two numbers and stretches both by a factor between a half and two: order, size and pattern go, the sign stays. */
function swapScaled(view: DataView, bytes: 4 | 8, one: number, other: number, draw: () => number): void {
  const read = (at: number) => (bytes === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true))
  const write = (at: number, value: number) =>
    bytes === 4 ? view.setFloat32(at, value, true) : view.setFloat64(at, value, true)
  const [first, second] = [read(one), read(other)]
  write(other, first * 2 ** (2 * draw() - 1))
  if (one !== other) write(one, second * 2 ** (2 * draw() - 1))
}

const visitModel: Visit = (wire, from, to, scramble) =>
  within(wire, from, to, { 7: visitGraph, 25: visitFunction }, scramble)
const visitFunction: Visit = (wire, from, to, scramble) => within(wire, from, to, { 7: visitNode }, scramble)
const visitGraph: Visit = (wire, from, to, scramble) =>
  within(wire, from, to, { 1: visitNode, 5: visitTensor }, scramble)
const visitNode: Visit = (wire, from, to, scramble) => within(wire, from, to, { 5: visitAttribute }, scramble)

/** A tensor, a graph, lists of either, or a list of floats, which is packed or one field each. */
const visitAttribute: Visit = (wire, from, to, scramble) => {
  const singles: Field[] = []
  const inner = { 5: visitTensor, 6: visitGraph, 10: visitTensor, 11: visitGraph }
  within(wire, from, to, inner, scramble, (field) => {
    if (field.number !== 7) return
    if (field.type === LENGTH_DELIMITED) scramble(field.from, field.to, 4)
    else if (field.type === FIXED32) singles.push(field)
  })
  // Unpacked, each has a key of its own before it: they are stretched one by one, and not exchanged.
  for (const field of singles) scramble(field.from, field.to, 4)
}

const visitTensor: Visit = (wire, from, to, scramble) => {
  const fields: Field[] = []
  let type = 0
  eachField(wire, from, to, (field) => {
    if (field.number === DATA_TYPE) type = field.value
    else if (field.type === LENGTH_DELIMITED) fields.push(field)
  })
  const numbers = floatData.get(type)
  if (numbers === undefined) return
  for (const { number, from: start, to: end } of fields)
    if (number === RAW_DATA || number === numbers.field) scramble(start, end, numbers.bytes)
}

function within(
  wire: Wire,
  from: number,
  to: number,
  inner: Readonly<Record<number, Visit>>,
  scramble: Scramble,
  other: (field: Field) => void = () => {},
): void {
  eachField(wire, from, to, (field) => {
    const visit = inner[field.number]
    if (visit !== undefined && field.type === LENGTH_DELIMITED) visit(wire, field.from, field.to, scramble)
    else other(field)
  })
}
