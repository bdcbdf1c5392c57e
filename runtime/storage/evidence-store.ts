import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { bodyInFull } from './body-file.ts'
import type { Database } from './database.ts'
import { StorageError } from './errors.ts'
import { leafMember } from './schema.ts'
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

/** What went live in a slot, as its leaf says too. */
export interface PastActivation {
  readonly slot: string
  readonly packageHash: string
  /** Null for one of a release that knew no changes. */
  readonly event: string | null
  readonly change: 'activate' | 'rollback' | null
}

/** What has run on this device, and what was refused. The log's leaves say the same; the verifier compares the two. */
export interface ActivationHistory {
  /** The highest release counter that went live for a model, with its package. */
  floor(modelId: string): { readonly releaseCounter: number; readonly packageHash: string } | undefined
  /** Did exactly this package go live here before? */
  wasActivated(packageHash: string): boolean
  /** What the slot runs: its newest activation. */
  newestActivation(slot: string): PastActivation | undefined
  /** The package that was live in the slot directly before the one that is. */
  packageBefore(slot: string): string | undefined
  /** The activation that a change led to; undefined when it never took effect. */
  activationOf(event: string): PastActivation | undefined
  /** Every slot in which a model ever went live. */
  activatedSlots(): string[]
  /** Highest version of the image targets that anything was decided by; 0 when none. */
  imageVersion(): number
  /** Does a `package-refused` leaf carry this event? */
  isRefusalRecorded(event: string): boolean
}

/** What a model last said of a subject. */
export interface PastAlert {
  readonly alert: boolean
  /** RFC 3339. */
  readonly at: string
}

/** Reads of the evidence database. */
export interface EvidenceStore extends ActivationHistory {
  /** A decision or a feedback by its id. @throws StorageError storage_body_damaged */
  readBody(id: string): StoredBody | undefined
  /** Feedback on a decision, oldest first, at most 256 entries. @throws StorageError storage_body_damaged */
  feedbackOf(decisionId: string): StoredBody[]
  /**
   * The newest of a subject's scored decisions by a model: of its last 2,048 decisions by any, so that a subject with a long
   * history costs no more than one with a short one.
   */
  lastAlert(pseudonym: string, modelId: string): PastAlert | undefined
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
const LAST_ALERT = `SELECT at, alert FROM (
    SELECT b.idx, ${(['at', 'kind', 'model', 'outcome', 'alert'] as const).map((name) => `${leafMember(name)} AS ${name}`).join(', ')}
    FROM bodies b JOIN leaves l ON l.idx = b.idx WHERE b.subject = ? AND b.about IS NULL ORDER BY b.idx DESC LIMIT 2048)
  WHERE model = ? AND kind = 'decision' AND outcome = 'scored' ORDER BY idx DESC LIMIT 1`

export function createEvidenceStore(database: Database, keys: SubjectKeys, origin: string): EvidenceStore {
  const byId = database.prepare<BodyRow>(`${BODIES} WHERE b.id = ?`)
  const byAbout = database.prepare<BodyRow>(`${BODIES} WHERE b.about = ? ORDER BY b.idx LIMIT ${MAX_FEEDBACK}`)
  const lastAlert = database.prepare<{ at: string; alert: string }>(LAST_ALERT)
  const waiting = database.prepare<{ count: number }>('SELECT count(*) AS count FROM outbox')
  const open = (row: BodyRow): StoredBody => {
    const key = keys.keyOf(row.subject)
    const whole = bodyInFull(row, database.path)
    if (key === undefined || whole === undefined) throw new StorageError('storage_body_damaged')
    const leafHash = Buffer.from(row.hash).toString('hex')
    return { content: openBody(whole, key).body.content, position: { origin, leafIndex: row.idx, leafHash } }
  }
  return {
    readBody: (id) => {
      const row = byId.get(id)
      return row === undefined ? undefined : open(row)
    },
    feedbackOf: (decisionId) => byAbout.all(decisionId).map(open),
    lastAlert: (pseudonym, modelId) => {
      const row = lastAlert.get(pseudonym, modelId)
      return row === undefined ? undefined : { alert: row.alert === 'yes', at: row.at }
    },
    outboxSize: () => waiting.get()?.count ?? 0,
    ...activationHistory(database),
  }
}

function activationHistory(database: Database): ActivationHistory {
  const floor = database.prepare<{ releaseCounter: number; packageHash: string }>(
    `SELECT release_counter AS releaseCounter, package_hash AS packageHash FROM activations
     WHERE model_id = ? ORDER BY release_counter DESC, idx DESC LIMIT 1`,
  )
  const activated = database.prepare<{ idx: number }>('SELECT idx FROM activations WHERE package_hash = ? LIMIT 1')
  const past = 'SELECT slot, package_hash AS packageHash, event, change FROM activations'
  const newest = database.prepare<PastActivation>(`${past} WHERE slot = ? ORDER BY idx DESC LIMIT 1`)
  const before = database.prepare<PastActivation>(
    `${past} WHERE slot = ? AND package_hash <> ? ORDER BY idx DESC LIMIT 1`,
  )
  const byEvent = database.prepare<PastActivation>(`${past} WHERE event = ?`)
  const slots = database.prepare<{ slot: string }>('SELECT DISTINCT slot FROM activations ORDER BY slot')
  const image = database.prepare<{ version: number | null }>('SELECT max(version) AS version FROM image_versions')
  const refusal = database.prepare<{ idx: number }>(
    `SELECT idx FROM leaves WHERE ${leafMember('event')} = ? AND ${leafMember('kind')} = 'package-refused' LIMIT 1`,
  )
  return {
    floor: (modelId) => floor.get(modelId),
    wasActivated: (packageHash) => activated.get(packageHash) !== undefined,
    newestActivation: (slot) => newest.get(slot),
    packageBefore: (slot) => {
      const now = newest.get(slot)
      return now === undefined ? undefined : before.get(slot, now.packageHash)?.packageHash
    },
    activationOf: (event) => byEvent.get(event),
    activatedSlots: () => slots.all().map(({ slot }) => slot),
    imageVersion: () => image.get()?.version ?? 0,
    isRefusalRecorded: (event) => refusal.get(event) !== undefined,
  }
}
