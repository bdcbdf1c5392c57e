/** What a spreadsheet would take for a formula at the start of a cell. */
const FORMULA_START = /^[=+\-@\t\r\n]/
const NEEDS_QUOTES = /[",\r\n]/

export type CsvValue = string | number | boolean | null

/**
 * One record of RFC 4180: CRLF at its end, quotes where they are needed. A text that a spreadsheet would run as a
 * formula gets an apostrophe in front (OWASP, CSV injection); numbers are ours and keep their sign.
 */
export function csvRecord(cells: readonly CsvValue[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  const text = FORMULA_START.test(value) ? `'${value}` : value
  return NEEDS_QUOTES.test(text) || text !== value ? `"${text.replaceAll('"', '""')}"` : text
}
