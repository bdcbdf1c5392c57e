import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { StorageError } from '../storage/errors.ts'
import { decisionEvidence, type LogSite, makeSite, openSite, removeSite } from './testkit/ledger-fixture.ts'
import { Attacker, withMember } from './testkit/tamper.ts'
import { auditVerifyCommand, type VerifySite } from './verify-command.ts'

let site: LogSite
let paths: VerifySite

beforeAll(async () => {
  site = await makeSite()
  const { database, ledger } = await openSite(site)
  for (const id of ['a', 'b', 'c', 'd', 'e']) await ledger.commit(decisionEvidence(id))
  const { note } = database.prepare<{ note: string }>('SELECT note FROM checkpoints ORDER BY size DESC').get()!
  await ledger.close()
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(site.directory, name), content)
    return join(site.directory, name)
  }
  file('kept', note)
  paths = {
    databasePath: site.path,
    databaseKeyPath: file('database.key', site.key),
    subjectsKeyPath: file('subjects.key', site.subjectKey),
    logPublicKeyPath: file('log.pub', site.publicPem),
    origin: site.origin,
  }
})
afterAll(() => removeSite(site))

async function run(args: string[], at: VerifySite | (() => VerifySite) = paths) {
  const said = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      said[name] += text
    },
  })
  const load = (pem: string) => loadVerifier(createCryptoProvider(), pem)
  const io = {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    readFile: (path: string) => readFileSync(path),
    loadVerifier: load,
  }
  return { code: await auditVerifyCommand(args, at, io), ...said }
}

/** Tampers with the log for one run, then puts the file back. */
async function whileTampered(tamper: (attacker: Attacker) => void, args: string[]) {
  const before = readFileSync(site.path)
  const attacker = new Attacker(site)
  tamper(attacker)
  attacker.leave()
  try {
    return await run(args)
  } finally {
    writeFileSync(site.path, before)
  }
}

describe('wardstone audit verify', () => {
  test('a sound log: exit 0 and a summary', async () => {
    const { code, stdout, stderr } = await run([])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^Sound: 6 leaves, 5 records, 6 checkpoints, from 2026-01-01T\S+ to 2026-01-01T\S+\. Signed up to leaf 6\.\nNot held against a checkpoint kept elsewhere: .*\n$/,
    )
  })

  test('--json: one object', async () => {
    expect(JSON.parse((await run(['--json'])).stdout)).toMatchObject({
      result: 'sound',
      leaves: 6,
      bodies: 5,
      signedSize: 6,
      keptSize: null,
      findings: [],
    })
  })

  const cases: [string, number, (attacker: Attacker) => void][] = [
    [
      'edited',
      10,
      (a) => a.run('UPDATE leaves SET leaf = ? WHERE idx = 3', withMember(a.leaf(3).leaf, 'outcome', 'refused')),
    ],
    ['deleted', 11, (a) => a.run('DELETE FROM leaves WHERE idx = 3')],
    ['inserted', 12, (a) => a.put({ ...a.leaf(3), idx: 6 })],
    ['reordered', 13, (a) => a.run('UPDATE leaves SET idx = CASE idx WHEN 3 THEN -4 ELSE -3 END WHERE idx IN (3, 4)')],
  ]
  test.each(cases)('%s: exit %i, with the place and what it means', async (name, expected, tamper) => {
    const negated = (a: Attacker) => {
      tamper(a)
      if (name === 'reordered') a.run('UPDATE leaves SET idx = -idx WHERE idx < 0')
    }
    const { code, stdout } = await whileTampered(negated, [])
    expect(code).toBe(expected)
    expect(stdout).toMatch(
      new RegExp(`^NOT SOUND: ${name}, at leaf [36]\\.\\n[A-Z].*\\.\\nProven by signature: the first [36] leaves\\.`),
    )
    expect(JSON.parse((await whileTampered(negated, ['--json'])).stdout)).toMatchObject({ result: name })
  })

  test('a new log is not held against the checkpoint of the one before, unless it is asked', async () => {
    const before = join(site.directory, 'kept-before')
    writeFileSync(before, readFileSync(join(site.directory, 'kept'), 'utf8').replace(site.origin, 'log.test/before'))
    const { code, stdout } = await run(['--json'], { ...paths, keptCheckpointPath: before })
    expect([code, JSON.parse(stdout).keptSize]).toEqual([0, null])
    expect((await run(['--checkpoint', before])).code).toBe(20)
    const own = await run(['--json'], { ...paths, keptCheckpointPath: join(site.directory, 'kept') })
    expect(JSON.parse(own.stdout).keptSize).toBe(6)
  })

  test('a log cut back with its checkpoints: exit 14 against a checkpoint kept elsewhere', async () => {
    const cutBack = (a: Attacker) => {
      a.run('DELETE FROM bodies WHERE idx >= 4')
      a.run('DELETE FROM leaves WHERE idx >= 4')
      a.run('DELETE FROM checkpoints WHERE size > 4')
      a.rewrite(
        a.leaves().map((row) => row.leaf),
        { sequence: false, chain: true },
      )
    }
    expect((await whileTampered(cutBack, [])).code).toBe(0)
    const against = await whileTampered(cutBack, ['--checkpoint', join(site.directory, 'kept')])
    expect(against).toMatchObject({ code: 14, stdout: expect.stringMatching(/^NOT SOUND: truncated, at leaf 4\./) })
    expect((await run(['--checkpoint', join(site.directory, 'kept')])).code).toBe(0)
  })

  test.each([
    ['a wrong database key', { databaseKeyPath: 'subjects.key' }, 'storage_key_wrong'],
    ['a wrong subjects key', { subjectsKeyPath: 'database.key' }, 'storage_key_wrong'],
    ['a missing database', { databasePath: 'none' }, 'storage_unreadable'],
    ['a file that is no database', { databasePath: 'kept' }, 'storage_key_wrong'],
    ['a public key that is none', { logPublicKeyPath: 'kept' }, 'crypto_key_malformed'],
  ])('could not run with %s: exit 20', async (_, change, expected) => {
    const moved = Object.fromEntries(Object.entries(change).map(([name, file]) => [name, join(site.directory, file)]))
    const { code, stderr, stdout } = await run(['--json'], { ...paths, ...moved })
    expect(code).toBe(20)
    expect(stderr).toContain(expected)
    expect(JSON.parse(stdout)).toEqual({ result: 'could-not-run', code: expected })
  })

  test('could not run: a missing key file, another origin, a site that cannot be read', async () => {
    expect((await run([], { ...paths, subjectsKeyPath: '/nowhere/key' })).code).toBe(20)
    expect((await run([], { ...paths, origin: 'log.test/other' })).code).toBe(20)
    const unreadable = () => {
      throw new StorageError('storage_unreadable')
    }
    expect(await run([], unreadable)).toMatchObject({ code: 20, stderr: expect.stringContaining('storage_unreadable') })
  })

  test.each([['--what'], ['extra'], ['--checkpoint']])('wrong usage %s: exit 2', async (argument) => {
    expect(await run([argument])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Usage:') })
  })

  test('--help: exit 0', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes') })
  })
})

test('memory stays flat: a long log is verified in a small heap, and grows no more from its first fifth to its end', () => {
  const program = fileURLToPath(new URL('./testkit/verify-large-log.ts', import.meta.url))
  const child = spawnSync(process.execPath, ['--max-old-space-size=64', '--expose-gc', program, '100000'], {
    encoding: 'utf8',
    timeout: 110_000,
  })
  expect(child.stderr).toBe('')
  const result = JSON.parse(child.stdout) as {
    leaves: number
    bodies: number
    findings: number
    grownBytes: number
    samples: number
  }
  expect(result).toMatchObject({ leaves: 100_000, bodies: 12_499, findings: 0, samples: 10 })
  expect(result.grownBytes).toBeLessThan(16 * 1024 * 1024)
}, 120_000)
