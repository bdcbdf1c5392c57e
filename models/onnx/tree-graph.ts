import {
  eachField,
  FIXED32,
  type Field,
  fieldText,
  LENGTH_DELIMITED,
  openWire,
  packedNumbers,
  VARINT,
  verifyMessage,
  type Wire,
} from './wire.ts'

/** Of one list of an attribute; a graph with more is no smaller problem than running it. */
export const MAX_TREE_NODES = 2 ** 16
const MAX_NAME_BYTES = 4096
/** A node of trees has two dozen attributes at most. */
const MAX_ATTRIBUTES = 32

/** An attribute of the kinds that trees are written in. */
export interface Attribute {
  integer: number | undefined
  text: string | undefined
  readonly numbers: number[]
  readonly texts: string[]
}

export interface TreeGraph {
  readonly input: string
  readonly output: string
  /** Of the TreeEnsembleRegressor. */
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly isLogistic: boolean
}

interface Node {
  readonly inputs: string[]
  readonly outputs: string[]
  operator: string
  readonly attributes: Field[]
}

/**
 * Reads a graph that is one TreeEnsembleRegressor, or one and a Sigmoid behind it, from its one input to its one output.
 * Field numbers of onnx.proto (https://onnx.ai/onnx/repo-docs/IR.html).
 * @returns undefined for every other graph
 * @throws OnnxError onnx_malformed | onnx_too_complex | onnx_too_large
 */
export function readTreeGraph(model: Uint8Array): TreeGraph | undefined {
  const wire = openWire(model)
  const graphs: Field[] = []
  let isPlain = true
  eachField(wire, 0, model.length, (field) => {
    if (field.number === 7) graphs.push(field)
    // A training part, or functions that could stand behind the names of operators.
    else if (field.number === 20 || field.number === 25) isPlain = false
  })
  const [graph] = graphs
  return isPlain && graph !== undefined && graphs.length === 1 ? readGraph(wire, graph) : undefined
}

function readGraph(wire: Wire, graph: Field): TreeGraph | undefined {
  verifyMessage(graph)
  const [nodes, inputs, outputs]: [Field[], string[], string[]] = [[], [], []]
  let isPlain = true
  eachField(wire, graph.from, graph.to, (field) => {
    if (field.number === 1) nodes.push(field)
    else if (field.number === 11) inputs.push(nameOf(wire, field))
    else if (field.number === 12) outputs.push(nameOf(wire, field))
    else if (field.number === 5 || field.number === 15) isPlain = false
  })
  if (!isPlain || nodes.length > 2 || inputs.length !== 1 || outputs.length !== 1) return undefined
  return chain(
    wire,
    nodes.map((node) => readNode(wire, node)),
    { input: inputs[0] ?? '', output: outputs[0] ?? '' },
  )
}

/** Input → trees → (sigmoid →) output, each with one value between. */
function chain(wire: Wire, nodes: readonly Node[], ends: { input: string; output: string }): TreeGraph | undefined {
  const [trees, sigmoid] = nodes
  if (trees?.operator !== 'ai.onnx.ml TreeEnsembleRegressor') return undefined
  if (sigmoid !== undefined && (sigmoid.operator !== ' Sigmoid' || sigmoid.attributes.length > 0)) return undefined
  const names = [ends.input, ...nodes.flatMap(({ outputs }) => outputs)]
  const isChain = nodes.every(
    ({ inputs, outputs }, index) => inputs.length === 1 && outputs.length === 1 && inputs[0] === names[index],
  )
  if (!isChain || names.at(-1) !== ends.output || trees.attributes.length > MAX_ATTRIBUTES) return undefined
  const attributes = readAttributes(wire, trees.attributes)
  return attributes && { ...ends, attributes, isLogistic: sigmoid !== undefined }
}

function nameOf(wire: Wire, value: Field): string {
  verifyMessage(value)
  let name = ''
  eachField(wire, value.from, value.to, (field) => {
    if (field.number === 1) name = fieldText(wire, field, MAX_NAME_BYTES)
  })
  return name
}

function readNode(wire: Wire, node: Field): Node {
  verifyMessage(node)
  const read: Node = { inputs: [], outputs: [], operator: '', attributes: [] }
  let [domain, name] = ['', '']
  eachField(wire, node.from, node.to, (field) => {
    if (field.number === 1) read.inputs.push(fieldText(wire, field, MAX_NAME_BYTES))
    else if (field.number === 2) read.outputs.push(fieldText(wire, field, MAX_NAME_BYTES))
    else if (field.number === 4) name = fieldText(wire, field, MAX_NAME_BYTES)
    else if (field.number === 5) read.attributes.push(field)
    else if (field.number === 7) domain = fieldText(wire, field, MAX_NAME_BYTES)
  })
  read.operator = `${domain === 'ai.onnx' ? '' : domain} ${name}`
  return read
}

function readAttributes(wire: Wire, fields: readonly Field[]): ReadonlyMap<string, Attribute> | undefined {
  const attributes = new Map<string, Attribute>()
  for (const field of fields) {
    const read = readAttribute(wire, field)
    if (read === undefined || attributes.has(read.name)) return undefined
    attributes.set(read.name, read.attribute)
  }
  return attributes
}

/** @returns undefined for one with more than there is room for, or of another kind (a tensor, a graph) */
function readAttribute(wire: Wire, field: Field): { name: string; attribute: Attribute } | undefined {
  verifyMessage(field)
  const view = new DataView(wire.bytes.buffer, wire.bytes.byteOffset, wire.bytes.byteLength)
  const attribute: Attribute = { integer: undefined, text: undefined, numbers: [], texts: [] }
  const { numbers, texts } = attribute
  let [name, isKnown] = ['', true]
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) name = fieldText(wire, part, MAX_NAME_BYTES)
    else if (part.number === 3) attribute.integer = part.value
    else if (part.number === 4) attribute.text = fieldText(wire, part, MAX_NAME_BYTES)
    else if (numbers.length > MAX_TREE_NODES || texts.length > MAX_TREE_NODES) isKnown = false
    else if (part.number === 7) isKnown &&= takeFloats(view, part, numbers)
    else if (part.number === 8) isKnown &&= takeIntegers(wire, part, numbers)
    else if (part.number === 9) texts.push(fieldText(wire, part, MAX_NAME_BYTES))
    else if (part.number !== 20 && part.number !== 13) isKnown = false
  })
  return isKnown ? { name, attribute } : undefined
}

function takeFloats(view: DataView, part: Field, numbers: number[]): boolean {
  const count = (part.to - part.from) / 4
  if (part.type !== FIXED32 && part.type !== LENGTH_DELIMITED) return false
  if (!Number.isInteger(count) || count > MAX_TREE_NODES) return false
  for (let at = part.from; at < part.to; at += 4) numbers.push(view.getFloat32(at, true))
  return true
}

function takeIntegers(wire: Wire, part: Field, numbers: number[]): boolean {
  if (part.type === VARINT) {
    numbers.push(part.value)
    return true
  }
  const packed = packedNumbers(wire, part, MAX_TREE_NODES)
  if (packed === undefined) return false
  for (const value of packed) numbers.push(value)
  return true
}
