import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acquireInstanceLock } from '../storage/instance-lock.ts'
import type { AuditSite } from './audit-log.ts'
import type { LedgerHandle } from './ledger.ts'
import { auditSearchCommand } from './search-command.ts'
import { type Answer, commandSite, decided, judged, runCommand, wasRead } from './testkit/command-fixture.ts'
import { type LogSite, makeSite, openSite, removeSite, verifySite } from './testkit/ledger-fixture.ts'

const SUBJECT = 'Ward 7/000-1234%_'
const DECISIONS = 3000
let site: LogSite
let place: AuditSite
let pseudonym: string
/** The clock of the log moves this much at each batch. */
const STEP_MS = 1000
const START_MS = Date.UTC(2026, 2, 1)

async function commitAll(ledger: LedgerHandle, evidence: Parameters<LedgerHandle['commit']>[0][]) {
  for (let start = 0; start < evidence.length; start += 256)
    await Promise.all(evidence.slice(start, start + 256).map((each) => ledger.commit(each)))
}

beforeAll(async () => {
  site = await makeSite()
  place = commandSite(site)
  let batches = 0
  const { ledger } = await openSite(site, {
    clock: { nowMs: () => START_MS + STEP_MS * batches++, monotonicMs: () => 0 },
  })
  const others = Array.from({ length: DECISIONS }, (_, index) =>
    decided(`d${index}`, `patient-${index % 50}`, {
      client: `monitor-${index % 4}`,
      model: index % 3 === 0 ? 'model-b' : 'model-a',
      outcome: index % 10 === 0 ? 'input_missing' : 'scored',
      alert: index % 100 === 1,
    }),
  )
  await commitAll(ledger, others)
  await ledger.commit(decided('x1', SUBJECT, { alert: true }))
  await ledger.commit(wasRead('x1', 'officer-1'))
  await ledger.commit(decided('x2', SUBJECT, { alert: true, isOld: true }))
  await ledger.commit(decided('x3', SUBJECT, { alert: false, isOld: true }))
  await ledger.commit(judged('f1', 'x2', SUBJECT))
  await ledger.commit(wasRead('d3', 'officer-1'))
  pseudonym = ledger.subjects.open(SUBJECT).pseudonym
  await ledger.close()
})
afterAll(() => removeSite(site))

const search = (args: string[], input = ''): Promise<Answer> => runCommand(auditSearchCommand, args, place, input)

interface Line {
  readonly type: string
  readonly index: number
  readonly leaf: Record<string, string | number>
}

async function found(args: string[], input = '') {
  const { code, stdout, stderr } = await search([...args, '--json'], input)
  const lines = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
  const end = lines.at(-1) as unknown as { type: string; leaves: number; after: number | null; size: number }
  expect(end.type).toBe('end')
  return { code, stderr, end, leaves: lines.slice(0, -1) }
}

const ids = (leaves: readonly Line[]) => leaves.map(({ leaf }) => leaf.id ?? leaf.decision)

describe('who saw a patient', () => {
  test('decisions, reads and feedback about the patient, and nothing of others', async () => {
    const { code, leaves, end } = await found(['--subject-stdin'], `${SUBJECT}\n`)
    expect(code).toBe(0)
    expect(leaves.map(({ leaf }) => leaf.kind)).toEqual(['decision', 'read', 'decision', 'decision', 'feedback'])
    expect(ids(leaves)).toEqual(['x1', 'x1', 'x2', 'x3', 'f1'])
    expect(end).toMatchObject({ leaves: 5, after: null })
  })

  test('the same by file and by pseudonym, in whatever letters', async () => {
    const file = join(site.directory, 'patient.txt')
    writeFileSync(file, `  ${SUBJECT.normalize('NFD')} \r\n`)
    expect(ids((await found(['--subject-file', file, '--kind', 'feedback'])).leaves)).toEqual(['f1'])
    expect(ids((await found(['--pseudonym', pseudonym.toLowerCase(), '--kind', 'feedback'])).leaves)).toEqual(['f1'])
  })

  test('between two moments, half-open, in any offset', async () => {
    const { leaves } = await found(['--pseudonym', pseudonym])
    const [first = '', second = '', third = ''] = leaves.map(({ leaf }) => String(leaf.at))
    const at = (moment: string, hours: number) =>
      `${new Date(Date.parse(moment) + hours * 3_600_000).toISOString().slice(0, -1)}${hours < 0 ? '-' : '+'}0${Math.abs(hours)}:00`
    const between = ['--from', at(first, 2), '--to', at(third, -5)]
    expect((await found(['--pseudonym', pseudonym, ...between])).leaves.map(({ leaf }) => leaf.at)).toEqual([
      first,
      second,
    ])
    expect(
      (await found(['--pseudonym', pseudonym, '--from', third, '--to', third.replace('Z', '1Z')])).leaves,
    ).toHaveLength(1)
  })

  test('each question about a patient is a leaf, written before the answer; leaves name no patient and no pseudonym', async () => {
    const before = (await found(['--kind', 'read', '--client', 'local:auditor', '--limit', '9999'])).leaves
    await search(['--subject-stdin'], SUBJECT)
    const after = (await found(['--kind', 'read', '--client', 'local:auditor', '--limit', '9999'])).leaves
    expect(after).toHaveLength(before.length + 1)
    expect(after.at(-1)?.leaf).toMatchObject({
      kind: 'read',
      client: 'local:auditor',
      role: 'local-operator',
      strength: 'os-user',
      uid: 1000,
      loginUid: 1001,
      scope: 'subject',
      decision: 'x1',
    })
    expect(JSON.stringify(after)).not.toContain(SUBJECT)
    expect(JSON.stringify(after)).not.toContain(pseudonym)
    expect((await found(['--subject-stdin'], SUBJECT)).leaves.at(-1)?.leaf.client).toBe('local:auditor')
    expect((await verifySite(site)).findings).toEqual([])
  })

  test('a patient of whom nothing is known: exit 1, recorded all the same, and no row is made', async () => {
    for (const hostile of [
      '%',
      '_',
      '*',
      "' OR '1'='1",
      'patient-1%',
      '"; DROP TABLE leaves; --',
      SUBJECT.slice(0, -1),
    ]) {
      const { code, leaves } = await found(['--subject-stdin'], hostile)
      expect([hostile, code, leaves]).toEqual([hostile, 1, []])
    }
    const reads = (await found(['--client', 'local:auditor', '--limit', '9999'])).leaves
    expect(reads.filter(({ leaf }) => leaf.decision === undefined)).toHaveLength(7)
  })

  test('that a patient is not known here is told apart from one whom nobody looked at', async () => {
    const never = ['--subject-stdin', '--to', '2020-01-01T00:00:00Z']
    expect((await search(never, SUBJECT)).stdout).toMatch(/^Nothing found among the \d+ leaves of \S+\.\n$/)
    expect((await found(never, SUBJECT)).end).toMatchObject({ leaves: 0, subject: 'known' })
    const mistyped = SUBJECT.replace('0', 'O')
    expect((await search(never, mistyped)).stdout).toContain('No such patient is known here')
    expect((await found(never, mistyped)).end).toMatchObject({ leaves: 0, subject: 'unknown' })
    expect((await found(['--limit', '1'])).end).toMatchObject({ subject: null })
    expect((await found(['--pseudonym', 'P-0000-0000'])).end).toMatchObject({ subject: 'unknown' })
  })

  test('no evidence, no answer: while another process holds the log and does not answer', async () => {
    const lock = acquireInstanceLock(`${place.databasePath}.lock`)
    const { code, stdout, stderr } = await search(['--subject-stdin'], SUBJECT)
    lock.release()
    expect([code, stdout]).toEqual([20, ''])
    expect(stderr).toContain('audit_evidence_unrecorded')
    expect(stderr).toContain('storage_locked')
  })

  test('no evidence, no answer: a log that nothing may be added to', async () => {
    const broken = { ...place, logKeyPath: '/nowhere/log.key' }
    const { code, stdout } = await runCommand(auditSearchCommand, ['--subject-stdin'], broken, SUBJECT)
    expect([code, stdout]).toEqual([20, ''])
  })
})

describe('what a model said, what a client did', () => {
  const expected = (keep: (index: number) => boolean) =>
    Array.from({ length: DECISIONS }, (_, index) => index)
      .filter(keep)
      .map((index) => `d${index}`)

  test('by model and outcome', async () => {
    const { leaves } = await found(['--model', 'model-b', '--outcome', 'input_missing', '--limit', '5000'])
    expect(ids(leaves)).toEqual(expected((index) => index % 3 === 0 && index % 10 === 0))
  })

  test('by alert; decisions from before leaves said so are told by their records', async () => {
    const { leaves } = await found(['--alert', 'yes', '--limit', '5000'])
    expect(ids(leaves)).toEqual([...expected((index) => index % 100 === 1), 'x1', 'x2'])
    expect(
      ids((await found(['--alert', 'no', '--model', 'model-a', '--after', '3000', '--limit', '9'])).leaves),
    ).toContain('x3')
  })

  test('by client, page by page, each leaf once', async () => {
    const seen: Line[] = []
    for (let after: string[] = [], turns = 0; turns < 100; turns += 1) {
      const page = await found(['--client', 'monitor-2', '--limit', '97', ...after])
      seen.push(...page.leaves)
      if (page.end.after === null) break
      after = ['--after', String(page.end.after)]
    }
    expect(ids(seen)).toEqual(expected((index) => index % 4 === 2))
  })

  test('what a person at the box did has also what was done to models on their word, and nothing of a client of that name', async () => {
    const other = await makeSite()
    const { ledger } = await openSite(other)
    const refused = {
      kind: 'package-refused',
      slot: 'model-a',
      model: 'model-a',
      code: 'package_signature_invalid',
    } as const
    await ledger.commit({ leaf: { ...refused, by: 'auditor' } })
    await ledger.commit({ leaf: { ...refused, by: 'local:auditor' } })
    await ledger.commit({ leaf: { ...refused, by: 'somebody' } })
    await ledger.commit(decided('d1', 'p', { client: 'auditor' }))
    await ledger.commit({
      leaf: { kind: 'counted', client: '(others)', role: '(others)', route: '(others)', count: 9 },
    })
    await ledger.close()
    const of = async (client: string) => {
      const { stdout } = await runCommand(auditSearchCommand, ['--client', client, '--json'], commandSite(other))
      return [...stdout.matchAll(/"index":(\d+)/g)].map(([, index]) => Number(index))
    }
    expect(await of('local:auditor')).toEqual([1, 2])
    expect(await of('auditor')).toEqual([4])
    expect(await of('(others)')).toEqual([5])
    removeSite(other)
  })

  test('by time alone, over a clock that was set back', async () => {
    const other = await makeSite()
    const times = [5, 6, 2, 7, 3, 9].map((second) => START_MS + second * 1000)
    const { ledger } = await openSite(other, { clock: { nowMs: () => times.shift() ?? 0, monotonicMs: () => 0 } })
    for (const id of ['a', 'b', 'c', 'd', 'e']) await ledger.commit(decided(id, 'p'))
    await ledger.close()
    const range = ['--from', '2026-03-01T00:00:03Z', '--to', '2026-03-01T00:00:07Z', '--json']
    const { stdout } = await runCommand(auditSearchCommand, range, commandSite(other))
    removeSite(other)
    const lines = stdout
      .split('\n')
      .slice(0, -2)
      .map((line) => JSON.parse(line) as Line)
    expect(lines.map(({ leaf }) => leaf.id ?? leaf.kind)).toEqual(['log-opened', 'a', 'd'])
  })

  test.each([
    ['monitor_1', 1],
    ['monitor-', 1],
    ['MONITOR-1', 1],
    ['monitor-%', 2],
    ['%', 2],
    ['*', 2],
    ["monitor-1' OR '1", 2],
    ['x'.repeat(200), 2],
    ['\u001b[31mred', 2],
  ])('no character of a value means anything to the search: %j', async (value, expectedCode) => {
    const { code, stdout, stderr } = await search(['--client', value])
    expect(code).toBe(expectedCode)
    expect(stdout).not.toContain('monitor-1')
    expect(stderr).not.toContain(value === '%' || value === '*' ? 'nothing of it' : value)
  })

  test('a table for people, whose cells do nothing to a terminal', async () => {
    const { code, stdout } = await search(['--model', 'model-b', '--limit', '2'])
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^leaf +at \(UTC\) +kind +who +role +what +decision$/)
    expect(lines[1]).toMatch(/^1 +2026-03-01T00:00:01\.000Z +decision +monitor-0 +bedside +model-b input_missing +d0$/)
    expect(lines[3]).toMatch(/^2 found among the \d+ leaves of log\.test\/box-1\. There are more: --after 4\.$/)
  })
})

describe('wrong usage', () => {
  test.each([
    [['--what']],
    [[SUBJECT]],
    [['--subject', SUBJECT]],
    [['--subject-stdin', SUBJECT]],
    [['--pseudonym', SUBJECT]],
    [['--client', SUBJECT]],
    [['--from', SUBJECT]],
    [['--from', '2026-03-01T00:00:00']],
    [['--from', '2026-02-30T00:00:00Z']],
    [['--from', '2026-03-01']],
    [['--from', '2026-03-02T00:00:00Z', '--to', '2026-03-02T00:00:00Z']],
    [['--limit', '0']],
    [['--limit', '1e3']],
    [['--after', '-1']],
    [['--alert', 'maybe']],
    [['--kind', 'everything']],
    [['--subject-stdin', '--pseudonym', 'P-0000-0000']],
  ])('%j: exit 2, and what was given is not repeated', async (args) => {
    const { code, stdout, stderr } = await search(args, SUBJECT)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: wardstone audit search')
    expect(stderr).not.toContain(SUBJECT)
  })

  test.each([
    ['nothing', ''],
    ['two lines', 'a\nb'],
    ['a control character', 'a\u0000b'],
    ['too much', 'a'.repeat(500)],
  ])('%s on standard input: exit 2', async (_, input) =>
    expect((await search(['--subject-stdin'], input)).code).toBe(2),
  )

  test('a subject file that is not there: exit 20, without its name', async () => {
    const { code, stderr } = await search(['--subject-file', `/nowhere/${SUBJECT}`])
    expect(code).toBe(20)
    expect(stderr).toBe('A file could not be read or written. [ENOENT]\n')
  })

  test('--help: exit 0 with examples', async () => {
    expect(await search(['--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Examples:'),
    })
  })
})
