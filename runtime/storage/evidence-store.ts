import type { JsonObject } from '../../device/platform/canonical-json.ts'
import type { Database } from './database.ts'
import { StorageError } from './errors.ts'
import { openBody, type SealedBody } from './sealed-body.ts'
import type { SubjectKeys } from './subjects.ts'

/** Where a record stands in the log. */
export interface StoredPosition {
  readonly origin: string
  readonly leafIndex: number
  /** SHA-256(0x00 ‖ leaf), lowercase hex. */
  readonly leafHash: string
}

export interface StoredBody {
  readonly content: JsonObject
  readonly position: StoredPosition
}

/** Reads of the evidence database. */
export interface EvidenceStore {
  /** A decision or a feedback by its id. @throws StorageError storage_body_damaged */
  readBody(id: string): StoredBody | undefined
  /** Feedback on a decision, oldest first, at most 256 entries. @throws StorageError storage_body_damaged */
  feedbackOf(decisionId: string): StoredBody[]
  /** The highest release counter that went live for a model, with its package. */
  floor(modelId: string): { readonly releaseCounter: number; readonly packageHash: string } | undefined
  /** Did exactly this package go live here before? */
  wasActivated(packageHash: string): boolean
  /** Rows that wait for egress. */
  outboxSize(): number
}

interface BodyRow extends SealedBody {
  readonly idx: number
  readonly hash: Uint8Array
}

const BODY_COLUMNS = 'b.idx, b.id, b.subject, b.about, b.nonce, b.sealed, l.hash'
const BODIES = `SELECT ${BODY_COLUMNS} FROM bodies b JOIN leaves l ON l.idx = b.idx`
const MAX_FEEDBACK = 256

export function createEvidenceStore(database: Database, keys: SubjectKeys, origin: string): EvidenceStore {
  const byId = database.prepare<BodyRow>(`${BODIES} WHERE b.id = ?`)
  const byAbout = database.prepare<BodyRow>(`${BODIES} WHERE b.about = ? ORDER BY b.idx LIMIT ${MAX_FEEDBACK}`)
  const floor = database.prepare<{ releaseCounter: number; packageHash: string }>(
    `SELECT release_counter AS releaseCounter, package_hash AS packageHash FROM activations
     WHERE model_id = ? ORDER BY release_counter DESC, idx DESC LIMIT 1`,
  )
  const activated = database.prepare<{ idx: number }>('SELECT idx FROM activations WHERE package_hash = ? LIMIT 1')
  const waiting = database.prepare<{ count: number }>('SELECT count(*) AS count FROM outbox')
  const open = (row: BodyRow): StoredBody => {
    const key = keys.keyOf(row.subject)
    if (key === undefined) throw new StorageError('storage_body_damaged')
    const leafHash = Buffer.from(row.hash).toString('hex')
    return { content: openBody(row, key).body.content, position: { origin, leafIndex: row.idx, leafHash } }
  }
  return {
    readBody: (id) => {
      const row = byId.get(id)
      return row === undefined ? undefined : open(row)
    },
    feedbackOf: (decisionId) => byAbout.all(decisionId).map(open),
    floor: (modelId) => floor.get(modelId),
    wasActivated: (packageHash) => activated.get(packageHash) !== undefined,
    outboxSize: () => waiting.get()?.count ?? 0,
  }
}
