import type { Database } from './database.ts'
import { RowRefused } from './errors.ts'
import type { SealedBody } from './sealed-body.ts'
import { isConstraint } from './sqlite-errors.ts'
import type { Subject, SubjectRegister } from './subjects.ts'

/** All rows of one event. */
export interface EvidenceRows {
  readonly leaf: {
    readonly index: number
    readonly bytes: Uint8Array
    readonly hash: Uint8Array
    readonly chain: Uint8Array
  }
  readonly body?: { readonly subject: Subject; readonly row: SealedBody } | undefined
  /** Canonical JSON of the narrowed record. */
  readonly outbound?: string | undefined
  readonly activation?: StoredActivation | undefined
  /** Version of the image targets that the event was decided by. */
  readonly imageVersion?: number | undefined
}

export interface StoredActivation {
  readonly slot: string
  readonly modelId: string
  readonly version: string
  readonly packageHash: string
  readonly releaseCounter: number
  /** Which change of the slot this was; 128 bits, lowercase hex. */
  readonly event?: string | undefined
  readonly change?: 'activate' | 'rollback' | undefined
}

/** State of the log after a batch, with the signed checkpoint of exactly this state. */
export interface StoredHead {
  readonly size: number
  readonly frontier: Uint8Array
  readonly chain: Uint8Array
  readonly note: string
}

export interface LogIdentity {
  readonly origin: string
  /** Key id of the log's signing key. */
  readonly key: string
}

export interface EvidenceWriter {
  /**
   * Writes a batch with its checkpoint in one transaction and returns after the fsync.
   * @throws RowRefused naming the event at fault; StorageError storage_full | storage_failed. Nothing was kept then.
   */
  write(batch: readonly EvidenceRows[], head: StoredHead, identity: LogIdentity): void
}

/** @param database a writer's connection */
export function createEvidenceWriter(database: Database, subjects: SubjectRegister): EvidenceWriter {
  const writeRows = rowWriter(database, subjects)
  const writeLog = database.prepare('INSERT INTO log (id, origin, key) VALUES (1, ?, ?)')
  const writeNote = database.prepare('INSERT INTO checkpoints (size, note) VALUES (?, ?)')
  const writeHead = database.prepare(
    `INSERT INTO head (id, size, frontier, chain) VALUES (1, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET size = excluded.size, frontier = excluded.frontier, chain = excluded.chain`,
  )
  return {
    write: (batch, head, identity) => {
      database.transact(() => {
        if (batch[0]?.leaf.index === 0) writeLog.run(identity.origin, identity.key)
        batch.forEach((rows, place) => {
          try {
            writeRows(rows)
          } catch (cause) {
            throw isConstraint(cause) ? new RowRefused(place, { cause }) : cause
          }
        })
        writeNote.run(head.size, head.note)
        writeHead.run(head.size, head.frontier, head.chain)
      })
      subjects.confirm(batch.flatMap((rows) => (rows.body === undefined ? [] : [rows.body.subject])))
    },
  }
}

function rowWriter(database: Database, subjects: SubjectRegister): (rows: EvidenceRows) => void {
  const leaves = database.prepare('INSERT INTO leaves (idx, leaf, hash, chain) VALUES (?, ?, ?, ?)')
  const bodies = database.prepare(
    'INSERT INTO bodies (idx, id, subject, about, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const outbox = database.prepare('INSERT INTO outbox (record) VALUES (?)')
  const activations = database.prepare(
    `INSERT INTO activations (idx, slot, model_id, version, package_hash, release_counter, event, change)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const imageVersions = database.prepare('INSERT INTO image_versions (idx, version) VALUES (?, ?)')
  return ({ leaf, body, outbound, activation, imageVersion }) => {
    leaves.run(leaf.index, leaf.bytes, leaf.hash, leaf.chain)
    if (body !== undefined) {
      subjects.store(body.subject)
      const { id, subject, about, nonce, sealed } = body.row
      bodies.run(leaf.index, id, subject, about, nonce, sealed)
    }
    if (outbound !== undefined) outbox.run(outbound)
    if (imageVersion !== undefined) imageVersions.run(leaf.index, imageVersion)
    if (activation === undefined) return
    const { slot, modelId, version, packageHash, releaseCounter, event = null, change = null } = activation
    activations.run(leaf.index, slot, modelId, version, packageHash, releaseCounter, event, change)
  }
}
