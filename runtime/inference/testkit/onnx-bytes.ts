/**
 * ONNX bytes by hand, for graphs that no product model has: loops and shapes that an input decides. Field numbers from
 * onnx.proto; protocol buffer wire format: key = number << 3 | type, varint or length-prefixed.
 */
export const FLOAT = 1
export const INT64 = 7
export const STRING = 8
export const BOOL = 9

type Dim = number | string

export function message(...fields: Uint8Array[]): Uint8Array {
  return Buffer.concat(fields)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt(value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Uint8Array.from([...bytes, Number(rest)])
}

function int(number: number, value: number): Uint8Array {
  return message(varint(number << 3), varint(value))
}

function bytes(number: number, value: Uint8Array | string): Uint8Array {
  const content = typeof value === 'string' ? Buffer.from(value) : value
  return message(varint((number << 3) | 2), varint(content.length), content)
}

/** TensorProto with raw data. */
export function tensor(name: string, type: number, dims: readonly number[], data: Uint8Array): Uint8Array {
  return message(...dims.map((dim) => int(1, dim)), int(2, type), bytes(8, name), bytes(9, data))
}

/** TensorProto whose data stand elsewhere: `external_data` and `data_location`. */
export function externalTensor(name: string, type: number, dims: readonly number[], location: string): Uint8Array {
  const entry = message(bytes(1, 'location'), bytes(2, location))
  return message(...dims.map((dim) => int(1, dim)), int(2, type), bytes(8, name), bytes(13, entry), int(14, 1))
}

export function floats(name: string, dims: readonly number[], values: readonly number[]): Uint8Array {
  return tensor(name, FLOAT, dims, new Uint8Array(Float32Array.from(values).buffer))
}

/** ValueInfoProto. */
export function port(name: string, type: number, dims: readonly Dim[]): Uint8Array {
  const shape = dims.map((dim) => bytes(1, typeof dim === 'number' ? int(1, dim) : bytes(2, dim)))
  return message(bytes(1, name), bytes(2, bytes(1, message(int(1, type), bytes(2, message(...shape))))))
}

/** AttributeProto of type GRAPH. */
export function graphAttribute(name: string, content: Uint8Array): Uint8Array {
  return message(bytes(1, name), bytes(6, content), int(20, 5))
}

/** AttributeProto of type INT. */
export function intAttribute(name: string, value: number): Uint8Array {
  return message(bytes(1, name), int(3, value), int(20, 2))
}

/** AttributeProto of type TENSOR. */
export function tensorAttribute(name: string, value: Uint8Array): Uint8Array {
  return message(bytes(1, name), bytes(5, value), int(20, 4))
}

export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...attributes: Uint8Array[]
): Uint8Array {
  return message(
    ...inputs.map((input) => bytes(1, input)),
    ...outputs.map((output) => bytes(2, output)),
    bytes(4, opType),
    ...attributes.map((attribute) => bytes(5, attribute)),
  )
}

export interface Graph {
  readonly nodes: readonly Uint8Array[]
  readonly constants?: readonly Uint8Array[]
  readonly inputs: readonly Uint8Array[]
  readonly outputs: readonly Uint8Array[]
}

export function graph({ nodes, constants = [], inputs, outputs }: Graph): Uint8Array {
  return message(
    ...nodes.map((content) => bytes(1, content)),
    bytes(2, 'trial'),
    ...constants.map((content) => bytes(5, content)),
    ...inputs.map((content) => bytes(11, content)),
    ...outputs.map((content) => bytes(12, content)),
  )
}

/** ModelProto, IR version 8, operator set 17. */
export function model(content: Graph): Uint8Array {
  return message(int(1, 8), bytes(7, graph(content)), bytes(8, int(2, 17)))
}
