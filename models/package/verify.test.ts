import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { errorCode } from '../../device/platform/errors.ts'
import {
  createPackageSite,
  EXPIRES_MS,
  install,
  type PackageSite,
  type Release,
  release,
} from './testkit/package-site.ts'
import { sampleDraft } from './testkit/sample-draft.ts'
import { type SignatureTrust, verifyAgreement, verifyMetadata, verifyPackage } from './verify.ts'

let site: PackageSite
let made: Release
beforeAll(async () => {
  site = await createPackageSite()
})
afterAll(() => site.remove())
beforeEach(async () => {
  made = await release(site, sampleDraft())
  install(site, made)
})

/** Without the key of the device and without its history: what the updater has. */
const trust = (changes: Partial<SignatureTrust> = {}): SignatureTrust => {
  const { vendor, fleet, deviceId, nowMs, wasActivated } = site.trust
  return { vendor, fleet, deviceId, nowMs, wasActivated, ...changes }
}

describe('the metadata of a release, before its package is there', () => {
  const codeOf = (of: Release, changes: Partial<SignatureTrust> = {}) =>
    verifyMetadata(of.image, of.grant, trust(changes)).then(() => 'holds', errorCode)

  test('say which package, under which names, until when', async () => {
    const { target, image, grant } = await verifyMetadata(made.image, made.grant, trust())
    expect(target).toMatchObject({ packageHash: made.identity.packageHash, lengthBytes: made.package.length })
    expect([image.version, Object.keys(image.targets), grant.expires]).toEqual([
      1,
      ['sample-1.0.0.wspkg'],
      '2031-01-01T00:00:00Z',
    ])
  })

  test('are refused for each reason that needs no package', async () => {
    expect(await codeOf(made)).toBe('holds')
    expect(await codeOf(made, { deviceId: 'device-2' })).toBe('package_device_foreign')
    expect(await codeOf(made, { vendor: site.fleet.verifier })).toBe('package_signature_invalid')
    expect(await codeOf(made, { fleet: site.vendor.verifier })).toBe('package_signature_invalid')
    expect(await codeOf(await release(site, sampleDraft(), { revoked: true }))).toBe('package_revoked')
    expect(await codeOf(await release(site, sampleDraft(), { granted: { lengthBytes: 9 } }))).toBe(
      'package_metadata_disagree',
    )
    expect(await codeOf({ ...made, image: made.grant })).toBe('package_signature_invalid')
    expect(await codeOf(made, { nowMs: EXPIRES_MS })).toBe('package_grant_expired')
    expect(await codeOf(made, { nowMs: EXPIRES_MS, wasActivated: () => true })).toBe('holds')
  })

  test('have a name also when they hold no more', async () => {
    const old = await release(site, sampleDraft(), { revoked: true, grantExpiresMs: 0 })
    const { target } = await verifyAgreement(old.image, old.grant, trust())
    expect(target).toMatchObject({ packageHash: old.identity.packageHash, revoked: true })
  })
})

describe('a package without the key of the device', () => {
  test('is verified, and its file is open until it is closed', async () => {
    const { manifest, target, file } = await verifyPackage(site.paths, trust())
    expect([manifest.modelId, target.packageHash, file.sizeBytes]).toEqual([
      'sample',
      made.identity.packageHash,
      made.package.length,
    ])
    file.close()
  })

  test('is refused when its bytes are not the signed ones', async () => {
    const bytes = Buffer.from(made.package)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    writeFileSync(site.paths.package, bytes)
    await expect(verifyPackage(site.paths, trust())).rejects.toMatchObject({ code: 'package_chunk_corrupt' })
    writeFileSync(site.paths.package, bytes.subarray(1))
    await expect(verifyPackage(site.paths, trust())).rejects.toMatchObject({ code: 'package_truncated' })
  })

  test('leaves what the runtime alone can judge: its history, its version, its key', async () => {
    install(site, await release(site, sampleDraft({ model: 'w' }, { runtime: { minimum: '9.0.0', below: '10.0.0' } })))
    const { file } = await verifyPackage(site.paths, trust())
    file.close()
  })
})
