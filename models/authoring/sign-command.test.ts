import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { generateSigningKey, loadSigner, loadVerifier } from '../../device/crypto/signing.ts'
import { openPackage } from '../package/open.ts'
import { type PackageDraft, packageIdentity, packModel } from '../package/pack.ts'
import { signImageTargets, verifyImageTargets } from '../package/targets.ts'
import { createPackageSite, DEVICE_ID, NOW_MS, type PackageSite } from '../package/testkit/package-site.ts'
import { sampleDraft } from '../package/testkit/sample-draft.ts'
import { modelSignCommand } from './sign-command.ts'

let site: PackageSite
let keys: Record<'vendor' | 'fleet' | 'stranger', { privatePem: string; publicPem: string }>
beforeAll(async () => {
  site = await createPackageSite()
  const [vendor, fleet, stranger] = [await key(), await key(), await key()]
  keys = { vendor, fleet, stranger }
  for (const [name, { privatePem, publicPem }] of Object.entries(keys)) {
    writeFileSync(at(`${name}.key`), privatePem)
    writeFileSync(at(`${name}.pub`), publicPem)
  }
  writeFileSync(at('device.pub'), `${Buffer.from(site.recipient.publicKey).toString('base64')}\n`)
})
afterAll(() => site.remove())

const key = () => generateSigningKey(site.provider)
const at = (name: string) => join(site.folder, name)
const release = () => at('release')

/** As "wardstone model pack" leaves it. */
function writeRelease(draft: PackageDraft = sampleDraft()) {
  const packed = packModel(draft, systemRandomness)
  rmSync(release(), { recursive: true, force: true })
  mkdirSync(release())
  writeFileSync(join(release(), 'package.wspkg'), packed.bytes)
  writeFileSync(join(release(), 'content.key'), `${Buffer.from(packed.contentKey).toString('base64')}\n`)
  return packageIdentity(packed)
}
let identity: ReturnType<typeof writeRelease>
beforeEach(() => {
  identity = writeRelease()
})

async function sign(...args: readonly string[]) {
  let [out, err] = ['', '']
  const stream = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
  }
  const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 }
  return { code: await modelSignCommand([release(), ...args], { ...stream, clock }), out, err }
}
const asVendor = (name = 'vendor') => ['--vendor-signing-key', at(`${name}.key`)]
const after = (bytes: Uint8Array, name = 'vendor') => {
  writeFileSync(at('previous.json'), bytes)
  return ['--image', at('previous.json'), '--vendor-key', at(`${name}.pub`)]
}
const asFleet = (device = DEVICE_ID) => {
  return ['--fleet-signing-key', at('fleet.key'), '--device', device, '--device-key', at('device.pub')]
}
const said = (name: string) => readFileSync(join(release(), name))

async function listed(): Promise<{ version: number; targets: Record<string, number> }> {
  const { version, targets } = await verifyImageTargets(
    said('image.json'),
    await loadVerifier(site.provider, keys.vendor.publicPem),
  )
  const revoked = Object.entries(targets).map(([name, { custom }]) => [name, custom.revoked])
  return { version, targets: Object.fromEntries(revoked) }
}

/** The vendor's statement so far, with a release that runs somewhere and one that was revoked. */
async function previous(...more: readonly (typeof identity & { revoked?: boolean })[]): Promise<Uint8Array> {
  const signer = await loadSigner(site.provider, keys.vendor.privatePem)
  const older = (version: string) => ({ ...identity, version, packageHash: '7'.repeat(64) })
  const packages = [older('0.8.0'), { ...older('0.9.0'), revoked: true }, ...more]
  return signImageTargets(signer, { version: 41, expiresAtMs: NOW_MS, packages })
}

test('what both keepers signed is a release that the device opens', async () => {
  const { code, err } = await sign(...asVendor(), ...asFleet(), '--days', '30')
  expect([code, err]).toEqual([0, expect.stringContaining('wardstone model install')])
  const paths = { package: 'package.wspkg', image: 'image.json', grant: 'grant.json' }
  const inRelease = (name: string) => join(release(), name)
  const trust = {
    ...site.trust,
    vendor: await loadVerifier(site.provider, keys.vendor.publicPem),
    fleet: await loadVerifier(site.provider, keys.fleet.publicPem),
  }
  const where = { package: inRelease(paths.package), image: inRelease(paths.image), grant: inRelease(paths.grant) }
  const opened = await openPackage(where, trust)
  expect([opened.packageHash, opened.readFile('model').toString()]).toEqual([identity.packageHash, 'weights'])
  opened.close()
  const later = { ...trust, nowMs: NOW_MS + 31 * 86_400_000 }
  await expect(openPackage(where, later)).rejects.toMatchObject({ code: expect.stringMatching(/expired/) })
})

test('each keeper signs alone, and is told what is missing', async () => {
  expect((await sign(...asVendor())).err).toBe('Still missing: grant.json\n')
  expect(existsSync(join(release(), 'grant.json'))).toBe(false)
  expect((await sign(...asFleet())).err).toContain('wardstone model install')
})

test('what the vendor has said stays said', async () => {
  expect((await sign(...asVendor(), ...after(await previous()))).out).toContain('version 42')
  expect(await listed()).toEqual({
    version: 42,
    targets: { 'sample-0.8.0.wspkg': 0, 'sample-0.9.0.wspkg': 1, 'sample-1.0.0.wspkg': 0 },
  })
})

test('a package under the name of another, or one that was revoked, is not listed', async () => {
  for (const other of [
    { ...identity, packageHash: '6'.repeat(64) },
    { ...identity, revoked: true },
  ]) {
    const { code, err } = await sign(...asVendor(), ...after(await previous(other)))
    expect([code, err]).toEqual([20, expect.stringContaining('[authoring_release_listed]')])
  }
  expect((await sign(...asVendor(), ...after(await previous(identity)))).code).toBe(0)
  expect(Object.keys((await listed()).targets)).toHaveLength(3)
})

test.each<[string, () => Promise<readonly string[]> | readonly string[]]>([
  ['package_signature_invalid', async () => [...asVendor(), ...after(await previous(), 'stranger')]],
  ['crypto_key_malformed', () => ['--vendor-signing-key', at('vendor.pub')]],
  ['authoring_file_unreadable', () => ['--vendor-signing-key', at('none.key')]],
  ['package_metadata_malformed', () => asFleet('a device with spaces')],
  ['crypto_key_malformed', () => asFleet().with(-1, at('vendor.pub'))],
])('%s: nothing is written', async (expected, args) => {
  const { code, err } = await sign(...(await args()))
  expect([code, err]).toEqual([20, expect.stringContaining(`[${expected}]`)])
  for (const name of ['image.json', 'grant.json']) expect(existsSync(join(release(), name))).toBe(false)
})

test('a content key of another packing is found before a device finds it', async () => {
  for (const text of [Buffer.alloc(32, 9).toString('base64'), 'short', '']) {
    writeFileSync(join(release(), 'content.key'), text)
    expect((await sign(...asFleet())).err).toContain('[authoring_key_wrong]')
  }
})

test('a package that was damaged is not signed', async () => {
  const bytes = said('package.wspkg')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  writeFileSync(join(release(), 'package.wspkg'), bytes)
  expect((await sign(...asVendor())).err).toMatch(/\[package_/)
  expect(existsSync(join(release(), 'image.json'))).toBe(false)
})

test('a statement that is there is not written over', async () => {
  await sign(...asVendor(), ...asFleet())
  const before = [said('image.json'), said('grant.json')]
  expect((await sign(...asVendor())).err).toContain('[authoring_output_exists]')
  expect((await sign(...asFleet())).err).toContain('[authoring_output_exists]')
  expect([said('image.json'), said('grant.json')]).toEqual(before)
})

test.each([
  [[]],
  [['--vendor-signing-key', 'v', '--image', 'i']],
  [['--vendor-signing-key', 'v', '--vendor-key', 'k']],
  [['--vendor-signing-key', 'v', '--device', 'd']],
  [['--fleet-signing-key', 'f', '--device', 'd']],
  [['--vendor-signing-key', 'v', '--days', '0']],
  [['--vendor-signing-key', 'v', '--days', 'many']],
  [['--vendor-signing-key', 'v', 'another']],
])('%j is wrong usage', async (args) => {
  expect((await sign(...args)).code).toBe(2)
})

test('explains itself', async () => {
  const { code, out } = await sign('--help')
  expect([code, out.includes('Example')]).toEqual([0, true])
})
