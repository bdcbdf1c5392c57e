/** The one media type of JSON that is read. */
export const JSON_TYPE = /^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?\s*$/i

/** A value such as `multipart/related; boundary="x"`, or of another header in the same form. */
export interface HeaderValue {
  /** What stands before the parameters, in lower case. */
  readonly value: string
  /** By their names in lower case; quotes and escapes are gone. */
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const FIRST = new RegExp(`${TOKEN}(?:/${TOKEN})?`, 'y')
const NAME = new RegExp(`[ \\t]*;[ \\t]*(${TOKEN})=`, 'y')
const PLAIN = new RegExp(TOKEN, 'y')
const QUOTED = /"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)"/y

/**
 * Reads the value of a header of the form `value *( ";" name "=" value )` (RFC 9110 §5.6.6). A parameter that stands
 * twice, or anything left over, makes it unreadable: two readers could take different things from it.
 */
export function readHeaderValue(text: string): HeaderValue | undefined {
  const end = text.trimEnd().length
  const first = matchAt(FIRST, text, 0)
  if (first === undefined) return undefined
  const parameters = new Map<string, string>()
  let at = first[0].length
  while (at < end) {
    const name = matchAt(NAME, text, at)
    if (name === undefined) return undefined
    at += name[0].length
    const value = matchAt(PLAIN, text, at) ?? matchAt(QUOTED, text, at)
    const key = (name[1] ?? '').toLowerCase()
    if (value === undefined || parameters.has(key)) return undefined
    parameters.set(key, value[1] === undefined ? value[0] : value[1].replace(/\\(.)/g, '$1'))
    at += value[0].length
  }
  return { value: first[0].toLowerCase(), parameters }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}
