import type { JsonValue } from '../../device/platform/canonical-json.ts'
import { safeForTerminal } from './leaf-table.ts'

/** Longer texts are bytes written as text, such as the tensors of an image: no person reads them. */
const MAX_TEXT = 4096
const SHOWN_TEXT = 64
const LINE = 100
const DIGITS = 3

/** A JSON value over several lines, for a person: numbers side by side, a map over an image as the grid that it is. */
export function indented(value: JsonValue): string {
  return linesOf(value)
    .map((line) => `  ${safeForTerminal(line)}\n`)
    .join('')
}

function linesOf(value: JsonValue): string[] {
  if (typeof value === 'string' && value.length > MAX_TEXT)
    return [`${JSON.stringify(`${value.slice(0, SHOWN_TEXT)}…`)} (${value.length} characters, whole with --json)`]
  if (isNumbers(value)) return wrapped(value)
  if (Array.isArray(value)) return enclosed('[', value.map(linesOf), ']')
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value)]
  const grid = gridOf(value as JsonMembers)
  const members = Object.entries(value as JsonMembers).map(([name, member]) => {
    const [first = '', ...rest] = name === 'values' && grid !== undefined ? grid : linesOf(member)
    return [`${JSON.stringify(name)}: ${first}`, ...rest]
  })
  return enclosed('{', members, '}')
}

type JsonMembers = Readonly<Record<string, JsonValue>>

function enclosed(open: string, parts: readonly (readonly string[])[], close: string): string[] {
  if (parts.length === 0) return [open + close]
  const inner = parts.flatMap((lines, part) =>
    lines.map((line, index) => `  ${line}${index === lines.length - 1 && part < parts.length - 1 ? ',' : ''}`),
  )
  return [open, ...inner, close]
}

function isNumbers(value: JsonValue | undefined): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number')
}

function wrapped(numbers: readonly number[]): string[] {
  const lines = ['']
  for (const [index, value] of numbers.entries()) {
    const said = `${value}${index === numbers.length - 1 ? '' : ', '}`
    const last = lines.length - 1
    if (`${lines[last]}${said}`.length > LINE) lines.push(said)
    else lines[last] += said
  }
  const texts = lines.map((line) => line.trimEnd())
  return texts.length === 1 ? [`[${texts[0]}]`] : ['[', ...texts.map((line) => `  ${line}`), ']']
}

/** Undefined for what is not a map: `rows` times `columns` values. */
function gridOf({ rows, columns, values }: JsonMembers): string[] | undefined {
  if (typeof rows !== 'number' || typeof columns !== 'number' || !isNumbers(values)) return undefined
  if (columns < 1 || values.length !== rows * columns) return undefined
  const cells = values.map((value) => String(Number(value.toPrecision(DIGITS))))
  const width = Math.max(...cells.map((cell) => cell.length))
  const lines = Array.from({ length: rows }, (_, row) =>
    cells
      .slice(row * columns, (row + 1) * columns)
      .map((cell) => cell.padStart(width))
      .join('  '),
  )
  return [`[ to ${DIGITS} digits, exact with --json`, ...lines.map((line) => `  ${line}`), ']']
}
