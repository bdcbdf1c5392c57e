/** Steers a terminal, or is not seen on it; a line break that JSON writes between its members does neither. */
const UNSHOWN = /[^\P{Cc}\n]|\p{Cf}|\p{Zl}|\p{Zp}/gu

/**
 * JSON that may be looked at: what could steer a terminal is escaped, as JSON allows everywhere in a text. It says the same.
 * @param indent spaces a level; none gives one line
 */
export function shownJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(UNSHOWN, escaped)
}

function escaped(sign: string): string {
  const units = Array.from({ length: sign.length }, (_, at) => sign.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
