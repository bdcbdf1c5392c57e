import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { commandSite } from './testkit/command-fixture.ts'
import { readCheckpoint } from './testkit/kept-checkpoint.ts'
import { decisionEvidence, type LogSite, makeSite, openSite, removeSite, verifySite } from './testkit/ledger-fixture.ts'
import { Attacker } from './testkit/tamper.ts'
import { auditVerifyCommand } from './verify-command.ts'

let site: LogSite
/** The newest checkpoint, as somebody elsewhere kept it. */
let kept: string
const files = ['', '-wal', '-shm']

async function write(from: number, to: number): Promise<void> {
  const { ledger } = await openSite(site)
  for (let index = from; index < to; index += 1)
    await ledger.commit(decisionEvidence(`d${index}`, `patient-${index % 7}`))
  await ledger.close()
}

/** Copies the files of the database, as a backup tool or a snapshot of the volume would. */
function copyDatabase(): { restore(): void } {
  const folder = mkdtempSync(join(site.directory, 'copy-'))
  for (const end of files.filter((each) => existsSync(`${site.path}${each}`)))
    copyFileSync(`${site.path}${end}`, join(folder, `db${end}`))
  return {
    restore: () => {
      for (const end of files) rmSync(`${site.path}${end}`, { force: true })
      for (const end of files.filter((each) => existsSync(join(folder, `db${each}`))))
        copyFileSync(join(folder, `db${end}`), `${site.path}${end}`)
    },
  }
}

beforeEach(async () => {
  site = await makeSite()
  await write(0, 20)
})
afterEach(() => removeSite(site))

async function command(...args: string[]) {
  let stdout = ''
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: () => {} },
    readFile: (path: string) => readFileSync(path),
    loadVerifier: (pem: string) => loadVerifier(createCryptoProvider(), pem),
  }
  return { code: await auditVerifyCommand(args, commandSite(site), io), stdout }
}

function keptFile(): string {
  const path = join(site.directory, 'kept.txt')
  writeFileSync(path, kept)
  return path
}

describe('against a checkpoint that somebody else kept', () => {
  test('an older copy that was put back over a newer database: rolled back, exit 15; by itself it is sound', async () => {
    const copy = copyDatabase()
    await write(20, 30)
    kept = readCheckpoint(site)
    expect((await verifySite(site, kept)).findings).toEqual([])
    copy.restore()
    expect((await command()).code).toBe(0)
    const { code, stdout } = await command('--checkpoint', keptFile())
    expect(code).toBe(15)
    expect(stdout).toMatch(/^NOT SOUND: rolled back, at leaf 21\.\nAn older copy of the log was put in its place/)
    expect((await verifySite(site, kept)).findings).toMatchObject([
      { finding: 'rolled-back', what: 'leaf', position: 21, provenBefore: 21 },
    ])
  })

  test('an older copy on which the runtime wrote on: rolled back, although it is as long and all is signed', async () => {
    const copy = copyDatabase()
    await write(20, 30)
    kept = readCheckpoint(site)
    copy.restore()
    await write(100, 115)
    expect((await command()).code).toBe(0)
    const { code, stdout } = await command('--checkpoint', keptFile())
    expect(code).toBe(15)
    expect(stdout).toContain('The log was rolled back and written on')
    expect((await verifySite(site, kept)).findings).toMatchObject([{ finding: 'rolled-back', position: 31 }])
  })

  test('the end cut off with its checkpoints and the head rebuilt: truncated, exit 14; by itself it is sound', async () => {
    kept = readCheckpoint(site)
    const attacker = new Attacker(site)
    attacker.run('DELETE FROM bodies WHERE idx >= 4')
    attacker.run('DELETE FROM leaves WHERE idx >= 4')
    attacker.run('DELETE FROM checkpoints WHERE size > 4')
    attacker.rewrite(
      attacker.leaves().map(({ leaf }) => leaf),
      { sequence: false, chain: true },
    )
    attacker.leave()
    expect((await command()).code).toBe(0)
    const { code, stdout } = await command('--checkpoint', keptFile(), '--json')
    expect(code).toBe(14)
    expect(JSON.parse(stdout)).toMatchObject({ result: 'truncated', findings: [{ position: 4, provenBefore: 4 }] })
  })

  test('the end cut off in the middle of what a checkpoint signed: truncated, with or without the kept one', async () => {
    kept = readCheckpoint(site)
    const attacker = new Attacker(site)
    attacker.run('DELETE FROM bodies WHERE idx >= 18')
    attacker.run('DELETE FROM leaves WHERE idx >= 18')
    attacker.leave()
    expect((await command()).code).toBe(14)
    expect((await command('--checkpoint', keptFile())).code).toBe(14)
  })

  test('all checkpoints gone and the leaves before the kept one rewritten: edited, not rolled back', async () => {
    kept = readCheckpoint(site)
    const attacker = new Attacker(site)
    attacker.run('DELETE FROM checkpoints')
    attacker.rewrite(
      attacker.leaves().map(({ leaf }, place) => (place === 5 ? attacker.leaf(6).leaf : leaf)),
      { sequence: true, chain: true },
    )
    attacker.leave()
    const [first] = (await verifySite(site, kept)).findings
    expect(first?.finding).toBe('edited')
    expect((await command('--checkpoint', keptFile())).code).toBe(10)
  })

  test('a log that only grew since: sound', async () => {
    kept = readCheckpoint(site)
    await write(20, 40)
    const { code, stdout } = await command('--checkpoint', keptFile())
    expect([code, stdout]).toEqual([0, expect.stringContaining('Held against a checkpoint of 21 leaves')])
    expect((await command()).stdout).toContain('Not held against a checkpoint kept elsewhere')
  })
})

describe('the indexes of a search', () => {
  test('one that leaves something out is named, although every leaf is as it was', async () => {
    const attacker = new Attacker(site)
    attacker.connection.unsafeMode()
    const { sql } = attacker.connection
      .prepare("SELECT sql FROM sqlite_schema WHERE name = 'bodies_subject'")
      .get() as { sql: string }
    attacker.connection.exec('DROP INDEX bodies_subject')
    attacker.connection.exec('CREATE INDEX bodies_subject ON bodies (subject) WHERE idx <> 5')
    attacker.connection.pragma('writable_schema=ON')
    attacker.run("UPDATE sqlite_schema SET sql = ? WHERE name = 'bodies_subject'", sql)
    attacker.connection.pragma('writable_schema=OFF')
    attacker.leave()
    expect((await verifySite(site)).findings).toMatchObject([{ finding: 'edited', what: 'index' }])
    expect(await command()).toMatchObject({ code: 10, stdout: expect.stringContaining('a search may miss some') })
  })
})
