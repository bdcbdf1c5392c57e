import { countElements, type Datatype, ElementList, parseDatatype, readElements, readTexts } from './datatypes.ts'
import { refuseOip } from './errors.ts'
import type { InferenceRequest, NamedTensor, Parameters, RequestedOutput } from './inference.ts'
import { type JsonObject, type JsonValue, readJson } from './json-reader.ts'
import type { OipLimits } from './limits.ts'
import { countParameter, readParameters } from './parameters.ts'

export const HEADER_LENGTH = 'inference-header-content-length'
const MAX_ID_LENGTH = 256

/** The body of a request: JSON, and after it the bytes of those tensors that have `binary_data_size` instead of `data`. */
export interface RestBody {
  readonly json: Uint8Array
  readonly binary: Uint8Array
}

/** @throws OipError oip_request_malformed about the header: it must be the length of the JSON, within the body */
export function splitBody(body: Uint8Array, headerLength: string | undefined): RestBody {
  if (headerLength === undefined) return { json: body, binary: body.subarray(body.length) }
  const length = /^\d{1,10}$/.test(headerLength) ? Number(headerLength) : Number.NaN
  if (!(length <= body.length)) refuseOip('oip_request_malformed', HEADER_LENGTH)
  return { json: body.subarray(0, length), binary: body.subarray(length) }
}

/**
 * An inference request in REST, with the binary tensor data extension.
 * @param model and `version`: from the address, which decides
 * @throws OipError
 */
export function readInferenceRequest(
  { json, binary }: RestBody,
  model: string,
  version: string,
  limits: OipLimits,
): InferenceRequest {
  const request = readJson(json, limits)
  if (!isObject(request)) refuseOip('oip_request_malformed', 'request')
  const bytes = new BinaryPart(binary)
  const texts = { left: limits.maxTexts }
  const inputs = listOf(request.get('inputs'), 'inputs', limits).map((input) => readInput(input, bytes, texts))
  if (!bytes.isEmptied) refuseOip('oip_data_mismatch', 'binary_data_size')
  const outputs = request.get('outputs')
  return {
    model,
    version,
    id: readId(request.get('id')),
    parameters: readParameters(request.get('parameters'), 'parameters'),
    inputs,
    // Clients that want all of them leave the list out, or leave it empty.
    outputs: outputs === undefined ? undefined : allOrSome(listOf(outputs, 'outputs', limits).map(readOutput)),
  }
}

/** What of the binary part has not been claimed yet, in the order of the inputs. */
class BinaryPart {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isEmptied(): boolean {
    return this.#at === this.#bytes.length
  }

  take(size: number): Uint8Array {
    if (size > this.#bytes.length - this.#at) refuseOip('oip_data_mismatch', 'binary_data_size')
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }
}

function readInput(input: JsonValue, bytes: BinaryPart, texts: { left: number }): NamedTensor {
  if (!isObject(input)) refuseOip('oip_request_malformed', 'inputs')
  const name = input.get('name')
  if (typeof name !== 'string') refuseOip('oip_request_malformed', 'inputs')
  const datatype = parseDatatype(input.get('datatype'))
  const shape = readShape(input.get('shape'))
  const count = countElements(shape, datatype)
  if (datatype === 'BYTES') {
    texts.left -= count
    if (texts.left < 0) refuseOip('oip_too_complex')
  }
  const all = readParameters(input.get('parameters'), 'parameters')
  const size = countParameter(all, 'binary_data_size')
  const data = input.get('data')
  if ((data === undefined) === (size === undefined)) refuseOip('oip_request_malformed', 'data')
  const read =
    size === undefined
      ? readData(datatype, data as JsonValue, shape, count)
      : readBinary(datatype, bytes.take(size), count)
  return { name, datatype, shape, parameters: without(all, 'binary_data_size'), data: read }
}

function readBinary(datatype: Datatype, bytes: Uint8Array, count: number) {
  return datatype === 'BYTES' ? readTexts(bytes, count) : readElements(datatype, bytes, count)
}

/** One after the other, or nested as the shape is; nothing in between, which could be read in two ways. */
function readData(datatype: Datatype, data: JsonValue, shape: readonly number[], count: number): NamedTensor['data'] {
  if (!Array.isArray(data)) refuseOip('oip_request_malformed', 'data')
  const list = data as readonly JsonValue[]
  const elements = list.some(Array.isArray) ? flatten(list, shape) : list
  if (elements.length !== count) refuseOip('oip_data_mismatch', 'data')
  if (datatype === 'BYTES') return elements.map(encodeText)
  const read = new ElementList(datatype, count)
  for (const element of elements) read.put(element)
  return read.finish()
}

function encodeText(element: JsonValue): Uint8Array {
  return typeof element === 'string' ? Buffer.from(element, 'utf8') : refuseOip('oip_element_invalid')
}

function flatten(list: readonly JsonValue[], [size, ...inner]: readonly number[]): readonly JsonValue[] {
  if (list.length !== size) refuseOip('oip_data_mismatch', 'data')
  if (inner.length === 0) return list.some(Array.isArray) ? refuseOip('oip_data_mismatch', 'data') : list
  return list.flatMap((item) => (Array.isArray(item) ? flatten(item, inner) : refuseOip('oip_data_mismatch', 'data')))
}

function readShape(value: JsonValue | undefined): number[] {
  const isShape = Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && Number(size) >= 0)
  return isShape ? (value as readonly number[]).map((size) => size + 0) : refuseOip('oip_shape_invalid')
}

function readOutput(output: JsonValue): RequestedOutput {
  if (!isObject(output)) refuseOip('oip_request_malformed', 'outputs')
  const name = output.get('name')
  if (typeof name !== 'string') refuseOip('oip_request_malformed', 'outputs')
  return { name, parameters: readParameters(output.get('parameters'), 'parameters') }
}

function allOrSome(outputs: readonly RequestedOutput[]): readonly RequestedOutput[] | undefined {
  return outputs.length === 0 ? undefined : outputs
}

/** @throws OipError oip_request_malformed */
export function readId(value: unknown): string {
  if (value === undefined) return ''
  const isId = typeof value === 'string' && value.length <= MAX_ID_LENGTH
  return isId ? value : refuseOip('oip_request_malformed', 'id')
}

function listOf(value: JsonValue | undefined, name: string, { maxTensors }: OipLimits): readonly JsonValue[] {
  if (!Array.isArray(value)) refuseOip('oip_request_malformed', name)
  if (value.length > maxTensors) refuseOip('oip_too_complex', name)
  return value
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map
}

function without(parameters: Parameters, name: string): Parameters {
  return parameters.has(name) ? new Map([...parameters].filter(([key]) => key !== name)) : parameters
}
