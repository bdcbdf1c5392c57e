import Sqlite from 'better-sqlite3'
import { signCheckpoint } from '../../../device/checkpoint/checkpoint.ts'
import type { Signer } from '../../../device/crypto/signing.ts'
import { canonicalBytes, parseCanonical } from '../../../device/platform/canonical-json.ts'
import { keyConnection } from '../../storage/cipher.ts'
import { appendLeaf, CHAIN_START, chainHash, emptyFrontier, encodeFrontier, leafHash, rootOf } from '../tree.ts'
import type { LogSite } from './ledger-fixture.ts'

export interface RawLeaf {
  idx: number
  leaf: Uint8Array
  hash: Uint8Array
  chain: Uint8Array
}

/** Somebody who holds the database key: the triggers are dropped, every row can be rewritten. */
export class Attacker {
  readonly connection: Sqlite.Database
  readonly #triggers: string[]

  constructor(site: LogSite) {
    this.connection = new Sqlite(site.path)
    keyConnection(this.connection, site.key)
    this.connection.pragma('foreign_keys=OFF')
    const triggers = this.connection
      .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
      .all()
    this.#triggers = triggers.map((trigger) => trigger.sql)
    for (const { name } of triggers) this.connection.exec(`DROP TRIGGER ${name}`)
  }

  run(sql: string, ...values: (string | number | Uint8Array | null)[]): void {
    this.connection.prepare(sql).run(...values)
  }

  leaves(): RawLeaf[] {
    return this.connection.prepare<[], RawLeaf>('SELECT idx, leaf, hash, chain FROM leaves ORDER BY idx').all()
  }

  leaf(idx: number): RawLeaf {
    return this.connection
      .prepare<[number], RawLeaf>('SELECT idx, leaf, hash, chain FROM leaves WHERE idx = ?')
      .get(idx)!
  }

  put(row: RawLeaf): void {
    this.run(
      'INSERT OR REPLACE INTO leaves (idx, leaf, hash, chain) VALUES (?, ?, ?, ?)',
      row.idx,
      row.leaf,
      row.hash,
      row.chain,
    )
  }

  /** Replaces all leaves by these, renumbered, in the given care. */
  rewrite(leaves: readonly Uint8Array[], care: { sequence: boolean; chain: boolean }): void {
    const before = this.leaves()
    let chain: Uint8Array = CHAIN_START
    let frontier = emptyFrontier
    this.run('DELETE FROM leaves')
    leaves.forEach((bytes, idx) => {
      const leaf = care.sequence ? withMember(bytes, 'seq', idx) : bytes
      const hash = leafHash(leaf)
      chain = care.chain
        ? chainHash(chain, hash)
        : (before.find((row) => leafHash(row.leaf).equals(hash))?.chain ?? chainHash(before[idx - 1]!.chain, hash))
      frontier = appendLeaf(frontier, hash)
      this.put({ idx, leaf, hash, chain })
    })
    if (care.chain)
      this.run('UPDATE head SET size = ?, frontier = ?, chain = ?', leaves.length, encodeFrontier(frontier), chain)
  }

  /** Signs checkpoints anew for the leaves as they now stand, with a key of the attacker's own. */
  async resign(site: LogSite, signer: Signer, publicKey: Uint8Array, from = 0): Promise<void> {
    let frontier = emptyFrontier
    for (const row of this.leaves()) {
      frontier = appendLeaf(frontier, row.hash)
      const size = frontier.size
      if (size <= from) continue
      const note = await signCheckpoint({ origin: site.origin, size, root: rootOf(frontier) }, signer, publicKey)
      this.run('INSERT OR REPLACE INTO checkpoints (size, note) VALUES (?, ?)', size, note)
    }
    this.run('DELETE FROM checkpoints WHERE size > ?', frontier.size)
  }

  /** Puts the triggers back, as somebody would who hopes to go unseen. */
  leave(): void {
    for (const sql of this.#triggers) this.connection.exec(sql)
    this.connection.close()
  }
}

export function withMember(leaf: Uint8Array, name: string, value: string | number): Uint8Array {
  const members = parseCanonical(leaf)
  return canonicalBytes(typeof members === 'object' && !Array.isArray(members) ? { ...members, [name]: value } : {})
}
