import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { isNothingLost } from '../../soak/account.ts'
import { runSoak } from '../../soak/soak.ts'

const SECONDS = 30
const folder = mkdtempSync(join(tmpdir(), 'wardstone-soak-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('half a minute of load with every process and the broker killed at random loses nothing and counts nothing twice', {
  timeout: 240_000,
}, async () => {
  const report = await runSoak({ seconds: SECONDS, seed: 11, lanes: 2, root: join(folder, 'site') }, () => {})
  expect(report.account.lost).toEqual({
    answers: 0,
    records: 0,
    countedTwice: 0,
    models: [],
    findings: [],
    fleetFindings: [],
  })
  expect(isNothingLost(report.account)).toBe(true)
  expect(report.changes['install done']).toBeGreaterThan(0)
  expect(report.unexpected).toEqual([])
  // The seed draws each of them at least once: a soak in which nothing dies shows nothing.
  expect(Object.entries(report.kills).filter(([, times]) => times === 0)).toEqual([])
})
