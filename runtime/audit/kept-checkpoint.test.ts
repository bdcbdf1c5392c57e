import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { silentLog } from '../../device/platform/log.ts'
import { openDatabase } from '../storage/database.ts'
import { type LedgerHandle, openLedger } from './ledger.ts'
import { decisionEvidence, type LogSite, makeSite, removeSite, tickingClock } from './testkit/ledger-fixture.ts'

let site: LogSite
let kept: string

beforeEach(async () => {
  site = await makeSite()
  kept = join(site.directory, 'log.checkpoint')
})
afterEach(() => removeSite(site))

async function open(origin = site.origin, path = site.path): Promise<LedgerHandle> {
  const database = openDatabase({ path, key: site.key })
  const { subjectKey, signer, verifier } = site
  const parts = { clock: tickingClock(), randomness: systemRandomness, log: silentLog }
  try {
    return await openLedger({ database, subjectKey, signer, verifier, origin, keptCheckpoint: kept, ...parts })
  } catch (error) {
    database.close()
    throw error
  }
}

async function write(count: number, name: string): Promise<void> {
  const ledger = await open()
  for (let index = 0; index < count; index++) await ledger.commit(decisionEvidence(`${name}-${index}`))
  await ledger.close()
}

test('a log that goes on is opened again and again', async () => {
  await write(3, 'first')
  await write(3, 'second')
  expect(readFileSync(kept, 'utf8').split('\n').slice(0, 2)).toEqual([site.origin, '7'])
})

test('a database that was deleted is noticed', async () => {
  await write(3, 'first')
  rmSync(site.path)
  await expect(open()).rejects.toMatchObject({ code: 'audit_log_rolled_back' })
})

test('an older copy is noticed, also after it has grown past the kept size', async () => {
  await write(3, 'first')
  const copy = join(site.directory, 'copy.db')
  copyFileSync(site.path, copy)
  await write(3, 'second')
  await expect(open(site.origin, copy)).rejects.toMatchObject({ code: 'audit_log_rolled_back' })
  const elsewhere = readFileSync(kept)
  rmSync(kept)
  const forked = await open(site.origin, copy)
  for (let index = 0; index < 9; index++) await forked.commit(decisionEvidence(`other-${index}`))
  await forked.close()
  writeFileSync(kept, elsewhere)
  await expect(open(site.origin, copy)).rejects.toMatchObject({ code: 'audit_log_rolled_back' })
})

test('a kill leaves a file that lags behind, which is no fault', async () => {
  await write(3, 'first')
  const old = readFileSync(kept)
  await write(3, 'second')
  writeFileSync(kept, old)
  await write(1, 'third')
})

test('a file that somebody wrote is not believed', async () => {
  await write(1, 'first')
  writeFileSync(kept, readFileSync(kept, 'utf8').replace('\n2\n', '\n1\n'))
  await expect(open()).rejects.toMatchObject({ code: 'audit_note_invalid' })
  writeFileSync(kept, 'not a note')
  await expect(open()).rejects.toMatchObject({ code: expect.stringMatching(/^audit_/) })
})

test('a new log, begun on purpose under a new origin, names in its first leaf where the one before was last known', async () => {
  await write(3, 'first')
  rmSync(site.path)
  const ledger = await open('log.test/box-2')
  await ledger.commit(decisionEvidence('anew'))
  await ledger.close()
  const database = openDatabase({ path: site.path, key: site.key, readonly: true })
  const row = database.prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves WHERE idx = 0').get()
  database.close()
  const first = JSON.parse(Buffer.from(row!.leaf).toString('utf8'))
  expect(first).toMatchObject({ kind: 'log-opened', previousOrigin: site.origin, previousSize: 4 })
  expect(first.previousRoot).toMatch(/^[0-9a-f]{64}$/)
  expect(existsSync(kept)).toBe(true)
})
