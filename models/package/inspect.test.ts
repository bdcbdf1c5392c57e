import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { modelInspectCommand } from './inspect.ts'
import {
  createPackageSite,
  EXPIRES_MS,
  install,
  NOW_MS,
  type PackageSite,
  type Release,
  release,
} from './testkit/package-site.ts'
import { sampleDraft } from './testkit/sample-draft.ts'

let site: PackageSite
let good: Release
let keys: { vendor: string; fleet: string }
beforeAll(async () => {
  site = await createPackageSite()
  good = await release(site, sampleDraft())
  keys = { vendor: join(site.folder, 'vendor.pem'), fleet: join(site.folder, 'fleet.pem') }
  writeFileSync(keys.vendor, site.vendor.publicPem)
  writeFileSync(keys.fleet, site.fleet.publicPem)
})
beforeEach(() => install(site, good))
afterAll(() => site.remove())

async function inspect(args: string[], nowMs = NOW_MS): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const status = await modelInspectCommand(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
  })
  return { status, out, err }
}

const vendorArgs = () => ['--image', site.paths.image, '--vendor-key', keys.vendor]
const fleetArgs = () => ['--grant', site.paths.grant, '--fleet-key', keys.fleet]
const everything = () => [site.paths.package, ...vendorArgs(), ...fleetArgs()]
const refusalOf = (out: string) => (JSON.parse(out) as { refusal: { code: string } | null }).refusal?.code

describe('a sound package', () => {
  test('is told in words, and that no signature was checked', async () => {
    const { status, out, err } = await inspect([site.paths.package])
    expect([status, err]).toEqual([0, ''])
    for (const part of [
      'Sample (sample 1.0.0)',
      'research',
      '10 … 300 /min',
      'signatures not checked',
      good.identity.packageHash,
    ])
      expect(out).toContain(part)
    expect(out).toContain('nothing found against it')
  })

  test('with both statements says who signed and for whom', async () => {
    const { status, out } = await inspect(everything())
    expect(status).toBe(0)
    expect(out).toContain(
      `vendor: signed by key ${site.vendor.verifier.keyId.slice(0, 16)}…, expires 2031-01-01T00:00:00Z`,
    )
    expect(out).toContain('for device device-1')
    expect(out).not.toContain('signatures not checked')
  })

  test('with one statement says that the other was not checked', async () => {
    const { status, out } = await inspect([site.paths.package, ...vendorArgs()])
    expect(status).toBe(0)
    expect(out).toContain('fleet: signatures not checked')
  })

  test('as data has its identity, hashes and whole manifest', async () => {
    const { status, out } = await inspect([...everything(), '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      package: { sha256: good.identity.packageHash, manifestSha256: good.identity.manifestHash, chunks: 3 },
      image: { signedBy: site.vendor.verifier.keyId, deviceId: null },
      grant: { signedBy: site.fleet.verifier.keyId, deviceId: 'device-1' },
      refusal: null,
      manifest: { modelId: 'sample', files: [{ role: 'model' }, { role: 'card' }, { role: 'licence' }] },
    })
  })
})

describe('is refused, with status 1', () => {
  const json = async (args: string[], nowMs = NOW_MS) => {
    const { status, out } = await inspect([...args, '--json'], nowMs)
    return [status, refusalOf(out)]
  }

  test('a changed chunk, while the rest is still told', async () => {
    const bytes = Buffer.from(good.package)
    bytes[bytes.length - 1]! ^= 1
    install(site, { package: bytes })
    const { status, out } = await inspect([site.paths.package])
    expect(status).toBe(1)
    expect(out).toContain('Sample (sample 1.0.0)')
    expect(out).toContain('REFUSED package_chunk_corrupt')
    expect(out).not.toContain('nothing found against it')
  })

  test.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['nothing', () => Buffer.alloc(0), 'package_truncated'],
    ['another file', () => Buffer.from('not a package at all'), 'package_magic_wrong'],
    ['a newer format', (bytes) => bytes.fill(2, 11, 12), 'package_version_unsupported'],
    ['a cut one', (bytes) => bytes.subarray(0, bytes.length - 1), 'package_layout_invalid'],
    ['a longer one', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]), 'package_layout_invalid'],
  ])('%s', async (_, change, code) => {
    install(site, { package: change(Buffer.from(good.package)) })
    expect(await json([site.paths.package])).toEqual([1, code])
    const { status, out, err } = await inspect([site.paths.package])
    expect([status, out]).toEqual([1, ''])
    expect(err).toContain(`REFUSED ${code}: `)
  })

  test('a path that does not exist, or is a link', async () => {
    expect(await json([join(site.folder, 'absent')])).toEqual([1, 'package_unreadable'])
    symlinkSync(site.paths.package, join(site.folder, 'link'))
    expect(await json([join(site.folder, 'link')])).toEqual([1, 'package_unreadable'])
  })

  test('statements by another key, about another package, revoked or expired', async () => {
    const swapped = [site.paths.package, '--image', site.paths.image, '--vendor-key', keys.fleet]
    expect(await json(swapped)).toEqual([1, 'package_signature_invalid'])
    expect((await inspect(swapped)).out).toContain('vendor: not a statement by this key')
    expect(await json(everything(), EXPIRES_MS)).toEqual([1, 'package_grant_expired'])
    const other = await release(site, sampleDraft({ model: 'another' }, { version: '2.0.0' }))
    install(site, { image: other.image })
    expect(await json([site.paths.package, ...vendorArgs()])).toEqual([1, 'package_target_missing'])
    install(site, { grant: other.grant })
    expect(await json([site.paths.package, ...fleetArgs()])).toEqual([1, 'package_target_missing'])
    install(site, { image: (await release(site, sampleDraft())).image })
    expect(await json([site.paths.package, ...vendorArgs()])).toEqual([1, 'package_manifest_corrupt'])
    const revoked = await release(site, sampleDraft(), { revoked: true })
    install(site, revoked)
    expect(await json(everything())).toEqual([1, 'package_revoked'])
  })

  test.each([
    ['package_truncated', { lengthBytes: 100_000 }],
    ['package_oversized', { lengthBytes: 100 }],
    ['package_hash_mismatch', { packageHash: 'a'.repeat(64) }],
    ['package_manifest_corrupt', { manifestHash: 'a'.repeat(64) }],
    ['package_identity_mismatch', { releaseCounter: 9 }],
  ])('%s: a package that is not what either keeper signed', async (code, signed) => {
    install(site, await release(site, sampleDraft(), { signed }))
    expect(await json([site.paths.package, ...vendorArgs()])).toEqual([1, code])
    expect(await json([site.paths.package, ...fleetArgs()])).toEqual([1, code])
  })

  test('a key that is none', async () => {
    const args = [site.paths.package, '--image', site.paths.image, '--vendor-key', site.paths.image]
    expect(await json(args)).toEqual([1, 'crypto_key_malformed'])
  })
})

test('wrong usage has status 2 and says how', async () => {
  for (const args of [
    [],
    ['a', 'b'],
    ['--what'],
    ['a', '--image', 'b'],
    ['a', '--fleet-key', 'b'],
    ['a', '--json=1'],
    ['a', '--image'],
  ]) {
    const { status, out, err } = await inspect(args)
    expect([status, out]).toEqual([2, ''])
    expect(err).toContain('Usage: wardstone model inspect')
  }
  expect(await inspect(['--help'])).toMatchObject({ status: 0, err: '' })
})

test('a package cannot steer the terminal', async () => {
  const hostile = 'Safe\u001b[2J\u009b31m\u202egnorw\r\nchecked: all\u0007'
  install(site, await release(site, sampleDraft({ model: 'w' }, { display: hostile, intendedUse: hostile })))
  const { out } = await inspect([site.paths.package])
  expect(out).toContain('Safe\ufffd[2J\ufffd31m\ufffdgnorw  checked: all\ufffd')
  expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})
