import { canonicalJson } from '../../device/platform/canonical-json.ts'
import type { FoundLeaf, OpenedRecord } from './audit-log.ts'
import { decisionOf } from './leaf-table.ts'
import type { Selection } from './selection.ts'

/** What an export says of itself, before its first leaf. */
export interface ExportHead {
  readonly format: 'wardstone-audit-export'
  readonly version: 1
  readonly origin: string
  /** The newest checkpoint, as its signed note: leaves below its size were considered. */
  readonly checkpoint: string
  readonly range: {
    readonly from: string | null
    readonly to: string | null
    readonly first: number
    readonly end: number
  }
  /** What was asked for; a subject is not named. */
  readonly selection: Selection
  readonly aboutOneSubject: boolean
  readonly content: 'leaves' | 'records'
  readonly leaves: number
  readonly records: number
  /** SHA-256 over the leaves' hashes (32 bytes each) in the order of the file, lowercase hex; the leaf of the export has it too. */
  readonly digest: string
  readonly exportedBy: string
  readonly exportedAt: string
  /** The leaf that says that this export was made. */
  readonly evidence: { readonly leafIndex: number; readonly leafHash: string }
  readonly warning: string | null
}

export interface ExportEnd {
  readonly leaves: number
  readonly records: number
  /** SHA-256 of every byte before this line, lowercase hex. */
  readonly sha256: string
}

/** How an export is written; each part is whole lines. */
export interface ExportFormat {
  head(head: ExportHead): string
  leaf(found: FoundLeaf, record: OpenedRecord | undefined): string
  end(end: ExportEnd): string
}

/** One leaf as a line of JSON. `leaf` stands in its own bytes: they hash to `hash`. */
export function leafLine({ index, hash, text }: FoundLeaf, record?: OpenedRecord): string {
  const opened = record === undefined ? '' : `,"record":${canonicalJson(record.record)},"salt":"${record.salt}"`
  return `{"type":"leaf","index":${index},"hash":"${hash}","leaf":${text}${opened}}\n`
}

const line = (type: string, members: object): string => `${JSON.stringify({ type, ...members })}\n`

export const ndjson: ExportFormat = {
  head: (head) => line('export', head),
  leaf: leafLine,
  end: (end) => line('end', end),
}

const columns = [
  'type',
  'index',
  'at',
  'kind',
  'client',
  'role',
  'model',
  'version',
  'outcome',
  'alert',
  'decision',
  'hash',
  'json',
  'record',
  'salt',
] as const
type Column = (typeof columns)[number]

/** RFC 4180. The column `json` has the leaf in its own bytes; in the first and the last row what the export says of itself. */
export const csv: ExportFormat = {
  head: (head) => csvRow(columns) + csvCells({ type: 'export', json: JSON.stringify(head) }),
  leaf: (found, record) => csvCells(csvLeaf(found, record)),
  end: (end) => csvCells({ type: 'end', json: JSON.stringify(end) }),
}

function csvLeaf({ index, leaf, hash, text }: FoundLeaf, record: OpenedRecord | undefined): Cells {
  const { at, kind, client, role, model, version, outcome, alert } = leaf
  const opened = record === undefined ? {} : { record: canonicalJson(record.record), salt: record.salt }
  const said = { at, kind, client, role, model, version, outcome, alert, decision: decisionOf(leaf) }
  return { type: 'leaf', index, ...said, hash, json: text, ...opened }
}

type Cells = Readonly<Partial<Record<Column, string | number | undefined>>>

function csvCells(cells: Cells): string {
  return csvRow(columns.map((name) => String(cells[name] ?? '')))
}

function csvRow(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

/** A spreadsheet runs a cell that begins so as a formula; the wide forms count too, and what it trims away before them. */
const FORMULA = /^[\s\p{Cc}\p{Cf}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u

/** A quote mark in front makes such a cell text. */
export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
