import { elementArrays, isElementType, type Tensor } from '../../contract/tensor.ts'
import { OnnxError } from '../errors.ts'
import { dtypeName } from '../surface.ts'
import { eachField, type Field, openWire, packedNumbers, type Wire } from '../wire.ts'

const MAX_ELEMENTS = 10_000_000

/**
 * Reads a serialised TensorProto with its data: the form in which models are published together with what goes in and must
 * come out. The elements lie in `raw_data`, or in a list of their own type.
 * @throws OnnxError onnx_malformed for a type that no contract can name, or a number of elements that the dims do not give
 */
export function readTensorProto(bytes: Uint8Array): Tensor {
  const wire = openWire(bytes)
  const dims: number[] = []
  let dtype = ''
  let data: Tensor['data'] | undefined
  eachField(wire, 0, bytes.length, (field) => {
    if (field.number === 1) dims.push(...(packedNumbers(wire, field, 16) ?? []))
    else if (field.number === 2) dtype = dtypeName(field.value)
    else data ??= elementsOf(wire, field, dtype)
  })
  if (!isElementType(dtype)) throw new OnnxError('onnx_malformed', { about: 'type' })
  const count = dims.reduce((product, size) => product * size, 1)
  data ??= new elementArrays[dtype](0)
  if (count > MAX_ELEMENTS || data.length !== count) throw new OnnxError('onnx_malformed', { about: 'elements' })
  return { dtype, dims, data }
}

function elementsOf(wire: Wire, field: Field, dtype: string): Tensor['data'] | undefined {
  if (!isElementType(dtype)) return undefined
  const bytes = Uint8Array.from(wire.bytes.subarray(field.from, field.to)).buffer
  if (field.number === 9) return new elementArrays[dtype](bytes)
  if (field.number === 4) return new Float32Array(bytes)
  if (field.number === 10) return new Float64Array(bytes)
  if (field.number === 7) return BigInt64Array.from(packedNumbers(wire, field, MAX_ELEMENTS) ?? [], BigInt)
  if (field.number === 5) return Int32Array.from(packedNumbers(wire, field, MAX_ELEMENTS) ?? [])
  return undefined
}
