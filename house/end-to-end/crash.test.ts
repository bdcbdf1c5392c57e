import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { verifySite } from './verify-site.ts'

const KILLS = 20
const LOAD = 8

let site: Site

beforeAll(async () => {
  site = await makeSite([news2Draft()])
})

afterAll(() => {
  if (site) removeSite(site)
})

/** Asks for decisions from several connections until the process is killed; returns the ids that were answered. */
async function answeredUntilKilled(round: number, afterMs: number): Promise<string[]> {
  const appliance = await startAppliance(site)
  const bedside = clientFor('bedside', site, appliance.url, LOAD)
  const answered: string[] = []
  const ask = async (lane: number) => {
    for (let turn = 0; ; turn++) {
      const { status, body } = await bedside.post('/v1/decisions', news2Body(`crash-${round}-${lane}-${turn % 5}`))
      if (status === 200) answered.push((body as DecisionAnswer).decision.decisionId)
    }
  }
  const load = Array.from({ length: LOAD }, (_, lane) => ask(lane).catch(() => undefined))
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  appliance.process.kill('SIGKILL')
  await appliance.ended
  await Promise.all(load)
  bedside.close()
  return answered
}

describe('kill -9 under load', () => {
  it(`${KILLS} times: every answered decision is there, the log verifies, and the next start is clean`, {
    timeout: 240_000,
  }, async () => {
    const random = seededRandom(41)
    const answered: string[] = []
    for (let round = 0; round < KILLS; round++) {
      answered.push(...(await answeredUntilKilled(round, 30 + random.integer(400))))
    }
    expect(answered.length).toBeGreaterThan(KILLS * 2)
    const last = await startAppliance(site)
    const officer = clientFor('officer', site, last.url)
    const lost: string[] = []
    for (const id of answered) {
      const { status } = await officer.get(`/v1/decisions/${id}`)
      if (status !== 200) lost.push(id)
    }
    officer.close()
    expect(lost).toEqual([])
    expect(await last.stop()).toBe(0)
    const result = verifySite(site)
    expect(result.out).toMatch(/sound/i)
    expect(result.code).toBe(0)
    expect(readFileSync(site.path('data/wardstone.db')).includes('crash-')).toBe(false)
  })
})
