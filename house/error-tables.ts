import { basename, join } from 'node:path'
import { isTestFile, listFiles, root } from './source-tree.ts'

/** One code as a room's table has it. */
export interface TableEntry {
  readonly code: string
  readonly message: string
  /** The file of the table. */
  readonly path: string
}

/** Every code of every `errors.ts` and `*-errors.ts`; the tables are read by loading them, so they are what runs. */
export async function readErrorTables(folders: readonly string[]): Promise<TableEntry[]> {
  const paths = folders
    .flatMap((folder) => listFiles(folder))
    .filter((path) => /^(.*-)?errors\.ts$/.test(basename(path)) && !isTestFile(path))
  const entries = await Promise.all(
    paths.map(async (path) => {
      const exported: Record<string, unknown> = await import(join(root, path))
      return Object.values(exported)
        .filter(isTable)
        .flatMap((table) => toEntries(table, path))
    }),
  )
  return entries.flat()
}

function isTable(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const members = Object.entries(value)
  return (
    members.length > 0 &&
    members.every(([code, message]) => /^[a-z][a-z0-9_]*$/.test(code) && typeof message === 'string')
  )
}

function toEntries(table: Record<string, string>, path: string): TableEntry[] {
  return Object.entries(table).map(([code, message]) => ({ code, message, path }))
}

/** A row of docs/errors.md: `| code | HTTP | what happened | what to do |`. */
export interface ErrorRow {
  readonly code: string
  readonly status: string
  readonly happened: string
  readonly todo: string
}

export function parseErrorRows(markdown: string): ErrorRow[] {
  return markdown.split('\n').flatMap((line) => {
    const [, code, status, happened, todo] = /^\| `([a-z0-9_]+)` *\|([^|]*)\|([^|]*)\|([^|]*)\|$/.exec(line) ?? []
    if (code === undefined) return []
    return [{ code, status: (status ?? '').trim(), happened: (happened ?? '').trim(), todo: (todo ?? '').trim() }]
  })
}
