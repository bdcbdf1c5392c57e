import { LABEL_COLUMN, stayColumns } from './columns.ts'
import { IcuStayError } from './errors.ts'

/** One hour of a stay as it was charted: a column that was not measured is absent. */
export interface StayHour {
  /** Whole hours since the first row. */
  readonly hour: number
  /** By the file's own column names, in the column's unit. */
  readonly values: ReadonlyMap<string, number>
}

export interface IcuStay {
  readonly hours: readonly StayHour[]
  /** Hour of the onset of sepsis; undefined for a stay without. The label starts six hours before. */
  readonly onset: number | undefined
  /** False where the file has no label: then nobody knows whether there was an onset. */
  readonly isLabelled: boolean
}

/** The label of the challenge is positive from so many hours before the onset. */
export const LABEL_LEAD_HOURS = 6
/** The longest stay of the challenge has 336 hours and 41 columns. */
export const MAX_STAY_BYTES = 1024 * 1024
const MAX_HOURS = 2000
const MAX_FILE_COLUMNS = 64
const NUMBER = /^-?\d{1,9}(\.\d{1,12})?$/

/**
 * Reads one stay in the layout of the PhysioNet/CinC Challenge 2019: pipe-separated, a header line, one line per hour,
 * `NaN` for not measured. All columns that the challenge names are read; what else there is, is not.
 * @throws IcuStayError stay_oversized | stay_malformed (`about` names the line, never a value)
 */
export function parseIcuStay(text: string): IcuStay {
  if (text.length > MAX_STAY_BYTES) throw new IcuStayError('stay_oversized')
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines.length > MAX_HOURS + 1) throw new IcuStayError('stay_oversized')
  const header = (lines[0] ?? '').split('|')
  verifyHeader(header)
  const known = new Set(stayColumns.map(({ column }) => column))
  const labelAt = header.indexOf(LABEL_COLUMN)
  const rows = lines.slice(1).map((line, hour) => {
    const cells = line.split('|')
    if (cells.length !== header.length) malformed(hour)
    return cells
  })
  const hours = rows.map((cells, hour) => ({ hour, values: readValues(cells, header, known, hour) }))
  const labelled = labelAt < 0 ? -1 : rows.findIndex((cells, hour) => readLabel(cells[labelAt], hour))
  return { hours, onset: labelled < 0 ? undefined : labelled + LABEL_LEAD_HOURS, isLabelled: labelAt >= 0 }
}

function verifyHeader(header: readonly string[]): void {
  if (header.length > MAX_FILE_COLUMNS) throw new IcuStayError('stay_oversized')
  const isOne = header.some((name) => stayColumns.some(({ column }) => column === name))
  if (!isOne || new Set(header).size !== header.length) throw new IcuStayError('stay_malformed', { about: 'header' })
}

function readValues(
  cells: readonly string[],
  header: readonly string[],
  known: ReadonlySet<string>,
  hour: number,
): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  cells.forEach((cell, index) => {
    const column = header[index] ?? ''
    if (!known.has(column) || cell === 'NaN') return
    if (!NUMBER.test(cell)) malformed(hour)
    values.set(column, Number(cell))
  })
  return values
}

function readLabel(cell: string | undefined, hour: number): boolean {
  if (cell !== '0' && cell !== '1') malformed(hour)
  return cell === '1'
}

function malformed(hour: number): never {
  throw new IcuStayError('stay_malformed', { about: `line ${hour + 2}` })
}
