import { challengeColumns, labelColumn, sexColumn } from './columns.ts'
import { SepsisRiskError } from './errors.ts'
import type { HourlyRow, HourlyValue } from './hourly.ts'

/** The longest stay of the challenge has 336 hours and 41 columns. */
export const MAX_STAY_BYTES = 1024 * 1024
const MAX_HOURS = 2000
const MAX_COLUMNS = 64
const NUMBER = /^-?\d{1,9}(\.\d{1,12})?$/

type CellReader = (cell: string) => readonly [string, HourlyValue] | undefined

/**
 * Reads one hourly stay: pipe-separated, a header line, one line per hour, `NaN` for not measured. Columns that the
 * model does not use are checked for count only. The label column may be missing: then the outcome is not known.
 * @throws SepsisRiskError stay_oversized | stay_malformed (`about` names the line, never a value)
 */
export function parseStay(text: string): HourlyRow[] {
  if (text.length > MAX_STAY_BYTES) throw new SepsisRiskError('stay_oversized')
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines.length > MAX_HOURS + 1) throw new SepsisRiskError('stay_oversized')
  const header = (lines[0] ?? '').split('|')
  verifyHeader(header)
  const readers = header.map(columnReader)
  const labelIndex = header.indexOf(labelColumn)
  return lines.slice(1).map((line, hour) => parseHour(line, hour, readers, labelIndex))
}

function verifyHeader(header: readonly string[]): void {
  if (header.length > MAX_COLUMNS) throw new SepsisRiskError('stay_oversized')
  const missing = Object.keys(challengeColumns).some((column) => !header.includes(column))
  if (missing || new Set(header).size !== header.length)
    throw new SepsisRiskError('stay_malformed', { about: 'header' })
}

function columnReader(column: string): CellReader {
  if (column === sexColumn) return sexReader
  const spec = Object.hasOwn(challengeColumns, column) ? challengeColumns[column] : undefined
  if (spec === undefined) return () => undefined
  return (cell) => {
    if (cell === 'NaN') return undefined
    if (!NUMBER.test(cell)) throw new SepsisRiskError('stay_malformed')
    return [spec.input, { value: Number(cell), unit: spec.unit }]
  }
}

/** What the file says of the sex, as far as it is one of its two numbers. */
function sexReader(cell: string): ReturnType<CellReader> {
  if (cell !== '0' && cell !== '1') return undefined
  return ['sex', { value: cell === '1' ? 'male' : 'female' }]
}

function parseHour(line: string, hour: number, readers: readonly CellReader[], labelIndex: number): HourlyRow {
  const cells = line.split('|')
  const label = labelIndex < 0 ? undefined : cells[labelIndex]
  if (cells.length !== readers.length || (label !== undefined && label !== '0' && label !== '1')) {
    throw new SepsisRiskError('stay_malformed', { about: `line ${hour + 2}` })
  }
  try {
    const measured = cells.map((cell, column) => readers[column]?.(cell)).filter((entry) => entry !== undefined)
    const values = Object.fromEntries(measured)
    return label === undefined ? { hour, values } : { hour, values, septic: label === '1' }
  } catch (cause) {
    throw new SepsisRiskError('stay_malformed', { cause, about: `line ${hour + 2}` })
  }
}
