import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditSite } from './audit-log.ts'
import { auditSearchCommand } from './search-command.ts'
import { auditShowCommand } from './show-command.ts'
import { commandSite, decided, judged, runCommand, wasRead } from './testkit/command-fixture.ts'
import { type LogSite, makeSite, openSite, removeSite } from './testkit/ledger-fixture.ts'
import { Attacker, withMember } from './testkit/tamper.ts'

const SUBJECT = 'CANARY-000-1234'
let site: LogSite
let place: AuditSite

beforeAll(async () => {
  site = await makeSite()
  place = commandSite(site)
  const { ledger } = await openSite(site)
  await ledger.commit(decided('x1', SUBJECT))
  await ledger.commit(judged('f1', 'x1', SUBJECT, 'agree\u001b[2J\u202ereversed'))
  await ledger.commit(decided('x2', 'patient-2'))
  await ledger.commit(wasRead('x2'))
  await ledger.close()
})
afterAll(() => removeSite(site))

const show = (...args: string[]) => runCommand(auditShowCommand, args, place)
const reads = async (decision: string) => {
  const { stdout } = await runCommand(
    auditSearchCommand,
    ['--client', 'local:auditor', '--json', '--limit', '999'],
    place,
  )
  return stdout.split('\n').filter((line) => line.includes(`"decision":"${decision}"`)).length
}

describe('wardstone audit show', () => {
  test('a decision whole, with the feedback on it, and the reading is in the log', async () => {
    const before = await reads('x1')
    const { code, stdout } = await show('x1', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      index: 1,
      leaf: { kind: 'decision', id: 'x1' },
      record: { id: 'x1', content: { subject: SUBJECT, decision: { narrative: 'words about x1' } } },
      about: [{ index: 2, record: { about: 'x1', content: { verdict: 'accept' } } }],
    })
    expect(await reads('x1')).toBe(before + 1)
  })

  test('a feedback is a reading of its decision', async () => {
    const before = await reads('x1')
    expect((await show('f1')).code).toBe(0)
    expect(await reads('x1')).toBe(before + 1)
  })

  test('what was written does nothing to a terminal', async () => {
    const { stdout } = await show('x1')
    expect(stdout).toContain('words about x1')
    expect(stdout).toContain('agree')
    for (const character of ['\u001b', '\u202e']) expect(stdout).not.toContain(character)
    const { stdout: json } = await show('x1', '--json')
    expect(json).not.toContain('\u202e')
    expect(JSON.parse(json).about[0].record.content.reason).toBe('agree\u001b[2J\u202ereversed')
  })

  test('one leaf, with hash, chain and the checkpoint that speaks for it; no patient, so nothing is recorded', async () => {
    const before = await reads('x2')
    const { code, stdout } = await show('--leaf', '3', '--json')
    expect(code).toBe(0)
    const shown = JSON.parse(stdout)
    expect(shown).toMatchObject({
      index: 3,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      chain: expect.stringMatching(/^[0-9a-f]{64}$/),
      checkpoint: expect.stringMatching(/^log\.test\/box-1\n4\n/),
      leaf: { id: 'x2', seq: 3 },
    })
    expect((await show('--leaf', '3')).stdout).toContain(shown.hash)
    expect(await reads('x2')).toBe(before)
  })

  test.each([[['unknown']], [['--leaf', '99999']], [['patient-2']]])('%j: there is none, exit 1', async (args) => {
    const { code, stdout } = await show(...args)
    expect([code, stdout]).toEqual([1, 'There is none.\n'])
    expect((await show(...args, '--json')).stdout).toBe('null\n')
  })

  test.each([[[]], [['x1', 'x2']], [['x1', '--leaf', '1']], [['--leaf', 'one']], [['a patient']], [["' OR 1=1"]]])(
    '%j: wrong usage, exit 2, and nothing of it is repeated',
    async (args) => {
      const { code, stdout, stderr } = await show(...args)
      expect([code, stdout]).toEqual([2, ''])
      for (const arg of args.filter((each) => each.includes(' '))) expect(stderr).not.toContain(arg)
    },
  )

  test('no evidence, no answer', async () => {
    const broken = { ...place, logKeyPath: '/nowhere/log.key' }
    const { code, stdout } = await runCommand(auditShowCommand, ['x1', '--json'], broken)
    expect([code, stdout]).toEqual([20, ''])
  })

  test('a leaf or a record that was changed is not given out', async () => {
    const attacker = new Attacker(site)
    const before = attacker.leaf(1)
    attacker.put({ ...before, leaf: withMember(before.leaf, 'outcome', 'input_missing') })
    attacker.leave()
    const tampered = [await show('x1', '--json'), await show('--leaf', '1', '--json')]
    const restore = new Attacker(site)
    restore.put(before)
    restore.leave()
    for (const { code, stdout, stderr } of tampered) {
      expect([code, stdout]).toEqual([20, ''])
      expect(stderr).toContain('audit_log_damaged')
    }
  })

  test('a checkpoint that the log did not sign is not shown as one', async () => {
    const attacker = new Attacker(site)
    const { note } = attacker.connection.prepare('SELECT note FROM checkpoints WHERE size = 4').get() as {
      note: string
    }
    const [origin = '', size = '', , ...rest] = note.split('\n')
    const forged = [origin, size, Buffer.alloc(32, 7).toString('base64'), ...rest].join('\n')
    attacker.run('UPDATE checkpoints SET note = ? WHERE size = 4', forged)
    attacker.leave()
    const tampered = [await show('--leaf', '3'), await show('--leaf', '3', '--json')]
    const restore = new Attacker(site)
    restore.run('UPDATE checkpoints SET note = ? WHERE size = 4', note)
    restore.leave()
    for (const { code, stdout, stderr } of tampered) {
      expect([code, stdout]).toEqual([20, ''])
      expect(stderr).toContain('audit_log_damaged')
    }
  })

  test('the record of an erased patient is said to be gone; its leaf stands', async () => {
    const attacker = new Attacker(site)
    attacker.run("DELETE FROM subjects WHERE pseudonym = (SELECT subject FROM bodies WHERE id = 'x2')")
    attacker.leave()
    expect((await show('x2')).stdout).toContain('The subject was erased')
    expect(JSON.parse((await show('x2', '--json')).stdout)).toMatchObject({ record: null, leaf: { id: 'x2' } })
  })
})
