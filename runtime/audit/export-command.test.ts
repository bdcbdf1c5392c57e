import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../storage/database.ts'
import { acquireInstanceLock } from '../storage/instance-lock.ts'
import type { AuditSite } from './audit-log.ts'
import { auditExportCommand } from './export-command.ts'
import { csvCell } from './export-lines.ts'
import { auditSearchCommand } from './search-command.ts'
import { auditShowCommand } from './show-command.ts'
import { commandSite, decided, judged, runCommand, wasRead } from './testkit/command-fixture.ts'
import { type LogSite, makeSite, openSite, removeSite, verifySite } from './testkit/ledger-fixture.ts'

const SUBJECT = 'CANARY-000-1234'
const REASON = '=HYPERLINK("http://evil")'
const DECISIONS = 2500
let site: LogSite
let place: AuditSite
let count = 0

beforeAll(async () => {
  site = await makeSite()
  place = commandSite(site)
  const { ledger } = await openSite(site)
  for (let start = 0; start < DECISIONS; start += 250) {
    await Promise.all(
      Array.from({ length: 250 }, (_, lane) => ledger.commit(decided(`d${start + lane}`, `patient-${lane % 20}`))),
    )
  }
  await ledger.commit(decided('x1', SUBJECT, { model: 'model-b', alert: true }))
  await ledger.commit(judged('f1', 'x1', SUBJECT, REASON))
  await ledger.commit(wasRead('x1'))
  await ledger.close()
})
afterAll(() => removeSite(site))

const newFile = (ending = 'ndjson') => join(site.directory, `export-${count++}.${ending}`)
const run = (args: string[], input = '') => runCommand(auditExportCommand, args, place, input)
const sizeOfLog = () => {
  const database = openDatabase({ path: site.path, key: site.key, readonly: true })
  const { size } = database.prepare<{ size: number }>('SELECT max(size) AS size FROM checkpoints').get()!
  database.close()
  return size
}
const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** What somebody else can check with nothing but SHA-256 and JSON: RFC 6962 over the leaves, in a dozen lines. */
function rootOfLeaves(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0]!)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Uint8Array.of(1), rootOfLeaves(leaves.slice(0, split)), rootOfLeaves(leaves.slice(split)))
}

function readExport(path: string) {
  const text = readFileSync(path, 'utf8')
  const [head, ...leaves] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { text, head, end: leaves.pop(), leaves }
}

describe('an export as NDJSON', () => {
  test('of the whole log recomputes, by itself, to every hash and to the root that the log signed', async () => {
    const path = newFile()
    const { code, stdout } = await run(['--output', path])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Wrote 2504 leaves to \S+\. Recorded as leaf 2504\.\n$/)
    const { text, head, end, leaves } = readExport(path)
    const bytes = leaves.map(({ leaf }) => Buffer.from(JSON.stringify(leaf)))
    leaves.forEach(({ index, hash, leaf }, place) => {
      expect([index, leaf.seq]).toEqual([place, place])
      expect(sha256(Uint8Array.of(0), bytes[place]!).toString('hex')).toBe(hash)
    })
    const [origin, size, root] = head.checkpoint.split('\n')
    expect([origin, Number(size)]).toEqual([site.origin, leaves.length])
    expect(rootOfLeaves(bytes).toString('base64')).toBe(root)
    const signed = head.checkpoint.slice(0, head.checkpoint.indexOf('\n\n') + 1)
    const signature = Buffer.from(head.checkpoint.trimEnd().split(' ').at(-1), 'base64').subarray(4)
    expect(await site.verifier.verify(Buffer.from(signed), signature)).toBe(true)
    expect(head).toMatchObject({
      content: 'leaves',
      leaves: 2504,
      records: 0,
      exportedBy: 'local:auditor',
      evidence: { leafIndex: 2504 },
      range: { from: null, to: null, first: 0, end: 2504 },
      warning: null,
    })
    const before = text.slice(0, text.lastIndexOf('{"type":"end"'))
    expect(end).toEqual({ type: 'end', leaves: 2504, records: 0, sha256: sha256(before).toString('hex') })
    expect(text).not.toContain(SUBJECT)
  })

  test('is a file of its owner alone, and the evidence stands in the log', async () => {
    const path = newFile()
    const { stdout } = await run(['--output', path, '--model', 'model-b', '--json'])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const { evidence } = JSON.parse(stdout)
    const listed = await runCommand(auditSearchCommand, ['--kind', 'exported', '--limit', '99', '--json'], place)
    const last = JSON.parse(listed.stdout.trimEnd().split('\n').at(-2)!)
    expect(last).toMatchObject({
      index: evidence.leafIndex,
      hash: evidence.leafHash,
      leaf: {
        client: 'local:auditor',
        role: 'local-operator',
        strength: 'os-user',
        scope: 'log',
        content: 'leaves',
        format: 'ndjson',
        leaves: 1,
        records: 0,
        selection: '{"model":"model-b"}',
      },
    })
    expect((await verifySite(site)).findings).toEqual([])
  })

  test('carries records only when asked, says so loudly, and they prove themselves against their leaves', async () => {
    const path = newFile()
    const { stderr } = await run(['--output', path, '--subject-stdin', '--with-records'], SUBJECT)
    expect(stderr).toContain('WARNING')
    const { head, leaves, text } = readExport(path)
    expect(head).toMatchObject({ content: 'records', records: 2, leaves: 3, aboutOneSubject: true })
    expect(head.warning).toContain('patients')
    expect(leaves.map(({ leaf }) => leaf.kind)).toEqual(['decision', 'feedback', 'read'])
    for (const { leaf, record, salt } of leaves.slice(0, 2)) {
      // What JSON.parse read was canonical, so it is written back as it was.
      const plaintext = [Buffer.from(salt, 'hex'), Buffer.from(JSON.stringify(record))]
      expect(sha256(Uint8Array.of(3), ...plaintext).toString('hex')).toBe(leaf.body)
    }
    expect(leaves[2].record).toBeUndefined()
    expect(text).toContain(SUBJECT)
  })

  test('with records of all is found by whoever asks who saw a patient; one that did not cover the patient is not', async () => {
    const asked = async () => {
      const { stdout } = await runCommand(
        auditSearchCommand,
        ['--subject-stdin', '--json', '--kind', 'exported'],
        place,
        SUBJECT,
      )
      return stdout.trimEnd().split('\n').slice(0, -1).length
    }
    const before = await asked()
    await run(['--output', newFile(), '--with-records', '--model', 'model-a'])
    await run(['--output', newFile(), '--model', 'model-b'])
    await run(['--output', newFile(), '--with-records', '--to', '2020-01-01T00:00:00Z'])
    expect(await asked()).toBe(before)
    await run(['--output', newFile(), '--with-records', '--model', 'model-b', '--alert', 'yes'])
    expect(await asked()).toBe(before + 1)
  })

  test('is tied to the log: the leaf that recorded it has the digest over the hashes of what the file holds', async () => {
    const path = newFile()
    await run(['--output', path, '--client', 'monitor-1', '--to', '2027-01-01T00:00:00Z'])
    const { head, leaves } = readExport(path)
    expect(leaves.length).toBeGreaterThan(100)
    const digest = sha256(...leaves.map(({ hash }) => Buffer.from(hash, 'hex'))).toString('hex')
    expect(head.digest).toBe(digest)
    const shown = await runCommand(auditShowCommand, ['--leaf', String(head.evidence.leafIndex), '--json'], place)
    expect(JSON.parse(shown.stdout)).toMatchObject({ hash: head.evidence.leafHash, leaf: { kind: 'exported', digest } })
  })

  test('of nothing is a file that says so', async () => {
    const path = newFile()
    expect((await run(['--output', path, '--client', 'nobody'])).code).toBe(0)
    expect(readExport(path)).toMatchObject({ head: { leaves: 0 }, leaves: [], end: { leaves: 0 } })
  })
})

/** RFC 4180, by hand. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]]
  for (let rest = text; rest !== ''; ) {
    const [whole = '', quoted, plain, separator] = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest) ?? []
    expect(whole).not.toBe('')
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain ?? '')
    rest = rest.slice(whole.length)
    if (separator === '\r\n' && rest !== '') rows.push([])
  }
  return rows
}

describe('an export as CSV', () => {
  test('has one shape of row, the leaf in its own bytes, and what the export says of itself', async () => {
    const path = newFile('csv')
    await run(['--output', path, '--format', 'csv', '--with-records', '--subject-stdin'], SUBJECT)
    const text = readFileSync(path, 'utf8')
    const [names = [], ...rows] = parseCsv(text)
    const cells = rows.map((row) => Object.fromEntries(row.map((cell, at) => [names[at], cell])))
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([names.length]))
    expect(JSON.parse(cells[0]!.json!)).toMatchObject({ format: 'wardstone-audit-export', leaves: cells.length - 2 })
    for (const { type, json, hash } of cells.slice(1, -1))
      expect([type, sha256(Uint8Array.of(0), json!).toString('hex')]).toEqual(['leaf', hash])
    const end = JSON.parse(cells.at(-1)!.json!)
    expect(end.sha256).toBe(sha256(text.slice(0, text.lastIndexOf('end,'))).toString('hex'))
  })

  test.each([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\ttab', "'\ttab"],
    ['\rx', `"'\rx"`],
    [' =1', "' =1"],
    ['\u200b=1', "'\u200b=1"],
    ['\uff1d1', "'\uff1d1"],
    [REASON, `"'=HYPERLINK(""http://evil"")"`],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\nb', '"a\nb"'],
    ['a=b', 'a=b'],
    ['2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
    ['', ''],
  ])('writes %j as %j', (text, cell) => expect(csvCell(text)).toBe(cell))
})

describe('the file', () => {
  test('is not overwritten without --force, and then nothing is recorded', async () => {
    const path = newFile()
    writeFileSync(path, 'mine')
    const size = sizeOfLog()
    const { code, stderr } = await run(['--output', path])
    expect([code, readFileSync(path, 'utf8')]).toEqual([20, 'mine'])
    expect(stderr).toContain('audit_export_exists')
    expect(sizeOfLog()).toBe(size)
    expect((await run(['--output', path, '--force', '--model', 'model-b'])).code).toBe(0)
    expect(readExport(path).leaves).toHaveLength(1)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('never takes the name of what is not a file', async () => {
    const device = join(site.directory, 'pipe')
    spawnSync('mkfifo', [device])
    const folder = join(site.directory, 'folder')
    mkdirSync(folder)
    const before = sizeOfLog()
    for (const path of [device, folder]) {
      const { code, stderr } = await run(['--output', path, '--force'])
      expect([code, stderr]).toEqual([20, expect.stringContaining('audit_export_unwritable')])
    }
    expect([statSync(device).isFIFO(), statSync(folder).isDirectory(), sizeOfLog()]).toEqual([true, true, before])
  })

  test('of an export that is interrupted nothing is left, neither while it counts nor while it writes', async () => {
    for (const lines of [0, 1]) {
      const path = newFile()
      const controller = new AbortController()
      const { length } = readdirSync(site.directory)
      const before = sizeOfLog()
      const waiting = runCommand(
        auditExportCommand,
        ['--output', path, '--with-records'],
        place,
        '',
        undefined,
        controller.signal,
      )
      if (lines === 0) controller.abort()
      else
        for (const { signal } = controller; !signal.aborted; ) {
          await new Promise((resolve) => setImmediate(resolve))
          if (sizeOfLog() > before) controller.abort()
        }
      const { code, stdout, stderr } = await waiting
      expect([code, stdout, stderr]).toEqual([20, '', expect.stringContaining('audit_interrupted')])
      expect([existsSync(path), readdirSync(site.directory).length]).toEqual([false, length])
    }
  })

  test('replaces a link, not what it points to', async () => {
    const [path, victim] = [newFile(), newFile()]
    writeFileSync(victim, 'theirs')
    symlinkSync(victim, path)
    expect((await run(['--output', path])).code).toBe(20)
    expect((await run(['--output', path, '--force'])).code).toBe(0)
    expect(readFileSync(victim, 'utf8')).toBe('theirs')
  })

  test('is not there when the export could not be recorded, nor anything beside it', async () => {
    const folder = join(site.directory, 'empty')
    mkdirSync(folder)
    const lock = acquireInstanceLock(`${place.databasePath}.lock`)
    const { code, stdout } = await run(['--output', join(folder, 'a.ndjson'), '--with-records'])
    lock.release()
    expect([code, stdout, readdirSync(folder)]).toEqual([20, '', []])
  })

  test('in a folder that is not there, or is a folder: exit 20, and nothing is recorded', async () => {
    const size = sizeOfLog()
    for (const path of ['/nowhere/a', site.directory]) expect((await run(['--output', path])).code).toBe(20)
    expect(sizeOfLog()).toBe(size)
  })

  test('of a process that was killed is cleared away by the next; that of one that lives is left', async () => {
    const path = join(site.directory, 'again.ndjson')
    const [dead, alive, other] = [
      '.again.ndjson.4194999.partial',
      '.again.ndjson.1.partial',
      '.b.ndjson.4194999.partial',
    ]
    for (const name of [dead, alive, other]) writeFileSync(join(site.directory, name), 'half')
    await run(['--output', path])
    expect([dead, alive, other].map((name) => existsSync(join(site.directory, name)))).toEqual([false, true, true])
  })
})

describe('wrong usage', () => {
  test.each([[[]], [['--output', '']], [['--output', 'a', '--format', 'xlsx']], [['--output', 'a', SUBJECT]]])(
    '%j: exit 2, and what was given is not repeated',
    async (args) => {
      const { code, stdout, stderr } = await run(args)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).not.toContain(SUBJECT)
    },
  )
})

test('memory stays flat: a long log is searched and exported whole in a small heap', () => {
  const program = fileURLToPath(new URL('./testkit/export-large-log.ts', import.meta.url))
  const child = spawnSync(process.execPath, ['--max-old-space-size=64', '--expose-gc', program, '40000'], {
    encoding: 'utf8',
    timeout: 170_000,
  })
  expect(child.stderr).toBe('')
  const result = JSON.parse(child.stdout)
  expect(result).toMatchObject({ isWhole: true, searched: { code: 0, lines: 40_001 }, exported: { code: 0, lines: 1 } })
  for (const { grownBytes, samples } of [result.searched, result.exported]) {
    expect(samples).toBeGreaterThan(3)
    expect(grownBytes).toBeLessThan(16 * 1024 * 1024)
  }
}, 180_000)
