import {
  countElements,
  type Datatype,
  ElementList,
  type FixedDatatype,
  parseDatatype,
  readElements,
  readTexts,
  writeElements,
} from '../datatypes.ts'
import { refuseOip } from '../errors.ts'
import type {
  InferenceRequest,
  InferenceResponse,
  NamedTensor,
  Parameters,
  ParameterValue,
  RequestedOutput,
} from '../inference.ts'
import type { OipLimits } from '../limits.ts'
import { readId } from '../rest-request.ts'
import {
  bitsOfField,
  bytesOfField,
  doubleOfField,
  eachField,
  eachNumber,
  type FieldBudget,
  fixedBytesOfField,
  malformed,
  textOfField,
  type WireField,
} from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

const MAX_NAME_BYTES = 1024

/** The limits of one request, and what is left of those that hold for all its messages together. */
interface Reading extends OipLimits {
  readonly left: FieldBudget & { texts: number; values: number }
}

/** An input before its elements are read: what they are is known when the whole message has been seen. */
interface SentInput {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly parameters: Parameters
  readonly contents: Uint8Array | undefined
}

/** ModelInferRequest of `inference.GRPCInferenceService`. @throws OipError */
export function readInferRequest(message: Uint8Array, limits: OipLimits): InferenceRequest {
  const left = { fields: limits.maxJsonContainers, texts: limits.maxTexts, values: limits.maxJsonValues }
  const reading: Reading = { ...limits, left }
  const texts = { model: '', version: '', id: '' }
  const parameters = new Map<string, ParameterValue>()
  const inputs: SentInput[] = []
  const outputs: RequestedOutput[] = []
  const raw: Uint8Array[] = []
  const add = <T>(list: T[], item: () => T): void => {
    if (list.length === limits.maxTensors) refuseOip('oip_too_complex')
    list.push(item())
  }
  eachField(
    message,
    (field) => {
      if (field.number === 1) texts.model = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 2) texts.version = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 3) texts.id = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 4) readParameter(bytesOfField(field), parameters, reading)
      else if (field.number === 5) add(inputs, () => readInput(bytesOfField(field), reading))
      else if (field.number === 6) add(outputs, () => readOutput(bytesOfField(field), reading))
      else if (field.number === 7) add(raw, () => bytesOfField(field))
    },
    left,
  )
  if (raw.length > 0 && raw.length !== inputs.length) refuseOip('oip_data_mismatch', 'raw_input_contents')
  const tensors = inputs.map((input, index) => readTensor(input, raw[index], reading))
  const { model, version } = texts
  const wanted = outputs.length === 0 ? undefined : outputs
  return { model, version, id: readId(texts.id), parameters, inputs: tensors, outputs: wanted }
}

function readInput(message: Uint8Array, reading: Reading): SentInput {
  let [name, datatype] = ['', '']
  const shape: number[] = []
  const parameters = new Map<string, ParameterValue>()
  const contents: Uint8Array[] = []
  eachField(
    message,
    (field) => {
      if (field.number === 1) name = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 2) datatype = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 3) eachNumber(field, (size) => addSize(shape, size))
      else if (field.number === 4) readParameter(bytesOfField(field), parameters, reading)
      else if (field.number === 5) contents.push(bytesOfField(field))
    },
    reading.left,
  )
  // Two messages of one field would have to be merged; no writer makes them.
  if (contents.length > 1) malformed()
  return { name, datatype: parseDatatype(datatype), shape, parameters, contents: contents[0] }
}

const MAX_SIZES = 64

function addSize(shape: number[], bits: number | bigint): void {
  const size = typeof bits === 'bigint' ? Number(BigInt.asIntN(64, bits)) : bits
  if (shape.length === MAX_SIZES || !Number.isSafeInteger(size) || size < 0) refuseOip('oip_shape_invalid')
  shape.push(size)
}

function readOutput(message: Uint8Array, reading: Reading): RequestedOutput {
  let name = ''
  const parameters = new Map<string, ParameterValue>()
  eachField(
    message,
    (field) => {
      if (field.number === 1) name = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 2) readParameter(bytesOfField(field), parameters, reading)
    },
    reading.left,
  )
  return { name, parameters }
}

function readParameter(entry: Uint8Array, parameters: Map<string, ParameterValue>, reading: Reading): void {
  let name = ''
  let value: ParameterValue | undefined
  eachField(
    entry,
    (field) => {
      if (field.number === 1) name = textOfField(field, MAX_NAME_BYTES)
      else if (field.number === 2) value = parameterOf(bytesOfField(field), reading)
    },
    reading.left,
  )
  // proto3 lets the last of two stand; which one is meant is not for us to say.
  if (value === undefined || parameters.has(name)) refuseOip('oip_parameter_invalid')
  if (parameters.size === reading.maxParameters) refuseOip('oip_too_complex')
  parameters.set(name, value)
}

/** InferParameter: one of five. */
function parameterOf(message: Uint8Array, reading: Reading): ParameterValue | undefined {
  let value: ParameterValue | undefined
  eachField(
    message,
    (field) => {
      if (field.number === 1) value = bitsOfField(field) !== 0n
      else if (field.number === 2) value = BigInt.asIntN(64, bitsOfField(field))
      else if (field.number === 3) value = textOfField(field, reading.maxTextLength)
      else if (field.number === 4) value = doubleOfField(field)
      else if (field.number === 5) value = bitsOfField(field)
    },
    reading.left,
  )
  return value
}

function readTensor(input: SentInput, raw: Uint8Array | undefined, reading: Reading): NamedTensor {
  const { name, datatype, shape, parameters, contents } = input
  const count = countElements(shape, datatype)
  if (datatype === 'BYTES') {
    reading.left.texts -= count
    if (reading.left.texts < 0) refuseOip('oip_too_complex')
  }
  // Data in two places could differ.
  if (raw !== undefined && contents !== undefined) refuseOip('oip_data_mismatch', 'raw_input_contents')
  const data =
    raw === undefined
      ? readContents(datatype, contents ?? new Uint8Array(0), count, reading)
      : readRaw(datatype, raw, count)
  return { name, datatype, shape, parameters, data }
}

function readRaw(datatype: Datatype, raw: Uint8Array, count: number): NamedTensor['data'] {
  return datatype === 'BYTES' ? readTexts(raw, count) : readElements(datatype, raw, count)
}

/** The field of InferTensorContents that holds the elements of a datatype. */
const contentFields: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
}

/** InferTensorContents: the elements in the field of their datatype, and in no other. */
function readContents(datatype: Datatype, contents: Uint8Array, count: number, { left }: Reading): NamedTensor['data'] {
  const fields: WireField[] = []
  eachField(
    contents,
    (field) => {
      if (field.number !== contentFields[datatype]) refuseOip('oip_data_mismatch', 'contents')
      // Unpacked, a field is one element.
      if (fields.length > count) refuseOip('oip_data_mismatch', 'contents')
      fields.push(field)
    },
    left,
  )
  if (datatype === 'BYTES') {
    if (fields.length !== count) refuseOip('oip_data_mismatch', 'contents')
    return fields.map(bytesOfField)
  }
  if (datatype === 'FP32' || datatype === 'FP64') {
    const bytes = Buffer.concat(fields.map((field) => fixedBytesOfField(field, datatype === 'FP32' ? 4 : 8)))
    return readElements(datatype, bytes, count)
  }
  return integersOf(datatype, fields, count, left)
}

function integersOf(
  datatype: FixedDatatype,
  fields: readonly WireField[],
  count: number,
  left: Reading['left'],
): NamedTensor['data'] {
  // None takes less than a byte: no memory is taken for more than came.
  const bytes = fields.reduce((sum, { content }) => sum + content.length, 0)
  if (count > bytes) refuseOip('oip_data_mismatch', 'contents')
  // Each is read by itself, as a number in JSON is.
  left.values -= count
  if (left.values < 0) refuseOip('oip_too_complex', 'contents')
  const isSigned = datatype.startsWith('INT')
  const elements = new ElementList(datatype, count)
  const take = (bits: number | bigint): void => {
    if (datatype === 'BOOL') elements.put(Number(bits) !== 0)
    else elements.put(isSigned && typeof bits === 'bigint' ? BigInt.asIntN(64, bits) : bits)
  }
  for (const field of fields) eachNumber(field, take)
  return elements.finish()
}

/**
 * ModelInferResponse. The elements are always raw: clients of Triton read nothing else.
 */
export function writeInferResponse(response: InferenceResponse): Uint8Array {
  const message = new WireWriter().text(1, response.model).text(2, response.version).text(3, response.id)
  message.entries(4, response.parameters, writeParameter)
  for (const output of response.outputs) message.message(5, writeOutput(output))
  for (const { data } of response.outputs) message.bytes(6, writeElements(data))
  return message.finish()
}

function writeOutput({ name, datatype, shape, parameters }: NamedTensor): WireWriter {
  return new WireWriter().text(1, name).text(2, datatype).numbers(3, shape).entries(4, parameters, writeParameter)
}

function writeParameter(entry: WireWriter, value: ParameterValue): void {
  const parameter = new WireWriter()
  if (typeof value === 'boolean') parameter.member(1, value ? 1 : 0)
  else if (typeof value === 'string') parameter.bytes(3, Buffer.from(value, 'utf8'))
  else if (typeof value === 'bigint' || Number.isSafeInteger(value)) parameter.member(2, value)
  else parameter.double(4, value)
  entry.message(2, parameter)
}
