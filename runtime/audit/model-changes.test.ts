import { copyFileSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyConnection } from '../storage/cipher.ts'
import { CHANGES_VERSION, migrations } from '../storage/schema.ts'
import {
  activationEvidence,
  decisionEvidence,
  type LogSite,
  makeSite,
  openSite,
  removeSite,
  verifySite,
} from './testkit/ledger-fixture.ts'
import { Attacker } from './testkit/tamper.ts'
import type { Evidence } from './types.ts'

let original: LogSite

const event = (digit: string) => digit.repeat(32)
const hash = (digit: string) => digit.repeat(64)

function change(kind: 'activated' | 'rolled-back', counter: number, packageHash: string, id: string): Evidence {
  const { activation } = activationEvidence('m', counter, packageHash)
  const name = kind === 'activated' ? 'activate' : 'rollback'
  return { leaf: { kind, by: 'engineer' }, activation: { ...activation!, event: id, change: name } }
}

/** Leaves: 0 log-opened, 1 of a release that knew no changes, 2 and 3 two changes, 4 a refusal. */
beforeAll(async () => {
  original = await makeSite()
  const { ledger } = await openSite(original)
  await ledger.commit(activationEvidence('m', 1, hash('a')))
  await ledger.commit({ ...change('activated', 2, hash('b'), event('1')), imageVersion: 3 })
  await ledger.commit(change('rolled-back', 1, hash('a'), event('2')))
  await ledger.commit({ leaf: { kind: 'package-refused', slot: 'm', code: 'package_revoked' }, imageVersion: 5 })
  await ledger.close()
})

afterAll(() => removeSite(original))

function copy(): LogSite {
  const directory = mkdtempSync(join(original.directory, 'case-'))
  const site = { ...original, directory, path: join(directory, 'evidence.db') }
  copyFileSync(original.path, site.path)
  return site
}

describe('what the log remembers of the models', () => {
  test('is read back: what runs, what ran before it, which event did it, and the newest image targets', async () => {
    const { ledger } = await openSite(copy())
    const { store } = ledger
    expect(store.newestActivation('m')).toEqual({
      slot: 'm',
      packageHash: hash('a'),
      event: event('2'),
      change: 'rollback',
    })
    expect(store.packageBefore('m')).toBe(hash('b'))
    expect(store.activationOf(event('1'))).toMatchObject({ packageHash: hash('b'), change: 'activate' })
    expect(store.activationOf(event('3'))).toBeUndefined()
    expect(store.floor('m')).toMatchObject({ releaseCounter: 2, packageHash: hash('b') })
    expect([store.activatedSlots(), store.imageVersion()]).toEqual([['m'], 5])
    expect([store.newestActivation('n'), store.packageBefore('n')]).toEqual([undefined, undefined])
    await ledger.close()
  })

  test('has one leaf for one event', async () => {
    const { ledger } = await openSite(copy())
    await expect(ledger.commit(change('activated', 9, hash('c'), event('1')))).rejects.toMatchObject({
      code: 'storage_row_refused',
    })
    expect(ledger.position().size).toBe(5)
    await ledger.close()
  })

  test.each<[string, Evidence]>([
    [
      'a rollback under the other kind',
      { ...change('rolled-back', 1, hash('a'), event('4')), leaf: { kind: 'activated' } },
    ],
    [
      'an event that its leaf contradicts',
      { ...change('activated', 3, hash('c'), event('4')), leaf: { kind: 'activated', event: 'x' } },
    ],
    ['an image version under a kind that is not decided by one', { leaf: { kind: 'read' }, imageVersion: 9 }],
  ])('takes no %s', async (_what, evidence) => {
    const { ledger } = await openSite(copy())
    await expect(ledger.commit(evidence)).rejects.toMatchObject({ code: 'audit_evidence_invalid' })
    await ledger.close()
  })

  test.each<[string, string, string, number]>([
    ['an event', `UPDATE activations SET event = '${event('9')}' WHERE idx = 2`, 'edited', 2],
    ['an event that is taken away', 'UPDATE activations SET event = NULL WHERE idx = 2', 'edited', 2],
    ['a rollback made an activation', "UPDATE activations SET change = 'activate' WHERE idx = 3", 'edited', 3],
    ['an activation made a rollback', "UPDATE activations SET change = 'rollback' WHERE idx = 1", 'edited', 1],
    ['a row of a rollback', 'DELETE FROM activations WHERE idx = 3', 'deleted', 3],
    ['a lowered version of the image targets', 'UPDATE image_versions SET version = 1 WHERE idx = 4', 'edited', 4],
    ['a forgotten version of the image targets', 'DELETE FROM image_versions WHERE idx = 4', 'deleted', 4],
    [
      'a version of the image targets that no leaf speaks of',
      'INSERT INTO image_versions VALUES (1, 9)',
      'inserted',
      1,
    ],
  ])('shows %s to the verifier', async (_what, sql, finding, at) => {
    const site = copy()
    expect((await verifySite(site)).findings).toEqual([])
    const attacker = new Attacker(site)
    attacker.run(sql)
    attacker.leave()
    expect((await verifySite(site)).findings).toMatchObject([{ finding, what: 'activation', position: at }])
  })
})

describe('a database of a release that knew no changes', () => {
  /** The log as the release before would have written it: the same rows, in its own tables. */
  async function older(): Promise<LogSite> {
    const source = await makeSite()
    const { ledger } = await openSite(source)
    await ledger.commit(activationEvidence('m', 4, hash('d')))
    await ledger.commit(decisionEvidence('d1'))
    await ledger.close()
    const site = { ...source, path: join(source.directory, 'older.db') }
    const [from, to] = [new Sqlite(source.path), new Sqlite(site.path)]
    for (const connection of [from, to]) keyConnection(connection, source.key)
    to.pragma('journal_mode=WAL')
    for (const { version, statements } of migrations.slice(0, CHANGES_VERSION - 1)) {
      for (const statement of statements) to.exec(statement)
      to.prepare('INSERT INTO migrations (version) VALUES (?)').run(version)
    }
    for (const table of [
      'log',
      'key_checks',
      'leaves',
      'subjects',
      'bodies',
      'checkpoints',
      'head',
      'activations',
      'outbox',
    ]) {
      const columns = to.prepare<[], { name: string }>(`SELECT name FROM pragma_table_info('${table}')`).all()
      const names = columns.map(({ name }) => name).join(', ')
      const insert = to.prepare(`INSERT INTO ${table} (${names}) VALUES (${columns.map(() => '?').join(', ')})`)
      for (const row of from.prepare<[], unknown[]>(`SELECT ${names} FROM ${table}`).raw().all()) insert.run(...row)
    }
    for (const connection of [from, to]) connection.close()
    return site
  }

  test('is verified as it is, and brought up to this one when a runtime opens it', async () => {
    const site = await older()
    expect(await verifySite(site)).toMatchObject({ leaves: 3, findings: [] })
    const { ledger } = await openSite(site)
    expect(ledger.store.newestActivation('m')).toEqual({ slot: 'm', packageHash: hash('d'), event: null, change: null })
    expect([ledger.store.floor('m')?.releaseCounter, ledger.store.imageVersion()]).toEqual([4, 0])
    await ledger.commit({ ...change('activated', 5, hash('e'), event('7')), imageVersion: 2 })
    expect([ledger.store.packageBefore('m'), ledger.store.imageVersion()]).toEqual([hash('d'), 2])
    await ledger.close()
    expect(await verifySite(site)).toMatchObject({ leaves: 4, findings: [] })
    removeSite(site)
  })
})
