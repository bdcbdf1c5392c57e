import { copyFileSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aesGcmOpen, aesGcmSeal, hkdfSha256 } from '../../device/crypto/bulk.ts'
import {
  activationEvidence,
  decisionEvidence,
  feedbackEvidence,
  type LogSite,
  makeSite,
  openSite,
  removeSite,
  verifySite,
} from './testkit/ledger-fixture.ts'
import { Attacker } from './testkit/tamper.ts'

let original: LogSite

beforeAll(async () => {
  original = await makeSite()
  const { ledger } = await openSite(original)
  await ledger.commit(activationEvidence('test-model', 1))
  for (const id of ['a', 'b', 'c']) await ledger.commit(decisionEvidence(id))
  await ledger.commit(feedbackEvidence('on-a', 'a'))
  await ledger.close()
})
afterAll(() => removeSite(original))

async function tampered(change: (attacker: Attacker) => void): Promise<LogSite> {
  const directory = mkdtempSync(join(original.directory, 'case-'))
  const site: LogSite = { ...original, directory, path: join(directory, 'evidence.db') }
  copyFileSync(original.path, site.path)
  const attacker = new Attacker(site)
  change(attacker)
  attacker.leave()
  return site
}

describe('evidence that is hidden while every leaf stands', () => {
  /** Rebuilds an index under a predicate that is never true, and puts its old text back. */
  const emptyIndex = (attacker: Attacker, name: string) => {
    const { connection } = attacker
    const { sql } = connection
      .prepare<[string], { sql: string }>('SELECT sql FROM sqlite_schema WHERE name = ?')
      .get(name)!
    connection.exec(`DROP INDEX ${name}`)
    connection.exec(`${sql.replace(/ WHERE .*/, '')} WHERE idx < 0`)
    connection.unsafeMode(true)
    connection.pragma('writable_schema=ON')
    attacker.run('UPDATE sqlite_schema SET sql = ? WHERE name = ?', sql, name)
    connection.pragma('writable_schema=RESET')
    connection.unsafeMode(false)
  }

  test.each(['bodies_about', 'activations_floor', 'activations_package', 'activations_slot'])(
    'an index that was emptied (%s) is named, although schema and leaves are as they were',
    async (name) => {
      const site = await tampered((attacker) => emptyIndex(attacker, name))
      expect((await verifySite(site)).findings).toMatchObject([{ finding: 'edited', what: 'index' }])
      if (name !== 'bodies_about')
        await expect(openSite(site)).rejects.toMatchObject({ code: 'storage_schema_altered' })
    },
  )

  test('two patients who changed places in the register are named', async () => {
    const site = await tampered(({ connection }) => {
      const register = connection.prepare<[], { pseudonym: string; lookup: Buffer; nonce: Buffer; wrapped: Buffer }>(
        'SELECT * FROM subjects',
      )
      const [one, other] = register.all()
      const wrapKey = hkdfSha256(original.subjectKey, Buffer.from('wardstone/v1/subject-wrap'), new Uint8Array(), 32)
      const context = (pseudonym: string, lookup: Buffer) =>
        Buffer.concat([Buffer.from(`wardstone/v1/subject-key\0${pseudonym}\0`), lookup])
      const rewrapped = [
        [one!, other!.lookup],
        [other!, one!.lookup],
      ] as const
      for (const { pseudonym } of [one!, other!])
        connection.prepare('DELETE FROM subjects WHERE pseudonym = ?').run(pseudonym)
      for (const [row, lookup] of rewrapped) {
        const key = aesGcmOpen(wrapKey, row.nonce, row.wrapped, context(row.pseudonym, row.lookup))
        const wrapped = aesGcmSeal(wrapKey, row.nonce, key, context(row.pseudonym, lookup))
        const values = [row.pseudonym, lookup, row.nonce, wrapped]
        connection
          .prepare('INSERT INTO subjects (pseudonym, lookup, nonce, wrapped) VALUES (?, ?, ?, ?)')
          .run(...values)
      }
    })
    const [first] = (await verifySite(site)).findings
    expect(first).toMatchObject({
      finding: 'edited',
      what: 'body',
      meaning: expect.stringContaining('register of subjects'),
    })
  })
})
