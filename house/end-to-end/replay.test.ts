import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const SUBJECT = 'CANARY-SUBJECT-2290'

let site: Site
let appliance: Appliance
let bedside: ApiClient

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
})

afterAll(async () => {
  bedside?.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

function replay(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, 'decision', 'replay', '--site', site.root, ...args])
  let [out, err] = ['', '']
  child.stdout.on('data', (part: Buffer) => (out += part.toString('utf8')))
  child.stderr.on('data', (part: Buffer) => (err += part.toString('utf8')))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

it('a decision of the running box is made again from its record, beside it, and is the same', async () => {
  const { body } = await bedside.post('/v1/decisions', news2Body(SUBJECT))
  const { decision } = body as DecisionAnswer
  expect(decision.provider).toMatchObject({ provider: 'cpu', passedOver: [] })
  expect(decision.provider?.nodes?.cpu).toBeGreaterThan(10)
  const { code, out, err } = await replay(decision.decisionId, '--json')
  expect([code, err]).toEqual([0, ''])
  expect(JSON.parse(out)).toMatchObject({
    decision: decision.decisionId,
    model: 'news2',
    provider: { recorded: 'cpu', now: 'cpu' },
    outcome: 'same',
    explanation: 'same',
  })
  expect(out).not.toContain(SUBJECT)
  expect((await replay(decision.decisionId)).out).toMatch(/^outcome {6}same$/m)
})

it('says when there is none, when it was asked wrongly, and when the package is gone', async () => {
  expect((await replay('00000000-0000-4000-8000-000000000000')).code).toBe(1)
  expect((await replay('all')).code).toBe(2)
  expect((await replay('--help')).code).toBe(0)
  const { body } = await bedside.post('/v1/decisions', news2Body(SUBJECT))
  const { decision } = body as DecisionAnswer
  rmSync(site.path(`store/releases/${decision.model.packageHash}`), { recursive: true })
  const { code, err } = await replay(decision.decisionId)
  expect([code, err]).toEqual([20, expect.stringMatching(/\[/)])
})
