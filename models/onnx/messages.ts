import protobuf from 'protobufjs/light.js'

/**
 * The part of the ONNX intermediate representation that our graphs use, with the field numbers of onnx.proto
 * (https://onnx.ai/onnx/repo-docs/IR.html). What we do not write is left out.
 */
const descriptor = {
  ModelProto: {
    fields: {
      irVersion: { id: 1, type: 'int64' },
      producerName: { id: 2, type: 'string' },
      producerVersion: { id: 3, type: 'string' },
      domain: { id: 4, type: 'string' },
      modelVersion: { id: 5, type: 'int64' },
      docString: { id: 6, type: 'string' },
      graph: { id: 7, type: 'GraphProto' },
      opsetImport: { id: 8, rule: 'repeated', type: 'OperatorSetIdProto' },
    },
  },
  OperatorSetIdProto: { fields: { domain: { id: 1, type: 'string' }, version: { id: 2, type: 'int64' } } },
  GraphProto: {
    fields: {
      node: { id: 1, rule: 'repeated', type: 'NodeProto' },
      name: { id: 2, type: 'string' },
      initializer: { id: 5, rule: 'repeated', type: 'TensorProto' },
      input: { id: 11, rule: 'repeated', type: 'ValueInfoProto' },
      output: { id: 12, rule: 'repeated', type: 'ValueInfoProto' },
    },
  },
  NodeProto: {
    fields: {
      input: { id: 1, rule: 'repeated', type: 'string' },
      output: { id: 2, rule: 'repeated', type: 'string' },
      name: { id: 3, type: 'string' },
      opType: { id: 4, type: 'string' },
      attribute: { id: 5, rule: 'repeated', type: 'AttributeProto' },
      domain: { id: 7, type: 'string' },
    },
  },
  AttributeProto: {
    fields: {
      name: { id: 1, type: 'string' },
      f: { id: 2, type: 'float' },
      i: { id: 3, type: 'int64' },
      s: { id: 4, type: 'bytes' },
      floats: { id: 7, rule: 'repeated', type: 'float' },
      ints: { id: 8, rule: 'repeated', type: 'int64' },
      strings: { id: 9, rule: 'repeated', type: 'bytes' },
      type: { id: 20, type: 'int32' },
    },
  },
  TensorProto: {
    fields: {
      dims: { id: 1, rule: 'repeated', type: 'int64' },
      dataType: { id: 2, type: 'int32' },
      name: { id: 8, type: 'string' },
      rawData: { id: 9, type: 'bytes' },
    },
  },
  ValueInfoProto: { fields: { name: { id: 1, type: 'string' }, type: { id: 2, type: 'TypeProto' } } },
  TypeProto: { fields: { tensorType: { id: 1, type: 'TensorTypeProto' } } },
  TensorTypeProto: { fields: { elemType: { id: 1, type: 'int32' }, shape: { id: 2, type: 'TensorShapeProto' } } },
  TensorShapeProto: { fields: { dim: { id: 1, rule: 'repeated', type: 'DimensionProto' } } },
  DimensionProto: { fields: { dimValue: { id: 1, type: 'int64' }, dimParam: { id: 2, type: 'string' } } },
} satisfies Record<string, protobuf.IType>

export const modelProto: protobuf.Type = protobuf.Root.fromJSON({ nested: proto2(descriptor) }).lookupType('ModelProto')

/** TensorProto.DataType, as far as used. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const

/** AttributeProto.AttributeType, as far as used. */
export const attributeTypes = { float: 1, int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const

/** As onnx.proto is: a zero that was set is written, repeated numbers are not packed. */
function proto2(messages: Readonly<Record<string, protobuf.IType>>): Record<string, protobuf.IType> {
  return Object.fromEntries(Object.entries(messages).map(([name, type]) => [name, { ...type, edition: 'proto2' }]))
}
