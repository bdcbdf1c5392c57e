import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { silentLog } from '../../device/platform/log.ts'
import { type Database, openDatabase } from '../storage/database.ts'
import { StorageError } from '../storage/errors.ts'
import { parseLeaf } from './leaf.ts'
import { type LedgerHandle, openLedger } from './ledger.ts'
import {
  activationEvidence,
  decisionEvidence,
  feedbackEvidence,
  type LogSite,
  makeSite,
  openSite,
  removeSite,
  tickingClock,
  verifySite,
} from './testkit/ledger-fixture.ts'
import { leafHash } from './tree.ts'
import type { Evidence } from './types.ts'

let site: LogSite
let database: Database
let ledger: LedgerHandle

beforeEach(async () => {
  site = await makeSite()
  const opened = await openSite(site)
  database = opened.database
  ledger = opened.ledger
})
afterEach(async () => {
  await ledger.close()
  removeSite(site)
})

const count = (table: string) => database.prepare<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n
const lastNote = () =>
  database.prepare<{ note: string }>('SELECT note FROM checkpoints ORDER BY size DESC').get()?.note ?? ''
const code = (name: string) => expect.objectContaining({ code: name })

describe('commit', () => {
  test('answers with the position of a leaf that is in the log, under a signed checkpoint', async () => {
    const position = await ledger.commit(decisionEvidence('d1'))
    const row = database.prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves WHERE idx = ?').get(position.leafIndex)!
    expect(position).toEqual({ origin: site.origin, leafIndex: 1, leafHash: leafHash(row.leaf).toString('hex') })
    expect(parseLeaf(row.leaf)).toMatchObject({
      kind: 'decision',
      seq: 1,
      decision: 'd1',
      body: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(await openCheckpoint(lastNote(), site.verifier, site.origin)).toMatchObject({ size: 2 })
    expect(ledger.position()).toEqual({ size: 2 })
  })

  test('the first leaf names origin and key', () => {
    const row = database.prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves WHERE idx = 0').get()!
    expect(parseLeaf(row.leaf)).toMatchObject({ kind: 'log-opened', origin: site.origin, key: site.verifier.keyId })
  })

  test('bodies are read back by id, feedback by its decision, floors by model', async () => {
    const { leafIndex } = await ledger.commit(decisionEvidence('d1'))
    await ledger.commit(feedbackEvidence('f1', 'd1'))
    await ledger.commit(feedbackEvidence('f2', 'd1'))
    await ledger.commit(activationEvidence('m', 3, 'c'.repeat(64)))
    await ledger.commit(activationEvidence('m', 2, 'b'.repeat(64)))
    expect(ledger.store.readBody('d1')).toMatchObject({ content: { subject: 'patient-d1' }, position: { leafIndex } })
    expect(ledger.store.readBody('none')).toBeUndefined()
    expect(ledger.store.feedbackOf('d1').map(({ position }) => position.leafIndex)).toEqual([2, 3])
    expect(ledger.store.feedbackOf('d2')).toEqual([])
    expect(ledger.store.floor('m')).toEqual({ releaseCounter: 3, packageHash: 'c'.repeat(64) })
    expect(ledger.store.floor('other')).toBeUndefined()
    expect(ledger.store.wasActivated('b'.repeat(64))).toBe(true)
    expect(ledger.store.wasActivated('d'.repeat(64))).toBe(false)
    expect(ledger.store.outboxSize()).toBe(1)
  })

  test('64 at once need fewer transactions than events', async () => {
    const before = count('checkpoints')!
    const positions = await Promise.all(
      Array.from({ length: 64 }, (_, index) => ledger.commit(decisionEvidence(`d${index}`))),
    )
    expect(new Set(positions.map(({ leafIndex }) => leafIndex)).size).toBe(64)
    expect(count('checkpoints')! - before).toBeLessThan(8)
    expect((await verifySite(site)).findings).toEqual([])
  })

  test('one subject at once in many events gets one pseudonym and one key', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => ledger.commit(decisionEvidence(`d${index}`, 'the same'))),
    )
    expect(count('subjects')).toBe(1)
    expect(ledger.subjects.open('the same').pseudonym).toMatch(/^P-/)
  })

  test('one bad event fails alone: the others of its batch are written', async () => {
    await ledger.commit(decisionEvidence('taken'))
    const ids = ['a', 'b', 'taken', 'c', 'a', 'd']
    const results = await Promise.allSettled(ids.map((id) => ledger.commit(decisionEvidence(id))))
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toEqual(code('storage_row_refused'))
    expect(count('leaves')).toBe(6)
    expect((await verifySite(site)).findings).toEqual([])
  })

  const decision = decisionEvidence('x')
  const refusals: [string, Evidence, string][] = [
    ['a leaf member that is no integer', { leaf: { kind: 'read', n: 0.5 } }, 'audit_leaf_invalid'],
    ['a leaf that brings its own commitment', { leaf: { kind: 'decision', body: 'ab' } }, 'audit_leaf_invalid'],
    ['a leaf that brings its own number', { leaf: { kind: 'read', seq: 1 } }, 'audit_leaf_invalid'],
    [
      'content that JSON cannot carry',
      { ...decision, body: { ...decision.body!, content: { n: Number.NaN } } },
      'audit_evidence_invalid',
    ],
    ['a body id with spaces', { ...decision, body: { ...decision.body!, id: 'a b' } }, 'audit_evidence_invalid'],
    [
      'a body too large',
      { ...decision, body: { ...decision.body!, content: { t: 'x'.repeat(5_000_000) } } },
      'audit_evidence_invalid',
    ],
    [
      'an activation under another kind',
      { ...activationEvidence('m', 1), leaf: { kind: 'read' } },
      'audit_evidence_invalid',
    ],
    [
      'an activation its leaf contradicts',
      { ...activationEvidence('m', 1), leaf: { kind: 'activated', releaseCounter: 7 } },
      'audit_evidence_invalid',
    ],
    [
      'an outbound row with a member of its own',
      { ...decision, outbound: { ...decision.outbound!, patient: 'x' } as never },
      'audit_evidence_invalid',
    ],
  ]
  test.each(refusals)('refuses %s', async (_, evidence, expected) => {
    await expect(ledger.commit(evidence)).rejects.toEqual(code(expected))
    await ledger.commit(decisionEvidence('next'))
    expect(count('leaves')).toBe(2)
  })

  test('a queue that is full answers at once', async () => {
    await ledger.close()
    ;({ database, ledger } = await openSite(site, { maxQueue: 8 }))
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => ledger.commit(decisionEvidence(`d${index}`))),
    )
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.length).toBe(12)
    for (const { reason } of refused)
      expect(reason).toMatchObject({ code: 'storage_busy', retryAfterMs: expect.any(Number) })
    await ledger.commit(decisionEvidence('later'))
  })

  test('a clock that is set back is recorded as it stands, and the log goes on', async () => {
    await ledger.close()
    let now = Date.UTC(2026, 5, 1)
    ;({ database, ledger } = await openSite(site, { clock: { nowMs: () => now, monotonicMs: () => 0 } }))
    await ledger.commit(decisionEvidence('d1'))
    now -= 86_400_000
    const { leafIndex } = await ledger.commit(decisionEvidence('d2'))
    const row = database.prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves WHERE idx = ?').get(leafIndex)!
    expect(parseLeaf(row.leaf).at).toBe('2026-05-31T00:00:00.000Z')
    expect((await verifySite(site)).findings).toEqual([])
  })
})

describe('failed writes', () => {
  /** A database whose next transactions fail, before or after the rows were written. */
  async function flaky(failures: ('before' | 'after')[]) {
    await ledger.close()
    const real = openDatabase({ path: site.path, key: site.key })
    const failing: Database = {
      ...real,
      transact: (work) => {
        const failure = failures.shift()
        if (failure === undefined) return real.transact(work)
        return real.transact(() => {
          if (failure === 'after') work()
          throw new StorageError('storage_full')
        })
      },
    }
    const { subjectKey, signer, verifier, origin } = site
    ledger = await openLedger({
      database: failing,
      subjectKey,
      signer,
      verifier,
      origin,
      clock: tickingClock(),
      randomness: systemRandomness,
      log: silentLog,
    })
    database = real
  }

  test.each(['before', 'after'] as const)(
    'a batch that fails (%s its rows) is refused whole, and the next one is written',
    async (when) => {
      await flaky([when, when])
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const results = await Promise.allSettled(['a', 'b', 'c'].map((id) => ledger.commit(decisionEvidence(id))))
        expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'kept'))).toEqual(
          Array(3).fill('storage_full'),
        )
        expect(ledger.position()).toEqual({ size: 1 })
      }
      expect(count('subjects')).toBe(0)
      const pseudonym = ledger.subjects.open('patient-a').pseudonym
      expect(await ledger.commit(decisionEvidence('a'))).toMatchObject({ leafIndex: 1 })
      expect(ledger.subjects.open('patient-a').pseudonym).toBe(pseudonym)
      expect(database.prepare('SELECT pseudonym FROM subjects').all()).toEqual([{ pseudonym }])
      expect((await verifySite(site)).findings).toEqual([])
    },
  )

  test('a signer that fails refuses the batch, and the next one is written', async () => {
    await ledger.close()
    let isBroken = false
    const signer = {
      keyId: site.signer.keyId,
      sign: async (message: Uint8Array) => {
        if (isBroken) throw new StorageError('storage_failed')
        return site.signer.sign(message)
      },
    }
    ;({ database, ledger } = await openSite(site, { signer }))
    isBroken = true
    await expect(ledger.commit(decisionEvidence('a'))).rejects.toEqual(code('storage_failed'))
    isBroken = false
    expect(await ledger.commit(decisionEvidence('a'))).toMatchObject({ leafIndex: 1 })
  })
})

describe('open and close', () => {
  test('the log goes on where it ended', async () => {
    await ledger.commit(decisionEvidence('d1'))
    await ledger.close()
    ;({ database, ledger } = await openSite(site))
    expect(ledger.position()).toEqual({ size: 2 })
    expect(await ledger.commit(decisionEvidence('d2'))).toMatchObject({ leafIndex: 2 })
    expect(ledger.store.readBody('d1')).toBeDefined()
    expect((await verifySite(site)).findings).toEqual([])
  })

  test('close writes what waits, then refuses, and leaves one file', async () => {
    const waiting = Promise.all(Array.from({ length: 40 }, (_, index) => ledger.commit(decisionEvidence(`d${index}`))))
    const closing = ledger.close()
    await expect(ledger.commit(decisionEvidence('late'))).rejects.toEqual(code('storage_closed'))
    await Promise.all([waiting, closing, ledger.close()])
    expect(readdirSync(site.directory)).toEqual(['evidence.db'])
    expect((await verifySite(site)).leaves).toBe(41)
  })

  test('another key, origin or subjects key is refused', async () => {
    await ledger.close()
    const other = await makeSite(site.directory)
    await expect(openSite({ ...site, signer: other.signer, verifier: other.verifier })).rejects.toEqual(
      code('audit_log_foreign'),
    )
    await expect(openSite({ ...site, signer: other.signer })).rejects.toEqual(code('audit_log_foreign'))
    await expect(openSite({ ...site, origin: 'log.test/box-2' })).rejects.toEqual(code('audit_log_foreign'))
    await expect(openSite({ ...site, origin: 'a name with spaces' })).rejects.toEqual(code('audit_note_invalid'))
    await expect(openSite({ ...site, subjectKey: other.subjectKey })).rejects.toEqual(code('storage_key_wrong'))
    ;({ database, ledger } = await openSite(site))
  })
})

test('nothing that was said about a patient is on disk in the clear', async () => {
  const marker = 'UNMISTAKABLE-MARKER'
  for (let index = 0; index < 30; index += 1) {
    await ledger.commit(
      decisionEvidence(`${marker}-id-${index}`, `${marker}-patient-${index}`, { words: `${marker} `.repeat(50) }),
    )
  }
  const pseudonym = ledger.subjects.open(`${marker}-patient-0`).pseudonym
  const search = () => {
    const names = readdirSync(site.directory)
    for (const name of names) {
      const bytes = readFileSync(join(site.directory, name))
      for (const word of [marker, pseudonym, 'test-model', 'log-opened', 'CREATE TABLE'])
        expect(`${name}: ${bytes.includes(word)}`).toBe(`${name}: false`)
    }
    return names.sort()
  }
  expect(search()).toEqual(['evidence.db', 'evidence.db-shm', 'evidence.db-wal'])
  // A sort too large for the cache would spill into a temporary file.
  database.prepare('SELECT sealed FROM bodies ORDER BY sealed').all()
  database.checkpoint('PASSIVE')
  search()
  // Nor in the leaves themselves, for somebody who does hold the database key.
  const leaves = Buffer.concat(
    database
      .prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves')
      .all()
      .map(({ leaf }) => leaf),
  )
  expect(leaves.includes('patient')).toBe(false)
  expect(leaves.includes(pseudonym)).toBe(false)
  await ledger.close()
  expect(search()).toEqual(['evidence.db'])
})

test('any sequence of events, failures and restarts leaves a sound log with every acknowledged event', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('decide' as const),
        id: fc.nat(40),
        subject: fc.nat(5),
        together: fc.integer({ min: 1, max: 6 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('activate' as const), counter: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const own = await makeSite()
      let handle = (await openSite(own)).ledger
      const kept = new Set<string>()
      let leaves = 1
      for (const event of steps) {
        if (event.do === 'restart') {
          await handle.close()
          handle = (await openSite(own)).ledger
        } else if (event.do === 'decide') {
          const ids = Array.from({ length: event.together }, (_, offset) => `d${event.id + offset * 7}`)
          const results = await Promise.allSettled(
            ids.map((id) => handle.commit(decisionEvidence(id, `s${event.subject}`))),
          )
          results.forEach((result, place) => {
            expect(result.status).toBe(kept.has(ids[place]!) ? 'rejected' : 'fulfilled')
            kept.add(ids[place]!)
          })
        } else
          await handle.commit(event.do === 'read' ? { leaf: { kind: 'read' } } : activationEvidence('m', event.counter))
        if (event.do === 'read' || event.do === 'activate') leaves += 1
      }
      for (const id of kept) expect(handle.store.readBody(id)).toBeDefined()
      expect(handle.position().size).toBe(leaves + kept.size)
      await handle.close()
      expect(await verifySite(own)).toMatchObject({ findings: [], leaves: leaves + kept.size, bodies: kept.size })
      removeSite(own)
    }),
    { numRuns: 25 },
  )
}, 120_000)
