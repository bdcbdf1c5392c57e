import { openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import type { Verifier } from '../../device/crypto/signing.ts'
import type { Database } from '../storage/database.ts'
import { AuditError } from './errors.ts'
import { parseLeaf } from './leaf.ts'
import { CHAIN_START, chainHash, emptyFrontier, type Frontier, leafHash, parseFrontier, rootOf } from './tree.ts'

/** Where the log ends: all that is needed to append. */
export interface LogHead {
  readonly frontier: Frontier
  readonly chain: Uint8Array
}

export interface HeadRow {
  readonly size: number
  readonly frontier: Uint8Array
  readonly chain: Uint8Array
}

export interface LeafRow {
  readonly idx: number
  readonly leaf: Uint8Array
  readonly hash: Uint8Array
  readonly chain: Uint8Array
}

/** How many of the last leaves are recomputed at start; the whole log is for `wardstone audit verify`. */
const RECENT_LEAVES = 256

/** The state as last committed; the empty state when there is none. */
export function readHead(database: Database): LogHead {
  const row = database.prepare<HeadRow>('SELECT size, frontier, chain FROM head').get()
  if (row === undefined) return { frontier: emptyFrontier, chain: CHAIN_START }
  return { frontier: parseFrontier(row.frontier, row.size), chain: row.chain }
}

/** @throws AuditError audit_log_foreign when the database holds another log; returns false when it holds none. */
export function verifyIdentity(database: Database, origin: string, keyId: string): boolean {
  const row = database.prepare<{ origin: string; key: string }>('SELECT origin, key FROM log').get()
  if (row !== undefined && (row.origin !== origin || row.key !== keyId)) throw new AuditError('audit_log_foreign')
  return row !== undefined
}

/**
 * Checks at start, in bounded time, that the end of the log is what was last signed: the head agrees with the last
 * checkpoint and its signature, and the last leaves with their hashes and the chain.
 * @throws AuditError audit_log_damaged | audit_log_foreign
 */
export async function openHead(database: Database, verifier: Verifier, origin: string): Promise<LogHead> {
  const isThere = verifyIdentity(database, origin, verifier.keyId)
  const head = readHead(database)
  const leaves = database
    .prepare<LeafRow>(`SELECT idx, leaf, hash, chain FROM leaves ORDER BY idx DESC LIMIT ${RECENT_LEAVES + 1}`)
    .all()
  const last = database
    .prepare<{ size: number; note: string }>('SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1')
    .get()
  const size = head.frontier.size
  if (!isThere && leaves.length === 0 && last === undefined && size === 0) return head
  if (last === undefined || last.size !== size) throw new AuditError('audit_log_damaged')
  const checkpoint = await openLast(last.note, verifier, origin)
  if (checkpoint.size !== size || !Buffer.from(rootOf(head.frontier)).equals(checkpoint.root))
    throw new AuditError('audit_log_damaged')
  verifyRecent(leaves.reverse(), head)
  return head
}

async function openLast(note: string, verifier: Verifier, origin: string) {
  try {
    return await openCheckpoint(note, verifier, origin)
  } catch (cause) {
    throw new AuditError('audit_log_damaged', { cause })
  }
}

/** The first of the rows only lends its chain value, unless it is the first of the log. */
function verifyRecent(rows: readonly LeafRow[], head: LogHead): void {
  let index = head.frontier.size - rows.length
  let chain: Uint8Array = CHAIN_START
  for (const [place, row] of rows.entries()) {
    if (place > 0 || index === 0) {
      const expected = chainHash(chain, row.hash)
      if (!leafHash(row.leaf).equals(row.hash) || !expected.equals(row.chain) || sequence(row.leaf) !== index)
        throw new AuditError('audit_log_damaged')
    }
    if (row.idx !== index) throw new AuditError('audit_log_damaged')
    chain = row.chain
    index += 1
  }
  if (index !== head.frontier.size || !Buffer.from(chain).equals(head.chain)) throw new AuditError('audit_log_damaged')
}

function sequence(leaf: Uint8Array): number | undefined {
  try {
    return parseLeaf(leaf).seq
  } catch {
    return undefined
  }
}
