import { isTexts, writeElements } from './datatypes.ts'
import type { InferenceRequest, InferenceResponse, NamedTensor, Parameters, ParameterValue } from './inference.ts'
import { flagParameter } from './parameters.ts'
import { HEADER_LENGTH } from './rest-request.ts'

export interface RestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export function jsonAnswer(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): RestAnswer {
  const all = { 'content-type': 'application/json', ...headers }
  return { status, headers: all, body: Buffer.from(JSON.stringify(value)) }
}

/** JSON, and after it the bytes of those outputs that were wanted as bytes. */
export function inferenceAnswer(response: InferenceResponse, wantsBinary: (output: string) => boolean): RestAnswer {
  const parts = response.outputs.map((output) => {
    return { output, bytes: wantsBinary(output.name) ? writeElements(output.data) : undefined }
  })
  const answer = jsonAnswer({
    model_name: response.model,
    model_version: response.version,
    ...(response.id === '' ? {} : { id: response.id }),
    ...parametersMember(response.parameters),
    outputs: parts.map(({ output, bytes }) => outputMember(output, bytes?.length)),
  })
  const binary = parts.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]))
  if (binary.length === 0) return answer
  const headers = { 'content-type': 'application/octet-stream', [HEADER_LENGTH]: String(answer.body.length) }
  return { ...answer, headers, body: Buffer.concat([answer.body, ...binary]) }
}

/**
 * `binary_data` of an output, or else `binary_data_output` of the request.
 * @throws OipError oip_parameter_invalid
 */
export function binaryChoice({ parameters, outputs = [] }: InferenceRequest): (output: string) => boolean {
  const byDefault = flagParameter(parameters, 'binary_data_output') ?? false
  const chosen = new Map(outputs.map((output) => [output.name, flagParameter(output.parameters, 'binary_data')]))
  return (name) => chosen.get(name) ?? byDefault
}

function outputMember({ name, datatype, shape, parameters, data }: NamedTensor, binarySize: number | undefined) {
  const members = { name, datatype, shape }
  if (binarySize !== undefined)
    return { ...members, ...parametersMember(new Map([...parameters, ['binary_data_size', binarySize]])) }
  return { ...members, ...parametersMember(parameters), data: writtenElements(data, datatype === 'BOOL') }
}

/** Every integer of an answer is within 2^53: decisions hold no other. */
function writtenElements(data: NamedTensor['data'], isBoolean: boolean): readonly (number | boolean | string)[] {
  if (isTexts(data)) return data.map((text) => Buffer.from(text).toString('utf8'))
  return Array.from(data as ArrayLike<number | bigint>, (element) => (isBoolean ? element !== 0 : Number(element)))
}

function parametersMember(parameters: Parameters): { parameters?: Record<string, Exclude<ParameterValue, bigint>> } {
  if (parameters.size === 0) return {}
  const members = [...parameters].map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value])
  return { parameters: Object.fromEntries(members) }
}
