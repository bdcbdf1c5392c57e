import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bodyFilePath } from '../storage/body-file.ts'
import type { Database } from '../storage/database.ts'
import type { LedgerHandle } from './ledger.ts'
import { decisionEvidence, type LogSite, makeSite, openSite, removeSite, verifySite } from './testkit/ledger-fixture.ts'

let site: LogSite
let database: Database
let ledger: LedgerHandle

beforeEach(async () => {
  site = await makeSite()
  ;({ database, ledger } = await openSite(site))
})
afterEach(async () => {
  await ledger.close()
  removeSite(site)
})

const MARKER = 'pixels-of-somebody'
const large = (id: string, subject?: string) =>
  decisionEvidence(id, subject, { pixels: `${MARKER} ${'x'.repeat(70_000)}` })
const code = (value: string) => expect.objectContaining({ code: value })

describe('a record that holds the tensor of an image', () => {
  test('lies sealed beside the database, is read back whole, and stands in a sound log', async () => {
    await ledger.commit(decisionEvidence('small'))
    await Promise.all([ledger.commit(large('one')), ledger.commit(large('two'))])
    const beside = readFileSync(bodyFilePath(site.path))
    expect(beside.length).toBeGreaterThan(140_000)
    expect(beside.includes(MARKER)).toBe(false)
    const rows = database.prepare<{ id: string; size: number }>('SELECT id, length(sealed) AS size FROM bodies').all()
    expect(
      rows
        .filter(({ size }) => size === 12)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['one', 'two'])
    expect(ledger.store.readBody('two')?.content.pixels).toContain(MARKER)
    expect(await verifySite(site)).toMatchObject({ findings: [], bodies: 3 })
    await ledger.close()
    expect(readdirSync(site.directory).sort()).toEqual(['evidence.db', 'evidence.db-bodies'])
    ;({ database, ledger } = await openSite(site))
    expect(ledger.store.readBody('one')?.content.pixels).toContain(MARKER)
  })

  test('is durable before its row: what was on its way when the box closes is written, or nothing of it is', async () => {
    const waiting = [ledger.commit(large('one')), ledger.commit(decisionEvidence('small')), ledger.commit(large('two'))]
    await ledger.close()
    expect((await Promise.all(waiting)).map(({ leafIndex }) => leafIndex).sort()).toEqual([1, 2, 3])
    expect(await verifySite(site)).toMatchObject({ findings: [], leaves: 4, bodies: 3 })
  })

  test('that cannot be written is not acknowledged, and the log goes on', async () => {
    mkdirSync(bodyFilePath(site.path))
    await expect(ledger.commit(large('one'))).rejects.toEqual(code('storage_failed'))
    await ledger.commit(decisionEvidence('small'))
    rmSync(bodyFilePath(site.path), { recursive: true })
    await ledger.commit(large('one'))
    expect(await verifySite(site)).toMatchObject({ findings: [], leaves: 3, bodies: 2 })
  })

  test('counts among those that wait', async () => {
    await ledger.close()
    ;({ database, ledger } = await openSite(site, { maxQueue: 1 }))
    const first = ledger.commit(large('one'))
    await expect(ledger.commit(large('two'))).rejects.toEqual(code('storage_busy'))
    await first
  })

  test.each<[string, (path: string) => void, string]>([
    ['edited', (path) => flip(path, 50), 'edited'],
    ['cut off', (path) => truncateSync(path, 100), 'deleted'],
    ['taken away', (path) => rmSync(path), 'deleted'],
  ])('%s beside the database shows', async (_, attack, finding) => {
    await ledger.commit(large('one'))
    attack(bodyFilePath(site.path))
    const { findings } = await verifySite(site)
    expect(findings).toMatchObject([{ what: 'body', finding, position: 1 }])
    expect(() => ledger.store.readBody('one')).toThrow(code('storage_body_damaged'))
  })

  test('shows when two have changed places', async () => {
    await ledger.commit(large('one', 'patient'))
    await ledger.commit(large('two', 'patient'))
    const path = bodyFilePath(site.path)
    const bytes = readFileSync(path)
    const half = bytes.length / 2
    writeFileSync(path, Buffer.concat([bytes.subarray(half), bytes.subarray(0, half)]))
    expect((await verifySite(site)).findings.map(({ finding }) => finding)).toEqual(['edited', 'edited'])
  })
})

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}
