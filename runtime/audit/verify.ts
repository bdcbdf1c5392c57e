import { type Checkpoint, openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import type { Verifier } from '../../device/crypto/signing.ts'
import { bodyInFull } from '../storage/body-file.ts'
import type { Database } from '../storage/database.ts'
import type { SealedBody } from '../storage/sealed-body.ts'
import { asStorageError } from '../storage/sqlite-errors.ts'
import { openSubjectKeys, verifySubjectKey } from '../storage/subjects.ts'
import { BodyCheck } from './body-check.ts'
import { AuditError } from './errors.ts'
import { type Finding, FORKED, type LogReport, MAX_FINDINGS, plainMeanings, UNLIKE_KEPT } from './findings.ts'
import { LeafWalk } from './leaf-walk.ts'
import { type HeadRow, type LeafRow, verifyIdentity } from './log-head.ts'
import { encodeFrontier } from './tree.ts'

export interface VerifyOptions {
  readonly database: Database
  /** Key-encryption key of the subjects: bodies are opened and held against the leaves. */
  readonly subjectKey: Uint8Array
  readonly verifier: Verifier
  readonly origin: string
  /** A signed checkpoint kept elsewhere; only with one can a log be caught that was cut back together with its checkpoints. */
  readonly knownCheckpoint?: string | undefined
  readonly onProgress?: ((leaves: number, total: number) => void) | undefined
}

const PROGRESS_EVERY = 10_000
const YIELD_EVERY = 512

interface JoinedRow extends LeafRow {
  readonly id: string | null
  readonly subject: string
  readonly about: string | null
  readonly nonce: Uint8Array
  readonly sealed: Uint8Array
}

const ROWS = `SELECT l.idx, l.leaf, l.hash, l.chain, b.id, b.subject, b.about, b.nonce, b.sealed
  FROM leaves l LEFT JOIN bodies b ON b.idx = l.idx ORDER BY l.idx`

/**
 * Recomputes the whole log from its leaves and opened bodies, in constant memory and on one snapshot, while the runtime may
 * write on. What does not stand as it was committed is in the report; an error means that the log could not be checked.
 * @throws StorageError storage_key_wrong | storage_unreadable …, AuditError audit_log_foreign | audit_log_empty,
 * audit_note_invalid | audit_checkpoint_invalid for a known checkpoint that is not of this log
 */
export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const known =
    options.knownCheckpoint === undefined
      ? undefined
      : await openCheckpoint(options.knownCheckpoint, options.verifier, options.origin)
  const snapshot = options.database.snapshot()
  try {
    return await verifySnapshot(options, known)
  } catch (error) {
    throw asStorageError(error, options.database.path)
  } finally {
    snapshot.release()
  }
}

async function verifySnapshot(options: VerifyOptions, known: Checkpoint | undefined): Promise<LogReport> {
  const { database, subjectKey, verifier, origin } = options
  const isThere = verifyIdentity(database, origin, verifier.keyId)
  if (!isThere && isEmpty(database)) throw new AuditError('audit_log_empty')
  verifySubjectKey(database, subjectKey, false)
  const walk = new LeafWalk()
  const bodies = new BodyCheck(database, openSubjectKeys(database, subjectKey))
  const notes = new CheckpointWalk(options)
  const kept = known === undefined ? undefined : new KeptCheckpoint(known)
  const times = await walkRows(options, walk, bodies, notes, kept).finally(() => notes.close())
  bodies.finish(database, walk.proven)
  // A checkpoint kept elsewhere says how many leaves there must be, whatever the file's own checkpoints say.
  const signedSize = Math.max(notes.signedSize, known?.size ?? 0)
  const findings = [
    ...walk.findings(signedSize, Math.max(notes.claimedSize, signedSize)),
    ...notes.findings,
    ...bodies.findings,
    ...(kept?.findings(walk) ?? []),
  ].sort((a, b) => a.position - b.position)
  if (findings.length === 0) findings.push(...closing(database, walk))
  else if (isOlderCopy(findings, notes, walk, database)) findings.splice(0, 1, ...findings.map(asRolledBack))
  return {
    leaves: walk.rows,
    bodies: bodies.bodies,
    checkpoints: notes.count,
    signedSize: notes.signedSize,
    keptSize: known?.size ?? null,
    ...times,
    findings: findings.slice(0, MAX_FINDINGS),
  }
}

async function walkRows(
  options: VerifyOptions,
  walk: LeafWalk,
  bodies: BodyCheck,
  notes: CheckpointWalk,
  kept: KeptCheckpoint | undefined,
) {
  const total =
    options.database.prepare<{ last: number | null }>('SELECT max(idx) AS last FROM leaves').get()?.last ?? -1
  let firstAt: string | null = null
  let lastAt: string | null = null
  await notes.advance(walk)
  for (const row of options.database.prepare<JoinedRow>(ROWS).iterate()) {
    const walked = walk.step(row)
    const isTrusted = walked.isClean && !walk.isBroken
    bodies.step(row.idx, { leaf: walked.leaf, isClean: isTrusted }, bodyOf(row, options.database), walk.proven)
    firstAt ??= walked.leaf?.at ?? null
    lastAt = walked.leaf?.at ?? lastAt
    kept?.look(walk)
    await notes.advance(walk)
    if (walk.rows % YIELD_EVERY === 0) await new Promise((resolve) => setImmediate(resolve))
    if (walk.rows % PROGRESS_EVERY === 0) options.onProgress?.(walk.rows, total + 1)
  }
  await notes.finish()
  return { firstAt, lastAt }
}

/** One whose bytes are gone from the file beside the database is as missing as one without a row. */
function bodyOf(row: JoinedRow, { path }: Database): SealedBody | undefined {
  return row.id === null ? undefined : bodyInFull({ ...row, id: row.id }, path)
}

/** Reads the checkpoints beside the leaves, in the order of their sizes. */
class CheckpointWalk {
  count = 0
  /** Size of the largest checkpoint whose signature holds, and of the largest one altogether. */
  signedSize = 0
  claimedSize = 0
  readonly findings: Finding[] = []
  readonly #options: VerifyOptions
  readonly #rows: Iterator<{ size: number; note: string }>
  #next: { size: number; note: string } | undefined

  constructor(options: VerifyOptions) {
    this.#options = options
    this.#rows = options.database
      .prepare<{ size: number; note: string }>('SELECT size, note FROM checkpoints ORDER BY size')
      .iterate()
    this.#read()
  }

  /** Holds the walk against every checkpoint up to where it stands. */
  async advance(walk: LeafWalk): Promise<void> {
    while (this.#next !== undefined && this.#next.size <= walk.expected) {
      const { size, note } = this.#next
      const checkpoint = await this.#open(size, note, walk.proven)
      if (checkpoint !== undefined && size === walk.expected) walk.holdAgainst(checkpoint.root)
      this.#read()
    }
  }

  /** Checkpoints of more leaves than there are. */
  async finish(): Promise<void> {
    for (; this.#next !== undefined; this.#read()) await this.#open(this.#next.size, this.#next.note, this.signedSize)
  }

  async #open(size: number, note: string, provenBefore: number): Promise<Checkpoint | undefined> {
    this.count += 1
    this.claimedSize = size
    const checkpoint = await openCheckpoint(note, this.#options.verifier, this.#options.origin).catch(() => undefined)
    if (checkpoint?.size === size) {
      this.signedSize = size
      return checkpoint
    }
    if (this.findings.length < MAX_FINDINGS) {
      const meaning = 'This checkpoint is not the one that the log signed.'
      this.findings.push({ finding: 'edited', what: 'checkpoint', position: size, provenBefore, meaning })
    }
    return undefined
  }

  /** Lets go of the table; a transaction cannot end while it is being read. */
  close(): void {
    this.#rows.return?.()
  }

  #read(): void {
    const { value, done } = this.#rows.next()
    this.#next = done === true ? undefined : value
  }
}

/** The checkpoint that somebody else kept. It is signed by the log's key, and it is not in the hands of whoever changed the file. */
class KeptCheckpoint {
  readonly #checkpoint: Checkpoint
  #differs = false

  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint
  }

  look(walk: LeafWalk): void {
    const { size, root } = this.#checkpoint
    if (size !== walk.expected || walk.isBroken) return
    if (walk.isRoot(root)) walk.holdAgainst(root)
    else this.#differs = true
  }

  findings(walk: LeafWalk): Finding[] {
    const { size } = this.#checkpoint
    if (!this.#differs) return []
    if (walk.proven >= size)
      return [{ finding: 'rolled-back', what: 'leaf', position: size, provenBefore: 0, meaning: FORKED }]
    const { proven } = walk
    return [{ finding: 'edited', what: 'leaf', position: proven, provenBefore: proven, meaning: UNLIKE_KEPT }]
  }
}

/**
 * The end is missing, and the file knows nothing of it: its own last checkpoint and head speak for exactly these leaves, and no
 * subject stands there without a record. So it was like this once, and nobody cut into it: an older copy was put back.
 */
function isOlderCopy(findings: readonly Finding[], notes: CheckpointWalk, walk: LeafWalk, database: Database): boolean {
  const [only, ...others] = findings
  const ownEnd = Math.max(notes.claimedSize, notes.signedSize)
  if (only?.finding !== 'truncated' || others.length > 0 || ownEnd !== walk.expected) return false
  const stray = database
    .prepare('SELECT 1 FROM subjects WHERE NOT EXISTS (SELECT 1 FROM bodies WHERE subject = pseudonym) LIMIT 1')
    .get()
  return stray === undefined && closing(database, walk).length === 0
}

function asRolledBack(finding: Finding): Finding {
  return { ...finding, finding: 'rolled-back', meaning: plainMeanings['rolled-back'] }
}

/** What an otherwise sound log is still held to: the writer's own state, the tables and triggers, and the indexes. */
function closing(database: Database, walk: LeafWalk): Finding[] {
  const at = { position: walk.expected, provenBefore: walk.proven }
  const head = database.prepare<HeadRow>('SELECT size, frontier, chain FROM head').get()
  const isHead =
    head?.size === walk.expected &&
    Buffer.from(head.frontier).equals(encodeFrontier(walk.stored)) &&
    walk.chain !== undefined &&
    Buffer.from(head.chain).equals(walk.chain)
  const findings: Finding[] = []
  if (!isHead)
    findings.push({
      finding: 'edited',
      what: 'head',
      ...at,
      meaning: 'The stored end of the log is not the one its leaves lead to.',
    })
  if (!database.isSchemaAsBuilt()) {
    findings.push({
      finding: 'edited',
      what: 'schema',
      ...at,
      meaning: 'Tables or append-only triggers were changed; the leaves are as they were committed.',
    })
  }
  if (findings.length === 0 && !database.isIntact()) {
    const meaning =
      'An index does not hold what its table holds, so a search may miss some; the leaves are as they were committed.'
    findings.push({ finding: 'edited', what: 'index', ...at, meaning })
  }
  return findings
}

function isEmpty(database: Database): boolean {
  return ['leaves', 'bodies', 'checkpoints', 'head'].every(
    (table) => database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() === undefined,
  )
}
