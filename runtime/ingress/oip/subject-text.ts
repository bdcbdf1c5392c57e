import { refuseOip } from './errors.ts'

/** Printable: no control, format, private or unassigned characters, no line separators; no space at either end. */
const PRINTABLE = /^(?! )[^\p{C}\p{Zl}\p{Zp}]{1,128}(?<! )$/u
const MAX_UNITS = 256
const PERCENT_ENCODED = /^(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2}){1,4096}$/

/** The header of HTTP and the metadata of gRPC that can say whom a request is about: percent-encoded UTF-8. */
export const SUBJECT_HEADER = 'wardstone-subject'

/**
 * The patient as the sender knows them, under the rules of POST /v1/decisions: two spellings of one name must not become two
 * patients.
 * @throws OipError oip_parameter_invalid
 */
export function parseSubject(text: string): string {
  const isSubject =
    text.length <= MAX_UNITS && PRINTABLE.test(text) && text === text.normalize('NFC') && text === text.trim()
  return isSubject ? text : refuseOip('oip_parameter_invalid', 'subject')
}

/** The values of a header, which Node joins where there are several. @param rawHeaders names and values in turn, as they came */
export function headerValues(rawHeaders: readonly string[], name: string): string | readonly string[] | undefined {
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)
  return values.length > 1 ? values : values[0]
}

/** @throws OipError oip_parameter_invalid */
export function parseSubjectHeader(value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined) return undefined
  // Of two, which one is meant is not for us to say.
  if (typeof value !== 'string' || !PERCENT_ENCODED.test(value)) refuseOip('oip_parameter_invalid', SUBJECT_HEADER)
  try {
    return parseSubject(decodeURIComponent(value))
  } catch {
    refuseOip('oip_parameter_invalid', SUBJECT_HEADER)
  }
}
