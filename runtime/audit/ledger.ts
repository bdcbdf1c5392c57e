import { type Checkpoint, signCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import { verifyKeyName } from '../../device/checkpoint/signed-note.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import type { Signer, Verifier } from '../../device/crypto/signing.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { type BodyFile, createBodyFile, LARGE_BODY_BYTES } from '../storage/body-file.ts'
import type { Database } from '../storage/database.ts'
import { RowRefused, StorageError } from '../storage/errors.ts'
import { createEvidenceStore, type EvidenceStore } from '../storage/evidence-store.ts'
import { createEvidenceWriter, type EvidenceRows, type EvidenceWriter } from '../storage/evidence-writer.ts'
import { asStorageError } from '../storage/sqlite-errors.ts'
import { openSubjects, type SubjectRegister, type Subjects } from '../storage/subjects.ts'
import { type Entry, prepareEntry } from './entry.ts'
import { AuditError } from './errors.ts'
import { createKeptCheckpoint, type KeptCheckpoint, verifyKeptCheckpoint } from './kept-checkpoint.ts'
import { encodeLeaf } from './leaf.ts'
import { type LogHead, openHead, readHead } from './log-head.ts'
import { appendLeaf, chainHash, encodeFrontier, leafHash, rootOf } from './tree.ts'
import type { AuditPosition, Evidence, Ledger } from './types.ts'
import { createWalKeeper, type WalKeeper } from './wal-keeper.ts'

export interface LedgerOptions {
  readonly database: Database
  /** Key-encryption key of the subjects, 256 bits. */
  readonly subjectKey: Uint8Array
  readonly signer: Signer
  /** Public half of the same key. */
  readonly verifier: Verifier
  /** Name of the log, as its checkpoints carry it: a URL without scheme, spaces or plus. */
  readonly origin: string
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  readonly maxQueue?: number
  /** Where the newest checkpoint is kept outside the database. */
  readonly keptCheckpoint?: string | undefined
}

export interface LedgerHandle extends Ledger {
  readonly subjects: Subjects
  readonly store: EvidenceStore
  /** Durable leaves. */
  position(): { readonly size: number }
  /** Writes what waits, empties the write-ahead log, overwrites the keys in memory and closes the database. */
  close(): Promise<void>
}

const MAX_BATCH_EVENTS = 256
const MAX_BATCH_BYTES = 8_388_608
const MAX_QUEUE = 4096
const BUSY_RETRY_MS = 200

interface Waiting {
  readonly entry: Entry
  readonly resolve: (position: AuditPosition) => void
  readonly reject: (error: Error) => void
}

/**
 * Opens the log at its end, after checking that the end is what was last signed; a new log gets its first leaf.
 * @throws AuditError audit_log_damaged | audit_log_foreign, StorageError storage_key_wrong | storage_full | storage_failed
 */
export async function openLedger(options: LedgerOptions): Promise<LedgerHandle> {
  const { database, signer, verifier, origin } = options
  verifyKeyName(origin)
  if (signer.keyId !== verifier.keyId) throw new AuditError('audit_log_foreign')
  const { keptCheckpoint } = options
  const before =
    keptCheckpoint === undefined ? undefined : await verifyKeptCheckpoint(keptCheckpoint, database, verifier, origin)
  const head = await openHead(database, verifier, origin)
  const subjects = openSubjects(database, options.subjectKey, options.randomness)
  const ledger = new GroupLedger(options, head, subjects)
  if (head.frontier.size === 0)
    await ledger.commit({ leaf: { ...firstLeaf(origin, verifier), ...predecessor(before) } })
  return ledger
}

const firstLeaf = (origin: string, { keyId }: Verifier) => ({ kind: 'log-opened' as const, origin, key: keyId })

/** A log that follows another names where that one was last known to be. */
function predecessor(before: Checkpoint | undefined): Record<string, string | number> {
  if (before === undefined) return {}
  const { origin, size, root } = before
  return { previousOrigin: origin, previousSize: size, previousRoot: Buffer.from(root).toString('hex') }
}

/**
 * Group commit. Events that arrive while a batch is being signed and synced form the next batch, so the cost of one fsync
 * and one signature is shared by all that wait. State in memory moves only after COMMIT.
 */
class GroupLedger implements LedgerHandle {
  readonly subjects: Subjects
  readonly store: EvidenceStore
  readonly #options: LedgerOptions
  readonly #register: SubjectRegister
  readonly #writer: EvidenceWriter
  readonly #wal: WalKeeper
  readonly #large: BodyFile
  /** Entries whose record is being written beside the database. */
  readonly #settingDown = new Set<Promise<Entry>>()
  readonly #kept: KeptCheckpoint | undefined
  #head: LogHead
  /** After a failed write the database says where the log ends. */
  #isHeadStale = false
  #queue: Waiting[] = []
  #flushing: Promise<void> | undefined
  #isClosed = false

  constructor(options: LedgerOptions, head: LogHead, subjects: SubjectRegister) {
    this.#options = options
    this.#head = head
    this.#register = subjects
    this.#writer = createEvidenceWriter(options.database, subjects)
    this.#large = createBodyFile(options.database.path)
    this.#wal = createWalKeeper(options.database, options.log)
    this.#kept =
      options.keptCheckpoint === undefined ? undefined : createKeptCheckpoint(options.keptCheckpoint, options.log)
    this.subjects = subjects
    this.store = createEvidenceStore(options.database, subjects, options.origin)
  }

  async commit(evidence: Evidence): Promise<AuditPosition> {
    if (this.#isClosed) throw new StorageError('storage_closed')
    if (this.#queue.length + this.#settingDown.size >= (this.#options.maxQueue ?? MAX_QUEUE)) {
      throw new StorageError('storage_busy', { retryAfterMs: BUSY_RETRY_MS })
    }
    const prepared = this.#prepare(evidence)
    const entry = isLarge(prepared) ? await this.#setDown(prepared) : prepared
    const position = new Promise<AuditPosition>((resolve, reject) => this.#queue.push({ entry, resolve, reject }))
    this.#flushing ??= this.#flush()
    return position
  }

  position(): { readonly size: number } {
    return { size: this.#head.frontier.size }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.allSettled(this.#settingDown)
    // Those that were being written stand in the queue now, a turn later.
    await new Promise((resolve) => setImmediate(resolve))
    await this.#flushing
    await this.#large.close()
    this.#kept?.close()
    this.#wal.close()
    this.#register.wipe()
    this.#options.database.close()
  }

  #prepare(evidence: Evidence): Entry {
    try {
      return prepareEntry(evidence, this.#register, this.#options.randomness)
    } catch (error) {
      throw asStorageError(error, this.#options.database.path)
    }
  }

  /** Durable before its row is written: a row never speaks of bytes that are not there. */
  async #setDown(entry: LargeEntry): Promise<Entry> {
    const { body, bytes } = entry
    const written = this.#large.append(body.row.sealed).then((place) => {
      const row = { ...body.row, sealed: place }
      return { ...entry, body: { ...body, row }, bytes: bytes - body.row.sealed.length + place.length }
    })
    this.#settingDown.add(written)
    try {
      return await written
    } catch (error) {
      throw asStorageError(error, this.#options.database.path)
    } finally {
      this.#settingDown.delete(written)
    }
  }

  async #flush(): Promise<void> {
    // Everything that arrives in this turn of the event loop joins the first batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) {
      await this.#writeBatch(this.#takeBatch())
      this.#wal.afterBatch(this.#queue.length > 0)
    }
    this.#flushing = undefined
  }

  #takeBatch(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { entry } of this.#queue) {
      bytes += entry.bytes
      if (count === MAX_BATCH_EVENTS || (count > 0 && bytes > MAX_BATCH_BYTES)) break
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  /** Writes a batch; an event whose rows the database refuses is taken out, and the others are written without it. */
  async #writeBatch(batch: Waiting[]): Promise<void> {
    while (batch.length > 0) {
      try {
        const positions = await this.#write(batch.map(({ entry }) => entry))
        for (const [place, waiting] of batch.entries()) waiting.resolve(positions[place]!)
        return
      } catch (error) {
        if (error instanceof RowRefused) {
          for (const refused of batch.splice(error.row, 1)) refused.reject(error)
          continue
        }
        this.#isHeadStale = true
        const fault = asStorageError(error, this.#options.database.path)
        this.#options.log.error('audit-commit-failed', { code: errorCode(fault), events: batch.length })
        for (const waiting of batch) waiting.reject(fault)
        return
      }
    }
  }

  async #write(entries: readonly Entry[]): Promise<AuditPosition[]> {
    const { database, origin, signer, verifier, clock } = this.#options
    if (this.#isHeadStale) this.#head = readHead(database)
    this.#isHeadStale = false
    const { rows, head } = place(entries, this.#head, clock.nowMs())
    const { size } = head.frontier
    // Signed before it is written, shown to nobody before it is durable: a checkpoint of a batch that failed is forgotten.
    const note = await signCheckpoint({ origin, size, root: rootOf(head.frontier) }, signer, verifier.publicKey)
    const stored = { size, frontier: encodeFrontier(head.frontier), chain: head.chain, note }
    this.#writer.write(rows, stored, { origin, key: verifier.keyId })
    this.#head = head
    this.#kept?.offer(note)
    return rows.map(({ leaf }) => ({ origin, leafIndex: leaf.index, leafHash: Buffer.from(leaf.hash).toString('hex') }))
  }
}

type LargeEntry = Entry & { readonly body: NonNullable<Entry['body']> }

function isLarge(entry: Entry): entry is LargeEntry {
  return entry.body !== undefined && entry.body.row.sealed.length >= LARGE_BODY_BYTES
}

/** Gives entries their place in the log. `at` is the wall clock as it stands, even when it was set back. */
function place(entries: readonly Entry[], from: LogHead, atMs: number): { rows: EvidenceRows[]; head: LogHead } {
  let { frontier, chain } = from
  const rows = entries.map(({ leaf, body, outbound, activation, imageVersion }) => {
    const index = frontier.size
    const bytes = encodeLeaf(leaf, index, atMs)
    const hash = leafHash(bytes)
    frontier = appendLeaf(frontier, hash)
    chain = chainHash(chain, hash)
    return { leaf: { index, bytes, hash, chain }, body, outbound, activation, imageVersion }
  })
  return { rows, head: { frontier, chain } }
}
