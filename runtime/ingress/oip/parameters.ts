import { refuseOip } from './errors.ts'
import { noParameters, type Parameters, type ParameterValue } from './inference.ts'
import type { JsonObject, JsonValue } from './json-reader.ts'

/**
 * The `parameters` of a request, an input or an output in JSON: names with a text, a number or a flag each.
 * @throws OipError oip_parameter_invalid
 */
export function readParameters(value: JsonValue | undefined, about: string): Parameters {
  if (value === undefined) return noParameters
  if (!(value instanceof Map)) refuseOip('oip_parameter_invalid', about)
  for (const one of (value as JsonObject).values()) if (!isParameter(one)) refuseOip('oip_parameter_invalid', about)
  return value as Parameters
}

function isParameter(value: JsonValue): value is ParameterValue {
  return value !== null && typeof value !== 'object'
}

/** A name that nobody here reads could change what is meant. @throws OipError oip_parameter_unknown */
export function verifyParameterNames(parameters: Parameters, known: readonly string[], about: string): void {
  for (const name of parameters.keys()) if (!known.includes(name)) refuseOip('oip_parameter_unknown', about)
}

/** @throws OipError oip_parameter_invalid */
export function textParameter(parameters: Parameters, name: string): string | undefined {
  const value = parameters.get(name)
  if (value !== undefined && typeof value !== 'string') refuseOip('oip_parameter_invalid', name)
  return value
}

/** @throws OipError oip_parameter_invalid */
export function flagParameter(parameters: Parameters, name: string): boolean | undefined {
  const value = parameters.get(name)
  if (value !== undefined && typeof value !== 'boolean') refuseOip('oip_parameter_invalid', name)
  return value
}

/** A whole number from zero up. @throws OipError oip_parameter_invalid */
export function countParameter(parameters: Parameters, name: string): number | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    refuseOip('oip_parameter_invalid', name)
  return number
}
