import { type Tensor, tensorBytes } from '../contract/tensor.ts'
import { OnnxError } from './errors.ts'
import { attributeTypes, elementTypes, modelProto } from './messages.ts'

/** IR version 10 came with operator set 21 (ONNX 1.16): both are read by every runtime that we support. */
const IR_VERSION = 10
const OPSET_VERSION = 21

/** Names one tensor of the graph; only the builder that made it knows it. */
export type Value = string & { readonly kind: 'onnx-value' }

export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string }

/** A dimension: its size, or the name of a size that is free, such as `N` for the batch. */
export type Dimension = number | string

export interface ModelDescription {
  readonly name: string
  readonly producerVersion: string
  readonly docString: string
}

/**
 * Builds an ONNX model node by node. The bytes depend on the calls alone: the same calls give the same bytes.
 * Every method throws OnnxError onnx_graph_invalid for a name that is taken or a value that is not of this graph.
 */
export class GraphBuilder {
  readonly #names = new Set<string>()
  readonly #nodes: object[] = []
  readonly #initializers: object[] = []
  readonly #inputs: object[] = []
  readonly #outputs: object[] = []

  input(name: string, dims: readonly Dimension[], dtype: Tensor['dtype'] = 'float32'): Value {
    this.#inputs.push(valueInfo(name, dims, dtype))
    return this.#value(name)
  }

  /** A constant tensor of the graph. */
  constant(name: string, tensor: Tensor): Value {
    const size = tensor.dims.reduce((product, dim) => product * dim, 1)
    if (size !== tensor.data.length) throw new OnnxError('onnx_graph_invalid', { about: name })
    this.#initializers.push({
      dims: [...tensor.dims],
      dataType: elementTypes[tensor.dtype],
      name,
      // Little-endian, as ONNX has it and every machine that the runtime is built for.
      rawData: tensorBytes(tensor),
    })
    return this.#value(name)
  }

  floats(name: string, dims: readonly number[], values: readonly number[]): Value {
    return this.constant(name, { dtype: 'float32', dims, data: Float32Array.from(values) })
  }

  integers(name: string, values: readonly number[]): Value {
    return this.constant(name, { dtype: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) })
  }

  /** Adds an operator with one output, which is called `name`. */
  node(
    name: string,
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    for (const input of inputs) this.#verifyKnown(input)
    const attribute = Object.entries(attributes).map(([attributeName, value]) => attributeOf(attributeName, value))
    this.#nodes.push({ input: [...inputs], output: [name], name, opType, attribute })
    return this.#value(name)
  }

  /** Declares a value as an output of the model, under its own name. */
  output(value: Value, dims: readonly Dimension[], dtype: Tensor['dtype'] = 'float32'): void {
    this.#verifyKnown(value)
    this.#outputs.push(valueInfo(value, dims, dtype))
  }

  /** @returns the bytes of the ModelProto. */
  build(description: ModelDescription): Uint8Array {
    if (this.#inputs.length === 0 || this.#outputs.length === 0) throw new OnnxError('onnx_graph_invalid')
    const model = modelProto.create({
      irVersion: IR_VERSION,
      producerName: 'wardstone',
      producerVersion: description.producerVersion,
      docString: description.docString,
      graph: {
        node: this.#nodes,
        name: description.name,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
      opsetImport: [{ domain: '', version: OPSET_VERSION }],
    })
    return modelProto.encode(model).finish()
  }

  #value(name: string): Value {
    if (this.#names.has(name) || name === '') throw new OnnxError('onnx_graph_invalid', { about: name })
    this.#names.add(name)
    return name as Value
  }

  #verifyKnown(value: Value): void {
    if (!this.#names.has(value)) throw new OnnxError('onnx_graph_invalid', { about: value })
  }
}

function valueInfo(name: string, dims: readonly Dimension[], dtype: Tensor['dtype']): object {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  return { name, type: { tensorType: { elemType: elementTypes[dtype], shape: { dim } } } }
}

function attributeOf(name: string, value: Attribute): object {
  if ('int' in value) return { name, i: value.int, type: attributeTypes.int }
  if ('ints' in value) return { name, ints: [...value.ints], type: attributeTypes.ints }
  if ('float' in value) return { name, f: value.float, type: attributeTypes.float }
  if ('floats' in value) return { name, floats: [...value.floats], type: attributeTypes.floats }
  return { name, s: new TextEncoder().encode(value.string), type: attributeTypes.string }
}
