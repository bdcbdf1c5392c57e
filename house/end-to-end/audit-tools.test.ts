import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { verifySite } from './verify-site.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const SUBJECT = 'CANARY-SUBJECT-4417'

let site: Site
let appliance: Appliance | undefined
let bedside: ApiClient
let officer: ApiClient
let decisionId: string

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  await start()
  const { decision } = await decide(SUBJECT)
  decisionId = decision.decisionId
  await Promise.all(Array.from({ length: 200 }, (_, index) => decide(`other-${index % 20}`)))
  expect((await officer.get(`/v1/decisions/${decisionId}`)).status).toBe(200)
})

afterAll(async () => {
  await stop()
  if (site) removeSite(site)
})

async function start(): Promise<void> {
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
  officer = clientFor('officer', site, appliance.url)
}

async function stop(): Promise<void> {
  for (const client of [bedside, officer]) client?.close()
  expect(await appliance?.stop()).toBe(0)
  appliance = undefined
}

async function decide(subject: string): Promise<DecisionAnswer> {
  const { status, body } = await bedside.post('/v1/decisions', news2Body(subject))
  expect(status).toBe(200)
  return body as DecisionAnswer
}

interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Arguments and environment of the process as everybody on the machine could read them while it waited for its input. */
  readonly visible: string
}

/** Runs a command as a person would, with the patient on standard input. */
function audit(args: readonly string[], input = ''): Promise<Outcome> {
  const [command = '', ...rest] = args
  const child = spawn(process.execPath, [CLI, 'audit', command, '--site', site.root, ...rest])
  let [out, err] = ['', '']
  child.stdout.on('data', (part: Buffer) => (out += part.toString('utf8')))
  child.stderr.on('data', (part: Buffer) => (err += part.toString('utf8')))
  const visible = ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${child.pid}/${name}`, 'utf8')).join()
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err, visible })))
}

async function readsOfDecision(): Promise<number> {
  const { out } = await audit(['search', '--kind', 'read', '--json', '--limit', '5000'])
  return linesOf(out).filter(({ leaf }) => leaf?.scope === 'decision' && leaf.decision === decisionId).length
}

const linesOf = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('beside a running runtime', () => {
  it('who saw a patient is told, and the asking is written by the runtime before the answer', async () => {
    const first = await audit(['search', '--subject-stdin', '--json'], `${SUBJECT}\n`)
    expect([first.code, first.err]).toEqual([0, ''])
    expect(
      linesOf(first.out)
        .slice(0, -1)
        .map(({ leaf }) => [leaf.kind, leaf.client]),
    ).toEqual([
      ['decision', 'development-bedside'],
      ['read', 'development-officer'],
    ])
    const second = await audit(['search', '--subject-stdin', '--json'], SUBJECT)
    expect(linesOf(second.out).at(-2).leaf).toMatchObject({ kind: 'read', role: 'local-operator', scope: 'subject' })
    expect(verifySite(site).code).toBe(0)
  })

  it('the patient is in no argument, no log, no message and no file of the site', async () => {
    const runs = [
      await audit(['search', '--subject-stdin'], SUBJECT),
      await audit(['search', '--subject-stdin', '--client', 'a b'], SUBJECT),
      await audit(['export', '--subject-stdin', '--output', '/nowhere/a'], SUBJECT),
      await audit(['search', '--subject', SUBJECT.slice(0, 0)], SUBJECT),
    ]
    for (const { visible, out, err } of runs) expect(visible + out + err).not.toContain(SUBJECT)
    expect(appliance?.words()).not.toContain(SUBJECT)
    for (const name of readdirSync(site.root, { recursive: true, encoding: 'utf8' })) {
      const path = join(site.root, name)
      if (statSync(path).isFile()) expect(readFileSync(path).includes(SUBJECT), name).toBe(false)
    }
  })

  it('a decision is shown whole', async () => {
    const { code, out } = await audit(['show', decisionId, '--json'])
    expect(code).toBe(0)
    const shown = JSON.parse(out)
    expect(shown.leaf).toMatchObject({ kind: 'decision', id: decisionId, alert: 'no' })
    expect(shown.record.content).toMatchObject({ subject: SUBJECT, decision: { decisionId, outcome: 'scored' } })
  })

  it('the socket is of this user alone, in a folder of this user alone', async () => {
    const path = site.path('run/audit.sock')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(site.path('run')).mode & 0o777).toBe(0o700)
  })

  it('several at once, under load, each with a leaf of its own; a decision is answered or out of time, never lost', async () => {
    const body = (index: number) => news2Body(`load-${index % 30}`)
    const load = Promise.all(Array.from({ length: 120 }, (_, index) => bedside.post('/v1/decisions', body(index))))
    const before = await readsOfDecision()
    const runs = await Promise.all(Array.from({ length: 3 }, () => audit(['show', decisionId, '--json'])))
    // On a machine that is busy with the commands themselves an inference may miss its deadline; that is an answer too.
    for (const { status } of await load) expect([200, 504]).toContain(status)
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(await readsOfDecision()).toBe(before + 3)
    expect(verifySite(site).code).toBe(0)
  })

  it('an export killed at any moment leaves no file of its name, or a whole one', async () => {
    const folder = site.path('exports')
    for (let round = 0; round < 8; round += 1) {
      const path = `${folder}-${round}.ndjson`
      const args = [CLI, 'audit', 'export', '--site', site.root, '--output', path, '--with-records']
      const child = spawn(process.execPath, args, { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('close', resolve))
      const partial = `${site.root}/.exports-${round}.ndjson.${child.pid}.partial`
      // Killed while the file is being made: later by a little each time.
      for (const limit = Date.now() + 20_000; Date.now() < limit && child.exitCode === null && !existsSync(partial); )
        await new Promise((resolve) => setTimeout(resolve, 1))
      await new Promise((resolve) => setTimeout(resolve, round * 4))
      child.kill('SIGKILL')
      await ended
      if (existsSync(path)) expect(linesOf(readFileSync(path, 'utf8')).at(-1).type).toBe('end')
    }
    expect(verifySite(site).code).toBe(0)
    const { code } = await audit(['export', '--output', `${folder}-0.ndjson`, '--force'])
    expect(code).toBe(0)
    expect(readdirSync(site.root).filter((name) => name.startsWith('.exports-0.'))).toEqual([])
  })
})

describe('without a runtime', () => {
  it('the command takes its place for one leaf, and the runtime starts on the log again', async () => {
    await stop()
    const before = linesOf((await audit(['search', '--kind', 'read', '--json', '--limit', '5000'])).out).length
    expect((await audit(['search', '--subject-stdin'], SUBJECT)).code).toBe(0)
    const after = linesOf((await audit(['search', '--kind', 'read', '--json', '--limit', '5000'])).out).length
    expect(after).toBe(before + 1)
    await start()
    expect((await decide(SUBJECT)).decision.outcome).toBe('scored')
    expect(verifySite(site).code).toBe(0)
  })

  it('after kill -9 of the runtime, over the socket that it left behind', async () => {
    appliance?.process.kill('SIGKILL')
    await appliance?.ended
    for (const client of [bedside, officer]) client.close()
    expect(existsSync(site.path('run/audit.sock'))).toBe(true)
    expect((await audit(['show', decisionId])).code).toBe(0)
    await start()
    expect((await audit(['show', decisionId])).code).toBe(0)
  })

  it('a runtime that was stopped in its tracks gives no evidence, so nothing is shown', async () => {
    const pid = appliance?.process.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    const { code, out, err } = await audit(['show', decisionId])
    process.kill(pid, 'SIGCONT')
    expect([code, out]).toEqual([20, ''])
    expect(err).toContain('audit_evidence_unrecorded')
  })
})

describe('the command line', () => {
  const wardstone = (...args: string[]) => spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' })

  it('lists every command, and each explains itself with examples', () => {
    const { status, stdout } = wardstone('help')
    expect(status).toBe(0)
    for (const name of ['audit show', 'audit search', 'audit export', 'audit verify', 'model inspect']) {
      expect(stdout).toContain(name)
      const help = wardstone(...name.split(' '), '--help')
      expect([name, help.status, help.stderr]).toEqual([name, 0, ''])
      expect(help.stdout).toMatch(/usage: wardstone/i)
    }
  })

  it('never ends with 0 when its answer did not get out', async () => {
    const full = openSync('/dev/full', 'w')
    const verify = [CLI, 'audit', 'verify', '--site', site.root]
    for (const args of [verify, [...verify, '--json'], [CLI, 'audit', 'search', '--site', site.root], [CLI, 'help']]) {
      const { status, stderr } = spawnSync(process.execPath, args, {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      })
      expect([args.slice(1, 3), status]).toEqual([args.slice(1, 3), 20])
      expect(stderr).toContain('The answer could not be written. [ENOSPC]')
    }
    const silent = spawnSync(process.execPath, [CLI, 'audit', 'search', '--what'], { stdio: ['ignore', 'pipe', full] })
    expect(silent.status).toBe(2)
    closeSync(full)
    const child = spawn(process.execPath, verify, { stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout.destroy()
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(141)
  })

  it('takes --site anywhere, and refuses it without a folder', () => {
    writeFileSync(site.path('empty.txt'), '')
    for (const args of [
      ['--site', site.root, 'audit', 'verify'],
      ['audit', `--site=${site.root}`, 'verify'],
      ['audit', 'verify', '--site', site.root],
    ])
      expect(wardstone(...args).stdout).toMatch(/^Sound/)
    expect(wardstone('audit', 'verify', '--site').status).toBe(2)
    expect(wardstone('audit', 'verify', '--site', '--json').status).toBe(2)
    expect(wardstone('audit', 'nonsense').status).toBe(2)
    expect(wardstone('audit', 'search', '--site', '/nowhere').status).toBe(20)
  })
})
