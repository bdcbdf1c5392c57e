import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { createAuthority, issueCertificate } from '../../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../../device/identity/certificate-request.ts'
import type { DeviceReport } from '../../device/posture/device-report.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { Role } from '../../runtime/access/principal.ts'
import type { HealthReport } from '../../runtime/decisions/service-types.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'

const DAY_MS = 86_400_000
const provider = createCryptoProvider()
let site: Site
let appliance: Appliance

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  appliance = await startAppliance(site)
})
afterAll(async () => {
  await appliance?.stop()
  if (site) removeSite(site)
})

const text = (name: string) => readFileSync(site.path(name), 'utf8')

async function get(role: Role, path: string): Promise<{ status: number; body: unknown }> {
  const client = clientFor(role, site, appliance.url)
  try {
    return await client.get(path)
  } finally {
    client.close()
  }
}

const device = async () => (await get('engineer', '/v1/device')).body as DeviceReport
const health = async () => (await get('engineer', '/v1/health')).body as HealthReport

describe('GET /v1/device of the real process', () => {
  it('tells an engineer and an officer how the machine fares, and nobody else', async () => {
    for (const role of ['bedside', 'clinician'] as const) expect((await get(role, '/v1/device')).status).toBe(403)
    for (const role of ['engineer', 'officer'] as const) expect((await get(role, '/v1/device')).status).toBe(200)
    await vi.waitFor(async () => expect((await device()).sample).not.toBeNull(), 20_000)
    const { sample, posture, identity } = await device()
    expect(sample?.disks.map(({ path }) => path)).toEqual([site.path('data'), site.path('store')])
    expect(Object.keys(posture)).toEqual(['secureBoot', 'diskEncryption', 'tpm', 'swap', 'coreDumps'])
    expect(identity).toMatchObject({ state: 'in force', commonName: site.deviceId, renewal: 'not due' })
    expect((await health()).faults.filter((fault) => fault.includes('device certificate'))).toEqual([])
  })

  it('a certificate near its end is a fault of health until a new one is issued', async () => {
    // The authority of the site began today; that of the fleet has issued before.
    const earlierMs = Date.now() - 80 * DAY_MS
    const fleet = await createAuthority(provider, { commonName: 'Fleet', days: 3650, nowMs: earlierMs })
    const usual = { profile: 'device', commonName: site.deviceId, days: 90 } as const
    const names = { commonName: site.deviceId, organization: 'Test' }
    const request = await createCertificateRequest(provider, text('device/identity.key'), names)
    const old = await issueCertificate(provider, fleet, request, { ...usual, nowMs: earlierMs })
    writeFileSync(site.path('device/identity.pem'), old)
    writeFileSync(site.path('device/fleet.pem'), fleet.certificatePem)
    const identity = { key: 'device/identity.key', certificate: 'device/identity.pem', authority: 'device/fleet.pem' }
    writeFileSync(
      site.path('runtime.json'),
      JSON.stringify({ ...JSON.parse(text('runtime.json')), device: { identity } }),
    )
    await restart()
    expect(await health()).toMatchObject({ status: 'degraded' })
    const waiting = (await device()).identity
    expect(waiting).toMatchObject({ state: 'in force', renewal: 'requested', daysLeft: 9 })
    expect((await health()).faults.join(' ')).toContain(waiting.request)

    const asked = readFileSync(waiting.request ?? '', 'utf8')
    const issued = await issueCertificate(provider, fleet, asked, { ...usual, nowMs: Date.now() })
    writeFileSync(site.path('device/identity.d/next/certificate.pem'), issued)
    await restart()
    expect((await device()).identity).toMatchObject({ state: 'in force', renewal: 'not due' })
    expect(text('device/identity.pem')).toBe(issued)
    expect((await health()).faults.filter((fault) => fault.includes('device certificate'))).toEqual([])
  })
})

async function restart(): Promise<void> {
  await appliance.stop()
  appliance = await startAppliance(site)
}
