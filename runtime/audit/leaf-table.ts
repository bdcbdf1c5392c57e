import type { FoundLeaf } from './audit-log.ts'
import type { Leaf } from './leaf.ts'

const columns: readonly (readonly [title: string, width: number, cell: (found: FoundLeaf) => string])[] = [
  ['leaf', 9, ({ index }) => String(index)],
  ['at (UTC)', 24, ({ leaf }) => leaf.at],
  ['kind', 15, ({ leaf }) => leaf.kind],
  ['who', 24, ({ leaf }) => word(leaf.client ?? leaf.by)],
  ['role', 14, ({ leaf }) => word(leaf.role)],
  ['what', 36, ({ leaf }) => what(leaf)],
  ['decision', 36, ({ leaf }) => word(decisionOf(leaf))],
]

export const TABLE_HEAD = `${row(columns.map(([title]) => title))}\n`

/** One line for a terminal. */
export function tableRow(found: FoundLeaf): string {
  return `${row(columns.map(([, , cell]) => cell(found)))}\n`
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, place) => safeForTerminal(cell).padEnd(columns[place]?.[1] ?? 0))
    .join('  ')
    .trimEnd()
}

/** The decision that a leaf is, or is about. */
export function decisionOf(leaf: Leaf): string | number | undefined {
  return leaf.decision ?? (leaf.kind === 'decision' ? leaf.id : undefined)
}

function what(leaf: Leaf): string {
  if (leaf.kind === 'decision')
    return [leaf.model, leaf.outcome, leaf.alert === 'yes' ? 'ALERT' : ''].map(word).join(' ')
  if (leaf.kind === 'exported')
    return `${word(leaf.leaves)} leaves, ${word(leaf.records)} records as ${word(leaf.format)}`
  const said = [
    leaf.verdict,
    leaf.change,
    leaf.slot === leaf.modelId ? undefined : leaf.slot,
    leaf.modelId,
    leaf.version,
    leaf.code,
    leaf.route,
    leaf.scope,
    leaf.count,
  ]
  return said.filter((part) => part !== undefined).join(' ')
}

function word(value: string | number | undefined): string {
  return value === undefined ? '' : String(value)
}

/** Escape sequences, reversed text and line breaks do nothing to the reader's screen. */
export function safeForTerminal(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
