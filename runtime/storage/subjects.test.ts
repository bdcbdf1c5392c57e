import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../device/crypto/bulk.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { type Database, openDatabase } from './database.ts'
import { openBody, sealBody } from './sealed-body.ts'
import { findPseudonym, openSubjectKeys, openSubjects } from './subjects.ts'

const key = Buffer.alloc(32, 9)
const kek = Buffer.alloc(32, 5)
let directory: string
let database: Database

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'subjects-'))
  database = openDatabase({ path: join(directory, 'evidence.db'), key })
})
afterEach(() => {
  database.close()
  rmSync(directory, { recursive: true, force: true })
})

const register = () => openSubjects(database, kek, systemRandomness)

describe('subjects', () => {
  test('one pseudonym per subject, before and after it is stored, and after a restart', () => {
    const subjects = register()
    const first = subjects.open('hospital-number-1')
    expect(first.pseudonym).toMatch(/^P-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
    expect(subjects.open('hospital-number-1')).toBe(first)
    expect(subjects.open('hospital-number-2').pseudonym).not.toBe(first.pseudonym)
    database.transact(() => subjects.store(first))
    subjects.confirm([first])
    const again = register().open('hospital-number-1')
    expect(again.pseudonym).toBe(first.pseudonym)
    expect(Buffer.from(again.key).equals(first.key)).toBe(true)
    expect(openSubjectKeys(database, kek).keyOf(first.pseudonym)).toEqual(again.key)
  })

  test('a transaction that failed leaves the subject as it was: neither lost nor doubled', () => {
    const subjects = register()
    const subject = subjects.open('a')
    expect(() =>
      database.transact(() => {
        subjects.store(subject)
        database.prepare('INSERT INTO outbox (record) VALUES (?)').run(null)
      }),
    ).toThrow()
    expect(subjects.open('a')).toBe(subject)
    database.transact(() => subjects.store(subject))
    database.transact(() => subjects.store(subject))
    expect(database.prepare('SELECT pseudonym FROM subjects').all()).toEqual([{ pseudonym: subject.pseudonym }])
  })

  test('never two keys for one subject', () => {
    const [one, other] = [register().open('a'), register().open('a')]
    expect(one.pseudonym).not.toBe(other.pseudonym)
    const subjects = register()
    database.transact(() => subjects.store(one))
    expect(() => database.transact(() => subjects.store(other))).toThrow()
  })

  test('a flood of subjects that are never stored is forgotten, oldest first', () => {
    const subjects = register()
    const first = subjects.open('first')
    for (let index = 0; index < 4096; index += 1) subjects.open(`flood-${index}`)
    expect(subjects.open('first')).not.toBe(first)
  }, 60_000)

  test('many subjects survive the cache', () => {
    const subjects = register()
    const drawn = Array.from({ length: 1500 }, (_, index) => subjects.open(`subject-${index}`))
    database.transact(() => drawn.forEach((subject) => void subjects.store(subject)))
    subjects.confirm(drawn)
    drawn.forEach((subject, index) => {
      expect(subjects.open(`subject-${index}`).pseudonym).toBe(subject.pseudonym)
      expect(Buffer.from(subjects.keyOf(subject.pseudonym) ?? []).equals(subject.key)).toBe(true)
    })
    expect(new Set(drawn.map(({ pseudonym }) => pseudonym)).size).toBe(1500)
  })

  test('the identifier is not in the table, and neither is the key', () => {
    const subjects = register()
    const subject = subjects.open('hospital-number-1')
    database.transact(() => subjects.store(subject))
    const row = database.prepare<Record<string, Uint8Array>>('SELECT lookup, nonce, wrapped FROM subjects').get()!
    const bytes = Buffer.concat([row.lookup!, row.nonce!, row.wrapped!])
    expect(bytes.includes('hospital-number-1')).toBe(false)
    expect(bytes.includes(Buffer.from(subject.key))).toBe(false)
  })

  test('the pseudonym of an identifier is found under the right key, and nothing is drawn for one that was never seen', () => {
    const subjects = register()
    const subject = subjects.open('hospital-number-1')
    database.transact(() => subjects.store(subject))
    const count = () => database.prepare('SELECT count(*) AS count FROM subjects').get()
    const before = count()
    expect(findPseudonym(database, kek, 'hospital-number-1')).toBe(subject.pseudonym)
    for (const other of ['hospital-number-2', 'hospital-number-%', '%', '', "' OR 1=1 --"])
      expect(findPseudonym(database, kek, other)).toBeUndefined()
    expect(findPseudonym(database, Buffer.alloc(32, 6), 'hospital-number-1')).toBeUndefined()
    expect(count()).toEqual(before)
  })

  test('another key-encryption key is refused', () => {
    register()
    expect(() => openSubjects(database, Buffer.alloc(32, 6), systemRandomness)).toThrow(
      expect.objectContaining({ code: 'storage_key_wrong' }),
    )
    expect(() => openSubjects(database, Buffer.alloc(16, 5), systemRandomness)).toThrow(
      expect.objectContaining({ code: 'storage_key_wrong' }),
    )
  })

  test('two subjects cannot trade keys', () => {
    const subjects = register()
    const [a, b] = [subjects.open('a'), subjects.open('b')]
    database.transact(() => subjects.store(a))
    const row = database.prepare<Record<string, Uint8Array>>('SELECT nonce, wrapped FROM subjects').get()!
    database
      .prepare('INSERT INTO subjects (pseudonym, lookup, nonce, wrapped) VALUES (?, ?, ?, ?)')
      .run(b.pseudonym, b.lookup, row.nonce!, row.wrapped!)
    expect(() => openSubjectKeys(database, kek).keyOf(b.pseudonym)).toThrow(
      expect.objectContaining({ code: 'storage_body_damaged' }),
    )
  })
})

describe('sealed bodies', () => {
  const body = {
    id: 'd1',
    subject: 'P-0000-0000',
    about: undefined,
    content: { words: 'of the clinician', value: 1.5 },
  }
  const subjectKey = Buffer.alloc(32, 3)

  test('open to what was sealed, with the same commitment', () => {
    const { row, commitment } = sealBody(body, subjectKey, systemRandomness)
    const opened = openBody(row, subjectKey)
    expect(opened).toMatchObject({ body, commitment })
    const again = sha256(Uint8Array.of(3), opened.salt, canonicalBytes(opened.body))
    expect(again.toString('hex')).toBe(commitment)
    expect(Buffer.from(row.sealed).includes('clinician')).toBe(false)
  })

  test('the same body has another commitment each time', () => {
    const commitments = Array.from({ length: 8 }, () => sealBody(body, subjectKey, systemRandomness).commitment)
    expect(new Set(commitments).size).toBe(8)
  })

  test('the commitment is the one docs/audit-format.md describes', () => {
    const fixed = { bytes: (count: number) => Buffer.alloc(count, 0xab) }
    const { commitment } = sealBody({ id: 'd1', subject: 'P-0000-0000', content: { b: 1, a: 'x' } }, subjectKey, fixed)
    // printf '\x03' + 32 × 0xab + {"content":{"a":"x","b":1},"id":"d1","subject":"P-0000-0000"} | sha256sum
    expect(commitment).toBe('0e59190a104aa2da969dd05b214775080d987eae39ec6a661e612ba970693f5d')
  })

  test.each([
    ['id', { id: 'd2' }],
    ['subject', { subject: 'P-0000-0001' }],
    ['about', { about: 'd9' }],
    ['nonce', { nonce: Buffer.alloc(12) }],
  ])('a row with another %s does not open', (_, change) => {
    const { row } = sealBody(body, subjectKey, systemRandomness)
    expect(() => openBody({ ...row, ...change }, subjectKey)).toThrow(
      expect.objectContaining({ code: 'storage_body_damaged' }),
    )
  })

  test('no flipped bit and no truncation opens', () => {
    const { row } = sealBody(body, subjectKey, systemRandomness)
    for (let at = 0; at < row.sealed.length; at += 1) {
      const flipped = Uint8Array.from(row.sealed)
      flipped[at]! ^= 1
      expect(() => openBody({ ...row, sealed: flipped }, subjectKey)).toThrow()
      expect(() => openBody({ ...row, sealed: row.sealed.subarray(0, at) }, subjectKey)).toThrow()
    }
  })
})
