import { bytesOf, readElements, readTexts } from './datatypes.ts'
import { refuseOip } from './errors.ts'
import { type InferenceRequest, type NamedTensor, noParameters } from './inference.ts'
import type { ModelMetadata } from './model-metadata.ts'

/**
 * A body that is the bytes of the only input and nothing else (Triton, docs/protocol/extension_binary_data.md, "Raw Binary
 * Request"): its shape follows from its length where at most one size is free. Its answer is binary as well.
 * @throws OipError oip_request_malformed where the model has another number of inputs; oip_shape_invalid | oip_data_mismatch
 */
export function rawInferenceRequest(body: Uint8Array, model: ModelMetadata): InferenceRequest {
  const [input, ...others] = model.inputs
  if (input === undefined || others.length > 0) refuseOip('oip_request_malformed', 'inputs')
  const { name, datatype } = input
  const shape = datatype === 'BYTES' ? [1] : shapeOf(input.shape, body.length / bytesOf(datatype), name)
  const data = datatype === 'BYTES' ? readTexts(body, 1, name) : readElements(datatype, body, product(shape), name)
  const tensor: NamedTensor = { name, datatype, shape, parameters: noParameters, data }
  const [version = ''] = model.versions
  const parameters = new Map([['binary_data_output', true]])
  return { model: model.name, version, id: '', parameters, inputs: [tensor], outputs: undefined }
}

function shapeOf(shape: readonly number[], elements: number, name: string): number[] {
  const isFree = (size: number) => size === -1
  if (shape.filter(isFree).length > 1) refuseOip('oip_shape_invalid', name)
  const free = elements / product(shape.filter((size) => !isFree(size)))
  const filled = shape.map((size) => (isFree(size) ? free : size))
  return filled.every(Number.isSafeInteger) ? filled : refuseOip('oip_data_mismatch', name)
}

function product(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1)
}
