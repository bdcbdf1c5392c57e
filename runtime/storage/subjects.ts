import { aesGcmOpen, aesGcmSeal, hkdfSha256, KEY_BYTES, NONCE_BYTES, sha256 } from '../../device/crypto/bulk.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import type { Database } from './database.ts'
import { StorageError } from './errors.ts'
import { Recent } from './recent.ts'

/** What the decision path may know of a subject. */
export interface Subjects {
  /** The subject's pseudonym, drawn at random at first sight. Nothing is stored before evidence about the subject is. */
  open(subject: string): { readonly pseudonym: string }
}

/** A subject with its key; stays inside storage and the ledger. */
export interface Subject {
  readonly pseudonym: string
  readonly key: Uint8Array
  /** Keyed hash of the patient's identifier. */
  readonly lookup: Buffer
}

/** Reads subject keys; all that a verifier needs. */
export interface SubjectKeys {
  /** @throws StorageError storage_body_damaged when the stored key does not unwrap; undefined when there is none. */
  keyOf(pseudonym: string): Uint8Array | undefined
  /** Is this identifier the one that the register keeps under the pseudonym? */
  isKnownAs(pseudonym: string, subject: string): boolean
}

export interface SubjectRegister extends Subjects, SubjectKeys {
  open(subject: string): Subject
  /** Writes the subject's row if it is not stored yet; to be called inside the transaction of its first evidence. */
  store(subject: Subject): void
  /** To be called after COMMIT: the stored subjects need not be held any longer. */
  confirm(subjects: readonly Subject[]): void
  /** Overwrites every key held in memory. */
  wipe(): void
}

interface SubjectRow {
  readonly pseudonym: string
  readonly lookup: Uint8Array
  readonly nonce: Uint8Array
  readonly wrapped: Uint8Array
}

const CACHED_SUBJECTS = 1024
/** Subjects seen but not stored yet; far above what can be in flight, and a bound for a flood of requests that fail. */
const PENDING_SUBJECTS = 4096
/** Crockford's base 32: no I, L, O, U, so a pseudonym can be read out over the telephone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const WRAP_LABEL = 'wardstone/v1/subject-key'

const label = (name: string) => Buffer.from(`wardstone/v1/${name}`)

/** Keys under the key-encryption key, one for each purpose (docs/audit-format.md §7). */
function derive(kek: Uint8Array, purpose: string, info: Uint8Array = new Uint8Array()): Buffer {
  return hkdfSha256(kek, label(purpose), info, KEY_BYTES)
}

/**
 * Checks that this is the key-encryption key the database was made with; a writer stores the check value at first.
 * @throws StorageError storage_key_wrong
 */
export function verifySubjectKey(database: Database, kek: Uint8Array, mayStore: boolean): void {
  if (kek.length !== KEY_BYTES) throw new StorageError('storage_key_wrong', { about: 'subjects key' })
  const check = derive(kek, 'subject-check')
  const row = database.prepare<{ value: Uint8Array }>("SELECT value FROM key_checks WHERE name = 'subjects'").get()
  if (row === undefined && mayStore) {
    database.transact(() => database.prepare("INSERT INTO key_checks (name, value) VALUES ('subjects', ?)").run(check))
  } else if (row === undefined || !check.equals(row.value)) {
    throw new StorageError('storage_key_wrong', { about: 'subjects key' })
  }
}

/** Keys for reading bodies, from a database that may be read-only. */
export function openSubjectKeys(database: Database, kek: Uint8Array): SubjectKeys {
  const wrapKey = derive(kek, 'subject-wrap')
  const lookupKey = derive(kek, 'subject-lookup')
  const cached = new Recent<Uint8Array>(CACHED_SUBJECTS)
  const find = database.prepare<SubjectRow>(
    'SELECT pseudonym, lookup, nonce, wrapped FROM subjects WHERE pseudonym = ?',
  )
  return {
    keyOf: (pseudonym) => {
      const known = cached.get(pseudonym)
      if (known !== undefined) return known
      const row = find.get(pseudonym)
      if (row === undefined) return undefined
      const key = unwrap(row, wrapKey)
      cached.set(pseudonym, key)
      return key
    },
    isKnownAs: (pseudonym, subject) => {
      const row = find.get(pseudonym)
      return row !== undefined && lookupOf(subject, lookupKey).equals(row.lookup)
    },
  }
}

/** Keyed hash of the patient's identifier. */
function lookupOf(subject: string, lookupKey: Uint8Array): Buffer {
  return derive(lookupKey, 'subject', sha256(subject))
}

/**
 * Finds the pseudonym of a patient's identifier by its keyed hash; draws none, writes nothing.
 * @returns undefined when nothing was ever recorded about the subject, or its row was erased
 */
export function findPseudonym(database: Database, kek: Uint8Array, identifier: string): string | undefined {
  const lookup = lookupOf(identifier, derive(kek, 'subject-lookup'))
  return database.prepare<{ pseudonym: string }>('SELECT pseudonym FROM subjects WHERE lookup = ?').get(lookup)
    ?.pseudonym
}

/**
 * The register of the one writer. The patient's identifier is never stored: its row is found by a keyed hash.
 * @throws StorageError storage_key_wrong
 */
export function openSubjects(database: Database, kek: Uint8Array, randomness: Randomness): SubjectRegister {
  verifySubjectKey(database, kek, true)
  const wrapKey = derive(kek, 'subject-wrap')
  const lookupKey = derive(kek, 'subject-lookup')
  const cached = new Recent<Subject>(CACHED_SUBJECTS)
  const pending = new Recent<Subject>(PENDING_SUBJECTS)
  const reader = openSubjectKeys(database, kek)
  const byLookup = database.prepare<SubjectRow>(
    'SELECT pseudonym, lookup, nonce, wrapped FROM subjects WHERE lookup = ?',
  )
  const byPseudonym = database.prepare<{ pseudonym: string }>('SELECT pseudonym FROM subjects WHERE pseudonym = ?')
  const insert = database.prepare('INSERT INTO subjects (pseudonym, lookup, nonce, wrapped) VALUES (?, ?, ?, ?)')

  const stored = (lookup: Buffer): Subject | undefined => {
    const row = byLookup.get(lookup)
    return row === undefined ? undefined : { pseudonym: row.pseudonym, lookup, key: unwrap(row, wrapKey) }
  }
  const draw = (lookup: Buffer): Subject => {
    for (;;) {
      const pseudonym = drawPseudonym(randomness)
      if (
        byPseudonym.get(pseudonym) === undefined &&
        ![...pending.values()].some((entry) => entry.pseudonym === pseudonym)
      ) {
        return { pseudonym, lookup, key: randomness.bytes(KEY_BYTES) }
      }
    }
  }
  return {
    keyOf: reader.keyOf,
    isKnownAs: reader.isKnownAs,
    open: (subject) => {
      const lookup = lookupOf(subject, lookupKey)
      const name = lookup.toString('hex')
      const known = cached.get(name) ?? pending.get(name)
      if (known !== undefined) return known
      const found = stored(lookup)
      if (found !== undefined) {
        cached.set(name, found)
        return found
      }
      const fresh = draw(lookup)
      pending.set(name, fresh)
      return fresh
    },
    store: (subject) => {
      const { lookup, key, pseudonym } = subject
      // Another pseudonym for the same lookup violates a constraint below, which refuses the event: never two keys for one.
      if (byLookup.get(lookup)?.pseudonym === pseudonym) return
      const nonce = randomness.bytes(NONCE_BYTES)
      insert.run(pseudonym, lookup, nonce, aesGcmSeal(wrapKey, nonce, key, wrapContext(pseudonym, lookup)))
    },
    confirm: (subjects) => {
      for (const subject of subjects) {
        const name = subject.lookup.toString('hex')
        pending.delete(name)
        cached.set(name, subject)
      }
    },
    wipe: () => {
      for (const held of [...cached.values(), ...pending.values()]) held.key.fill(0)
      wrapKey.fill(0)
      lookupKey.fill(0)
      cached.clear()
      pending.clear()
    },
  }
}

/** A pseudonym has 40 random bits; it says nothing about the subject and is unique in the database. */
function drawPseudonym(randomness: Randomness): string {
  const letters = [...randomness.bytes(8)].map((byte) => ALPHABET.charAt(byte % ALPHABET.length)).join('')
  return `P-${letters.slice(0, 4)}-${letters.slice(4)}`
}

function unwrap(row: SubjectRow, wrapKey: Uint8Array): Buffer {
  try {
    return aesGcmOpen(wrapKey, row.nonce, row.wrapped, wrapContext(row.pseudonym, row.lookup))
  } catch (cause) {
    throw new StorageError('storage_body_damaged', { cause })
  }
}

/** Ties a wrapped key to its own row: two rows cannot trade keys. */
function wrapContext(pseudonym: string, lookup: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${WRAP_LABEL}\0${pseudonym}\0`), lookup])
}
