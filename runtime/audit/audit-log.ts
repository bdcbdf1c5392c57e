import { type Checkpoint, openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import type { Verifier } from '../../device/crypto/signing.ts'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { bodyInFull } from '../storage/body-file.ts'
import { type Database, openDatabase } from '../storage/database.ts'
import { StorageError } from '../storage/errors.ts'
import { createLeafSearch, type LeafSearch, type StoredLeaf } from '../storage/leaf-search.ts'
import { openBody, type SealedBody } from '../storage/sealed-body.ts'
import { findPseudonym, openSubjectKeys, verifySubjectKey } from '../storage/subjects.ts'
import { AuditError } from './errors.ts'
import { type Leaf, parseLeaf } from './leaf.ts'
import { verifyIdentity } from './log-head.ts'
import { leafHash } from './tree.ts'

/** Where the log of a site lies; the command-line entry resolves it from the site's configuration. */
export interface AuditSite {
  readonly databasePath: string
  readonly databaseKeyPath: string
  readonly subjectsKeyPath: string
  readonly logKeyPath: string
  readonly logPublicKeyPath: string
  readonly origin: string
  /** The checkpoint that the runtime keeps outside the database, where it does; --checkpoint comes before it. */
  readonly keptCheckpointPath?: string | undefined
  /** Where the runtime takes the evidence of audit commands. */
  readonly channelPath: string
}

export interface AuditTools {
  readonly readFile: (path: string) => Uint8Array
  readonly loadVerifier: (publicPem: string) => Promise<Verifier>
}

/** A leaf as an auditor gets it: its bytes hash to `hash`, or it is not given out. */
export interface FoundLeaf {
  readonly index: number
  readonly leaf: Leaf
  /** Its bytes: canonical JSON. */
  readonly text: string
  /** SHA-256(0x00 ‖ leaf), lowercase hex. */
  readonly hash: string
}

/** A record that its leaf committed to; SHA-256(0x03 ‖ salt ‖ canonical JSON of `record`) is the leaf's `body`. */
export interface OpenedRecord {
  readonly record: JsonObject
  /** 64 hex digits. */
  readonly salt: string
}

/** The log as it stood at its newest checkpoint, opened for reading beside a runtime that may write on. */
export interface AuditLog {
  readonly search: LeafSearch
  readonly checkpoint: Checkpoint
  /** The checkpoint as its signed note. */
  readonly note: string
  pseudonymOf(identifier: string): string | undefined
  /** @throws AuditError audit_log_damaged for a leaf that is not what its hash says */
  check(stored: StoredLeaf): FoundLeaf
  /** The note of the first checkpoint that speaks for a leaf. @throws AuditError audit_log_damaged when the log did not sign it */
  noteFor(index: number): Promise<string>
  /** Does a leaf with this hash stand at this place now, also behind the checkpoint? */
  holds(index: number, hash: string): boolean
  /** @returns undefined when the subject was erased. @throws AuditError audit_log_damaged, StorageError storage_body_damaged */
  open(body: SealedBody, committed: Leaf): OpenedRecord | undefined
  close(): void
}

/**
 * @throws StorageError, AuditError audit_log_foreign | audit_log_empty | audit_log_damaged, CheckpointError: the log
 * cannot be read, or is not the one of this site
 */
export async function openAuditLog(site: AuditSite, tools: AuditTools): Promise<AuditLog> {
  const text = (path: string) => Buffer.from(tools.readFile(path)).toString('utf8')
  const verifier = await tools.loadVerifier(text(site.logPublicKeyPath))
  const subjectKey = tools.readFile(site.subjectsKeyPath)
  const database = openDatabase({ path: site.databasePath, key: tools.readFile(site.databaseKeyPath), readonly: true })
  try {
    if (!verifyIdentity(database, site.origin, verifier.keyId)) throw new AuditError('audit_log_empty')
    verifySubjectKey(database, subjectKey, false)
    const search = createLeafSearch(database)
    const newest = search.newest()
    if (newest === undefined) throw new AuditError('audit_log_damaged')
    const checkpoint = await openCheckpoint(newest.note, verifier, site.origin)
    if (checkpoint.size !== newest.size) throw new AuditError('audit_log_damaged')
    const isSigned = async ({ size, note }: { size: number; note: string }) =>
      (await openCheckpoint(note, verifier, site.origin)).size === size
    return describeLog(database, search, subjectKey, { checkpoint, note: newest.note }, isSigned)
  } catch (error) {
    database.close()
    throw error
  }
}

function describeLog(
  database: Database,
  search: LeafSearch,
  subjectKey: Uint8Array,
  signed: Pick<AuditLog, 'checkpoint' | 'note'>,
  isSigned: (row: { size: number; note: string }) => Promise<boolean>,
): AuditLog {
  const keys = openSubjectKeys(database, subjectKey)
  return {
    search,
    ...signed,
    pseudonymOf: (identifier) => findPseudonym(database, subjectKey, identifier),
    check: ({ index, leaf, hash }) => {
      const said = parseLeaf(leaf)
      if (said.seq !== index || !leafHash(leaf).equals(hash)) throw new AuditError('audit_log_damaged')
      return {
        index,
        leaf: said,
        text: Buffer.from(leaf).toString('utf8'),
        hash: Buffer.from(hash).toString('hex'),
      }
    },
    // Every checkpoint in the file can be written by whoever holds its key; what is shown as signed has been checked.
    noteFor: async (index) => {
      const row = search.covering(index)
      if (row === undefined || !(await isSigned(row).catch(() => false))) throw new AuditError('audit_log_damaged')
      return row.note
    },
    holds: (index, hash) => {
      const stored = search.at(index)
      return stored !== undefined && leafHash(stored.leaf).toString('hex') === hash
    },
    open: (sealed, committed) => {
      const key = keys.keyOf(sealed.subject)
      if (key === undefined) return undefined
      const whole = bodyInFull(sealed, database.path)
      if (whole === undefined) throw new StorageError('storage_body_damaged')
      const { body, commitment, salt } = openBody(whole, key)
      if (commitment !== committed.body) throw new AuditError('audit_log_damaged')
      const { id, subject, about, content } = body
      const record = { ...(about === undefined ? {} : { about }), content, id, subject }
      return { record, salt: Buffer.from(salt).toString('hex') }
    },
    close: () => database.close(),
  }
}
