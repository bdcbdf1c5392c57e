import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { type Authority, createAuthority, issueCertificate } from '../../device/identity/certificate-authority.ts'

const WARDSTONE = fileURLToPath(new URL('wardstone.ts', import.meta.url))
const DAY_MS = 86_400_000
const provider = createCryptoProvider()
let site: string
let authority: Authority

beforeAll(async () => {
  site = mkdtempSync(join(tmpdir(), 'wardstone-enrol-'))
  authority = await createAuthority(provider, { commonName: 'Fleet', days: 400, nowMs: Date.now() - 200 * DAY_MS })
})
afterAll(() => rmSync(site, { recursive: true, force: true }))

function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [WARDSTONE, ...args, '--site', site])
  return { code: status, out: stdout.toString(), err: stderr.toString() }
}

/** What the fleet's authority does with the request that lies on the device. */
async function sign(days: number, agoDays: number, name = 'identity'): Promise<void> {
  const request = readFileSync(join(site, `device/${name}.csr`), 'utf8')
  const nowMs = Date.now() - agoDays * DAY_MS
  const options = { profile: 'device', commonName: 'box-1', days, nowMs } as const
  writeFileSync(join(site, 'device/identity.pem'), await issueCertificate(provider, authority, request, options))
}

describe('wardstone device', () => {
  it('enrols: a key that stays, a request, and then what its certificate says', async () => {
    const made = run('device', 'request', '--name', 'box-1')
    expect([made.code, made.out]).toEqual([0, expect.stringContaining('Have the authority of the fleet sign')])
    expect(statSync(join(site, 'device/identity.key')).mode & 0o777).toBe(0o600)
    expect(run('device', 'identity')).toMatchObject({
      code: 12,
      err: expect.stringContaining('identity.pem is missing'),
    })
    await sign(90, 0)
    const { code, out } = run('device', 'identity', '--json')
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ name: 'box-1', state: 'in force' })])
    expect(JSON.parse(run('device', 'request', '--name', 'box-1', '--json').out)).toMatchObject({ isNewKey: false })
  })

  it('tells a script when somebody is needed', async () => {
    await sign(100, 90)
    expect(run('device', 'identity')).toMatchObject({ code: 10, out: expect.stringContaining('expires soon') })
    await sign(100, 110)
    expect(run('device', 'identity')).toMatchObject({ code: 11, out: expect.stringContaining('expired') })
    run('device', 'request', '--name', 'box-1', '--key', 'device/other.key')
    await sign(90, 0, 'other')
    expect(run('device', 'identity')).toMatchObject({ code: 12, err: expect.stringContaining('of another key') })
  })

  it('shows how it is used', () => {
    expect(run('device', 'request')).toMatchObject({ code: 2, err: expect.stringContaining('--name NAME') })
    expect(run('device', 'request', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('Examples:') })
    expect(run('device', 'identity', '--name', 'x').code).toBe(2)
  })
})
