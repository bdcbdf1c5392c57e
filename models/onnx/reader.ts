import { OnnxError } from './errors.ts'
import { hasPlainNames } from './plain-names.ts'
import { bounded, elementCount, onePatientBytes } from './sizes.ts'
import { dtypeName, dtypes, type Initialisers, type OnnxSurface, type OnnxValue } from './surface.ts'
import { readTensorHead, type TensorHead } from './tensor-head.ts'
import { readValueInfo } from './value-info.ts'
import {
  eachField,
  type Field,
  fieldExcerpt,
  fieldText,
  malformed,
  openWire,
  verifyMessage,
  type Wire,
} from './wire.ts'

const MAX_NAME_BYTES = 4096
const MAX_SHOWN_BYTES = 2000
/** Of inputs, outputs, opsets, functions, metadata: lists that are kept. Nodes and constants are only counted. */
const MAX_LISTED = 4096
const MAX_OPERATOR_KINDS = 4096

/**
 * Reads a graph's surface: what goes in and out, which operators of which domains, how large the constants are, what
 * lies outside. One pass over the bytes; nothing of the weights is copied. Field numbers from onnx.proto
 * (https://onnx.ai/onnx/repo-docs/IR.html).
 * @throws OnnxError onnx_malformed | onnx_too_large | onnx_too_complex
 */
export function readOnnx(bytes: Uint8Array): OnnxSurface {
  const wire = openWire(bytes)
  const model = new ModelReading(wire)
  eachField(wire, 0, bytes.length, (field) => model.field(field))
  return model.surface()
}

interface Text {
  value: string
}

class ModelReading {
  readonly #wire: Wire
  readonly #graph: GraphReading
  readonly #opsets: OnnxSurface['opsets'][number][] = []
  readonly #functions: OnnxSurface['functions'][number][] = []
  readonly #metadata = new Map<string, string>()
  readonly #producer: string[] = []
  #irVersion = 0
  #docString = ''
  #hasTraining = false
  #hasGraph = false

  constructor(wire: Wire) {
    this.#wire = wire
    this.#graph = new GraphReading(wire)
  }

  field(field: Field): void {
    const wire = this.#wire
    if (field.number === 1) this.#irVersion = field.value
    else if (field.number === 2 || field.number === 3) this.#producer.push(fieldExcerpt(wire, field, MAX_SHOWN_BYTES))
    else if (field.number === 6) this.#docString = fieldExcerpt(wire, field, MAX_SHOWN_BYTES)
    else if (field.number === 7) this.#readGraph(field)
    else if (field.number === 8) keep(this.#opsets, readOpset(wire, field))
    else if (field.number === 14) this.#readMetadata(field)
    else if (field.number === 20) this.#readTraining(field)
    else if (field.number === 25) this.#readFunction(field)
  }

  /** Parsers merge a graph that comes twice. No exporter writes it so, and what they then see may differ. */
  #readGraph(field: Field): void {
    if (this.#hasGraph) malformed('a second graph')
    this.#hasGraph = true
    this.#graph.read(field, 'main')
  }

  #readMetadata(field: Field): void {
    const entry = readEntry(this.#wire, field)
    if (this.#metadata.size >= MAX_LISTED) throw new OnnxError('onnx_too_complex', { about: 'metadata' })
    this.#metadata.set(entry.key, entry.value)
  }

  #readTraining(field: Field): void {
    this.#hasTraining = true
    verifyMessage(field)
    eachField(this.#wire, field.from, field.to, (part) => {
      if (part.number === 1 || part.number === 2) this.#graph.read(part, 'inner')
    })
  }

  #readFunction(field: Field): void {
    verifyMessage(field)
    const found = { domain: '', name: '' }
    eachField(this.#wire, field.from, field.to, (part) => {
      if (part.number === 1) found.name = fieldText(this.#wire, part, MAX_NAME_BYTES)
      else if (part.number === 10) found.domain = fieldText(this.#wire, part, MAX_NAME_BYTES)
      else if (part.number === 7) this.#graph.readNode(part)
      else if (part.number === 11) this.#graph.readAttribute(part)
    })
    keep(this.#functions, found)
  }

  surface(): OnnxSurface {
    if (!this.#hasGraph) malformed('no graph')
    return {
      irVersion: this.#irVersion,
      producer: this.#producer.filter((part) => part !== '').join(' '),
      docString: this.#docString,
      fileBytes: this.#wire.bytes.length,
      opsets: this.#opsets,
      functions: this.#functions,
      metadata: Object.fromEntries(this.#metadata),
      hasTraining: this.#hasTraining,
      hasPlainNames: hasPlainNames(this.#wire.bytes),
      ...this.#graph.facts(),
    }
  }
}

type GraphFacts = Pick<
  OnnxSurface,
  | 'graphName'
  | 'inputs'
  | 'defaults'
  | 'outputs'
  | 'initialisers'
  | 'operators'
  | 'externalTensors'
  | 'largestIntermediateBytes'
>

/** The main graph and all that is inside it: graphs of branches and loops, and functions, add to the same counts. */
class GraphReading {
  readonly #wire: Wire
  readonly #operators = new Map<string, { domain: string; name: string; count: number }>()
  readonly #inputs: OnnxValue[] = []
  readonly #outputs: OnnxValue[] = []
  readonly #constantNames = new Set<string>()
  /** Constants that can be the shape of another: by name, as their values. */
  readonly #shapes = new Map<string, readonly number[]>()
  readonly #fills: { readonly shape: string; readonly bytes: number }[] = []
  readonly #byDtype = new Map<string, number>()
  #name = ''
  #constants = 0
  #constantBytes = 0
  #external = 0
  #largestBytes = 0

  constructor(wire: Wire) {
    this.#wire = wire
  }

  read(field: Field, place: 'main' | 'inner'): void {
    verifyMessage(field)
    eachField(this.#wire, field.from, field.to, (part) => {
      if (part.number === 1) this.readNode(part)
      else if (part.number === 5) this.#takeConstant(part, place)
      else if (part.number === 15) this.#takeSparse(part)
      else if (part.number === 13) this.#takeIntermediate(part)
      else if (place === 'main') this.#takeOwn(part)
    })
  }

  #takeOwn(part: Field): void {
    if (part.number === 2) this.#name = fieldExcerpt(this.#wire, part, MAX_SHOWN_BYTES)
    else if (part.number === 11) keep(this.#inputs, readValueInfo(this.#wire, part))
    else if (part.number === 12) keep(this.#outputs, readValueInfo(this.#wire, part))
  }

  readNode(field: Field): void {
    verifyMessage(field)
    const inputs: string[] = []
    const output: Text = { value: '' }
    const domain: Text = { value: '' }
    const name: Text = { value: '' }
    let tensor: TensorHead | undefined
    eachField(this.#wire, field.from, field.to, (part) => {
      if (part.number === 1 && inputs.length === 0) inputs.push(fieldText(this.#wire, part, MAX_NAME_BYTES))
      else if (part.number === 2) output.value ||= fieldText(this.#wire, part, MAX_NAME_BYTES)
      else if (part.number === 4) name.value = fieldText(this.#wire, part, MAX_NAME_BYTES)
      else if (part.number === 7) domain.value = fieldText(this.#wire, part, MAX_NAME_BYTES)
      else if (part.number === 5) tensor = this.readAttribute(part) ?? tensor
    })
    this.#count(domain.value === 'ai.onnx' ? '' : domain.value, name.value)
    if (name.value === 'Constant' && tensor?.numbers !== undefined) this.#shapes.set(output.value, tensor.numbers)
    if (name.value === 'ConstantOfShape')
      this.#fills.push({ shape: inputs[0] ?? '', bytes: dtypes.get(tensor?.dtype ?? 1)?.bytes ?? 4 })
  }

  /** @returns the tensor that an attribute holds, if it holds one */
  readAttribute(field: Field): TensorHead | undefined {
    verifyMessage(field)
    let tensor: TensorHead | undefined
    eachField(this.#wire, field.from, field.to, (part) => {
      if (part.number === 5 || part.number === 10) tensor = this.#takeTensor(part)
      else if (part.number === 6 || part.number === 11) this.read(part, 'inner')
      else if (part.number === 22 || part.number === 23) this.#takeSparse(part)
    })
    return tensor
  }

  #takeConstant(field: Field, place: 'main' | 'inner'): void {
    const head = this.#takeTensor(field)
    if (place === 'main') this.#constantNames.add(head.name)
    if (head.numbers !== undefined) this.#shapes.set(head.name, head.numbers)
  }

  #takeSparse(field: Field): void {
    verifyMessage(field)
    eachField(this.#wire, field.from, field.to, (part) => {
      if (part.number === 1 || part.number === 2) this.#takeTensor(part)
    })
  }

  #takeTensor(field: Field): TensorHead {
    const head = readTensorHead(this.#wire, field)
    this.#constants += 1
    this.#constantBytes = bounded(this.#constantBytes + head.bytes)
    if (head.isExternal) this.#external += 1
    const dtype = dtypeName(head.dtype)
    this.#byDtype.set(dtype, (this.#byDtype.get(dtype) ?? 0) + head.bytes)
    return head
  }

  #takeIntermediate(field: Field): void {
    this.#largestBytes = Math.max(this.#largestBytes, onePatientBytes(readValueInfo(this.#wire, field)))
  }

  #count(domain: string, name: string): void {
    const key = `${domain}\n${name}`
    const known = this.#operators.get(key)
    if (known !== undefined) known.count += 1
    else if (this.#operators.size >= MAX_OPERATOR_KINDS) throw new OnnxError('onnx_too_complex', { about: 'operators' })
    else this.#operators.set(key, { domain, name, count: 1 })
  }

  facts(): GraphFacts {
    const hasDefault = (value: OnnxValue) => this.#constantNames.has(value.name)
    return {
      graphName: this.#name,
      inputs: this.#inputs.filter((value) => !hasDefault(value)),
      defaults: this.#inputs.filter(hasDefault).map((value) => value.name),
      outputs: this.#outputs,
      initialisers: this.#initialisers(),
      operators: [...this.#operators.values()].sort((a, b) => b.count - a.count),
      externalTensors: this.#external,
      largestIntermediateBytes: this.#largestBytes,
    }
  }

  #initialisers(): Initialisers {
    const expandedBytes = this.#fills.reduce((total, { shape, bytes }) => {
      const sizes = this.#shapes.get(shape) ?? []
      return bounded(total + (sizes.length === 0 ? 0 : elementCount(sizes) * bytes))
    }, 0)
    return {
      count: this.#constants,
      bytes: this.#constantBytes,
      expandedBytes,
      byDtype: Object.fromEntries(this.#byDtype),
    }
  }
}

function readOpset(wire: Wire, field: Field): OnnxSurface['opsets'][number] {
  verifyMessage(field)
  const opset = { domain: '', version: 0 }
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) opset.domain = fieldText(wire, part, MAX_NAME_BYTES)
    else if (part.number === 2) opset.version = part.value
  })
  return opset
}

function readEntry(wire: Wire, field: Field): { key: string; value: string } {
  verifyMessage(field)
  const entry = { key: '', value: '' }
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) entry.key = fieldText(wire, part, MAX_NAME_BYTES)
    else if (part.number === 2) entry.value = fieldExcerpt(wire, part, MAX_SHOWN_BYTES)
  })
  return entry
}

function keep<Item>(list: Item[], item: Item): void {
  if (list.length >= MAX_LISTED) throw new OnnxError('onnx_too_complex', { about: 'lists' })
  list.push(item)
}
