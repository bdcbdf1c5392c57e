import type { Database, SqlValue } from './database.ts'
import { leafMember } from './schema.ts'
import type { SealedBody } from './sealed-body.ts'

/** What a leaf must say to be found; every value is compared whole and bound, so no character in it means anything. */
export interface LeafFilter {
  /** First moment, in the form that leaves carry. */
  readonly from?: string | undefined
  /** First moment that is no longer meant. */
  readonly to?: string | undefined
  readonly kind?: string | undefined
  readonly client?: string | undefined
  readonly model?: string | undefined
  readonly outcome?: string | undefined
  /** Decisions that were recorded before leaves said so are found by both answers; the caller looks into their records. */
  readonly alert?: 'yes' | 'no' | undefined
}

export interface StoredLeaf {
  readonly index: number
  readonly leaf: Uint8Array
  readonly hash: Uint8Array
}

/** Leaves from `first` up to but not including `end`. */
export interface LeafRange {
  readonly first: number
  readonly end: number
}

/** Reads for auditors. The log only grows, so a range below its size reads the same whenever it is read: no snapshot is held. */
export interface LeafSearch {
  /** The newest checkpoint; undefined for a database without a log. */
  newest(): { readonly size: number; readonly note: string } | undefined
  /** The first checkpoint that speaks for a leaf. */
  covering(index: number): { readonly size: number; readonly note: string } | undefined
  /** The part of a range in which a filter can find anything. */
  narrow(range: LeafRange, filter: LeafFilter): LeafRange
  /** Found leaves of a range, in its order; only `among` these indexes, where they are given. */
  find(range: LeafRange, filter: LeafFilter, among?: readonly number[]): StoredLeaf[]
  /** Indexes of the leaves with a record of a subject, in order. */
  recordsOf(pseudonym: string): number[]
  /** Indexes of the leaves that speak of a decision about a subject (its reads among them), in order. */
  mentionsOf(pseudonym: string): number[]
  at(index: number): (StoredLeaf & { readonly chain: Uint8Array }) | undefined
  body(index: number): SealedBody | undefined
  /** A record by its own id. */
  bodyById(id: string): (SealedBody & { readonly index: number }) | undefined
  /** Records about another one (feedback on a decision), oldest first. */
  bodiesAbout(id: string): (SealedBody & { readonly index: number })[]
  /** Some decision of a subject; undefined when nothing was decided about it. */
  decisionOf(pseudonym: string): string | undefined
  /** Leaves of exports in a range. */
  exports(range: LeafRange): StoredLeaf[]
}

const LEAF = 'idx AS "index", leaf, hash'
const BODY = 'idx AS "index", id, subject, about, nonce, sealed'
const MAX_ABOUT = 256

const equalMembers = ['kind', 'model', 'outcome'] as const
/** How the leaves of a person at the box begin; what changed models on their word has the bare name, as `by`. */
const LOCAL = 'local:'

export function createLeafSearch(database: Database): LeafSearch {
  const newest = database.prepare<{ size: number; note: string }>(
    'SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1',
  )
  const covering = database.prepare<{ size: number; note: string }>(
    'SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1',
  )
  const at = database.prepare<StoredLeaf & { chain: Uint8Array }>(`SELECT ${LEAF}, chain FROM leaves WHERE idx = ?`)
  const body = database.prepare<SealedBody>(`SELECT ${BODY} FROM bodies WHERE idx = ?`)
  const bodyById = database.prepare<SealedBody & { index: number }>(`SELECT ${BODY} FROM bodies WHERE id = ?`)
  const about = database.prepare<SealedBody & { index: number }>(
    `SELECT ${BODY} FROM bodies WHERE about = ? ORDER BY idx LIMIT ${MAX_ABOUT}`,
  )
  const decision = database.prepare<{ id: string }>(
    'SELECT id FROM bodies WHERE subject = ? AND about IS NULL ORDER BY idx LIMIT 1',
  )
  const records = database.prepare<{ idx: number }>('SELECT idx FROM bodies WHERE subject = ? ORDER BY idx')
  // A cross join keeps its order: from the few records of one subject to the index of what speaks of them.
  const mentions = database.prepare<{ idx: number }>(
    `SELECT l.idx AS idx FROM bodies b CROSS JOIN leaves l ON ${leafMember('decision')} = b.id WHERE b.subject = ? ORDER BY l.idx`,
  )
  const exports = database.prepare<StoredLeaf>(
    `SELECT ${LEAF} FROM leaves WHERE ${leafMember('kind')} = 'exported' AND idx >= ? AND idx < ? ORDER BY idx`,
  )
  return {
    newest: () => newest.get(),
    covering: (index) => covering.get(index),
    narrow: (range, filter) => narrow(database, range, filter),
    find: (range, filter, among) => find(database, range, filter, among),
    recordsOf: (pseudonym) => records.all(pseudonym).map(({ idx }) => idx),
    mentionsOf: (pseudonym) => mentions.all(pseudonym).map(({ idx }) => idx),
    at: (index) => at.get(index),
    body: (index) => body.get(index),
    bodyById: (id) => bodyById.get(id),
    bodiesAbout: (id) => about.all(id),
    decisionOf: (pseudonym) => decision.get(pseudonym)?.id,
    exports: ({ first, end }) => exports.all(first, end),
  }
}

/** The clock may have been set back, so the leaves between the first and the last are asked for their moment all the same. */
function narrow(database: Database, { first, end }: LeafRange, { from, to }: LeafFilter): LeafRange {
  if (from === undefined && to === undefined) return { first, end }
  const moment = leafMember('at')
  const row = database
    .prepare<{ low: number | null; high: number | null }>(
      `SELECT min(idx) AS low, max(idx) AS high FROM leaves WHERE ${moment} >= ? AND ${moment} < ?`,
    )
    .get(from ?? '', to ?? '\u{10ffff}')
  if (row === undefined || row.low === null || row.high === null) return { first: end, end }
  return { first: Math.max(first, row.low), end: Math.min(end, row.high + 1) }
}

function find(
  database: Database,
  range: LeafRange,
  filter: LeafFilter,
  among: readonly number[] | undefined,
): StoredLeaf[] {
  const terms = ['idx >= ?', 'idx < ?']
  const values: SqlValue[] = [range.first, range.end]
  const add = (term: string, bound: SqlValue) => {
    terms.push(term)
    values.push(bound)
  }
  // The plus keeps the index on moments out of it: its order is not that of the log.
  if (filter.from !== undefined) add(`+(${leafMember('at')}) >= ?`, filter.from)
  if (filter.to !== undefined) add(`+(${leafMember('at')}) < ?`, filter.to)
  if (filter.client?.startsWith(LOCAL)) {
    add(`(${leafMember('client')} = ? OR ${leafMember('by')} IN (?, ?))`, filter.client)
    values.push(filter.client, filter.client.slice(LOCAL.length))
  } else if (filter.client !== undefined) add(`${leafMember('client')} = ?`, filter.client)
  for (const name of equalMembers) {
    const wanted = filter[name]
    if (wanted !== undefined) add(`${leafMember(name)} = ?`, wanted)
  }
  if (filter.alert !== undefined) {
    const alert = leafMember('alert')
    add(`${leafMember('kind')} = 'decision' AND (${alert} = ? OR ${alert} IS NULL)`, filter.alert)
  }
  if (among !== undefined) add('idx IN (SELECT value FROM json_each(?))', JSON.stringify(among))
  const sql = `SELECT ${LEAF} FROM leaves WHERE ${terms.join(' AND ')} ORDER BY idx`
  return database.prepare<StoredLeaf>(sql).all(...values)
}
