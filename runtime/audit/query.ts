import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JsonObject, JsonValue } from '../../device/platform/canonical-json.ts'
import type { LeafFilter, LeafRange } from '../storage/leaf-search.ts'
import type { AuditLog, FoundLeaf } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import { type Selection, selectionSchema } from './selection.ts'

export interface Query {
  readonly selection: Selection
  /** Whose leaves alone are meant. */
  readonly pseudonym?: string | undefined
  /** The first index that is looked at. */
  readonly first: number
  readonly onProgress?: ((looked: number, total: number) => void) | undefined
  /** Looked at after each window: whether the answer is still wanted. */
  readonly interruption?: AbortSignal | undefined
}

/** Leaves looked at in one read: bounds the memory, and how long a read can hold back the write-ahead log. */
const WINDOW = 2048

/**
 * Found leaves in the order of the log, from `first` to the newest checkpoint; a window of the log in memory at a time.
 * @throws AuditCommandError audit_interrupted; AuditError audit_log_damaged
 */
export async function* findLeaves(log: AuditLog, query: Query): AsyncGenerator<FoundLeaf> {
  const { selection, pseudonym, first, onProgress, interruption } = query
  const whole = log.search.narrow({ first, end: log.checkpoint.size }, selection)
  const among = pseudonym === undefined ? undefined : concerning(log, pseudonym).sort((a, b) => a - b)
  let taken = 0
  for (let start = whole.first; start < whole.end; start += WINDOW) {
    const end = Math.min(start + WINDOW, whole.end)
    const from = taken
    while (among !== undefined && (among[taken] ?? end) < end) taken += 1
    const here = among?.slice(from, taken)
    if (here?.length !== 0) yield* inWindow(log, { first: start, end }, selection, here)
    onProgress?.(end - whole.first, whole.end - whole.first)
    // A signal is heard only between two turns.
    await nextTurn()
    if (interruption?.aborted === true) throw new AuditCommandError('audit_interrupted')
  }
}

function* inWindow(
  log: AuditLog,
  range: LeafRange,
  selection: Selection,
  among: readonly number[] | undefined,
): Generator<FoundLeaf> {
  for (const stored of log.search.find(range, selection, among)) {
    const found = log.check(stored)
    if (selection.alert === undefined || found.leaf.alert !== undefined) yield found
    else if (alertInRecord(log, found) === selection.alert) yield found
  }
}

/** Records of a subject, what speaks of them, and exports that carried them: all who can have seen the subject. */
function concerning(log: AuditLog, pseudonym: string): number[] {
  const records = log.search.recordsOf(pseudonym)
  return [...new Set([...records, ...log.search.mentionsOf(pseudonym), ...exportsCovering(log, records)])]
}

/** Leaves did not always say whether there was an alert; then the record does. Of an erased subject nobody can tell. */
function alertInRecord(log: AuditLog, { index, leaf }: FoundLeaf): 'yes' | 'no' | undefined {
  const sealed = log.search.body(index)
  const content = sealed === undefined ? undefined : log.open(sealed, leaf)?.record.content
  const alert = member(member(member(content, 'decision'), 'assessment'), 'alert')
  if (content === undefined) return undefined
  return alert === true ? 'yes' : 'no'
}

export function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as JsonObject)[name] : undefined
}

/**
 * Exports that carried some of these records without being about their subject alone. Their leaves say what was selected,
 * so the selection is asked again, among these.
 */
function exportsCovering(log: AuditLog, records: readonly number[]): number[] {
  const found: number[] = []
  for (const stored of log.search.exports({ first: 0, end: log.checkpoint.size })) {
    const { index, leaf } = log.check(stored)
    if (leaf.content !== 'records' || leaf.scope !== 'log' || typeof leaf.end !== 'number') continue
    const filter = selectionOf(leaf.selection)
    const range = log.search.narrow({ first: 0, end: Math.min(leaf.end, index) }, filter)
    if (log.search.find(range, filter, records).length > 0) found.push(index)
  }
  return found
}

/** A selection that cannot be read is taken for the widest: nobody is left out who may have seen the subject. */
function selectionOf(text: string | number | undefined): LeafFilter {
  try {
    return selectionSchema.parse(JSON.parse(String(text)))
  } catch {
    return {}
  }
}
