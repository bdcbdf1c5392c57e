import { rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import {
  type Appliance,
  clientFor,
  innermostPid,
  makeSite,
  news2Body,
  removeSite,
  startAppliance,
} from './appliance.ts'

/** A real file system of 6 MiB for the data folder, seen by the runtime alone, half of it taken by something else. */
const DISK_BYTES = 8 * 1024 * 1024
const TAKEN_BYTES = 3 * 1024 * 1024

let site: Site
let taken: string
let appliance: Appliance
let bedside: ApiClient
let officer: ApiClient

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  const disk = ['--size', String(DISK_BYTES), '--tmpfs', site.path('data')]
  appliance = await startAppliance(site, ['bwrap', '--dev-bind', '/', '/', '--proc', '/proc', ...disk, '--'])
  taken = `/proc/${innermostPid(appliance.process.pid ?? 0)}/root${site.path('data/taken')}`
  writeFileSync(taken, Buffer.alloc(TAKEN_BYTES, 1))
  bedside = clientFor('bedside', site, appliance.url)
  officer = clientFor('officer', site, appliance.url)
})

afterAll(async () => {
  bedside?.close()
  officer?.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

describe('a full disk', () => {
  it('refuses with its code, keeps what was answered, and decides again once there is room', async () => {
    const answered: string[] = []
    let refused: unknown
    for (let turn = 0; turn < 4000 && refused === undefined; turn++) {
      const { status, body } = await bedside.post('/v1/decisions', news2Body(`disk-${turn}`))
      if (status === 200) answered.push((body as DecisionAnswer).decision.decisionId)
      else refused = { status, code: (body as { error: { code: string } }).error.code }
    }
    expect(refused).toEqual({ status: 507, code: 'storage_full' })
    expect(answered.length).toBeGreaterThan(50)
    // Everything that was answered is still there; reading needs a leaf of its own, so room is made first.
    rmSync(taken)
    for (const id of answered.slice(-20)) expect((await officer.get(`/v1/decisions/${id}`)).status).toBe(200)
    expect((await bedside.post('/v1/decisions', news2Body('after'))).status).toBe(200)
  })
})
