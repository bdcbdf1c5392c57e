import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../device/crypto/bulk.ts'
import { generateHpkeKey, loadHpkeRecipient } from '../../device/crypto/hpke.ts'
import { decryptFile } from './container.ts'
import type { PackageError } from './errors.ts'
import {
  createKeeper,
  createPackageSite,
  EXPIRES_MS,
  install,
  NOW_MS,
  open,
  outcome,
  type PackageSite,
  release,
} from './testkit/package-site.ts'
import { sampleDraft } from './testkit/sample-draft.ts'

let site: PackageSite
beforeAll(async () => {
  site = await createPackageSite()
})
afterAll(() => site.remove())

describe('a package that both keepers signed for this device', () => {
  test('opens, gives each file back, and says what it is', async () => {
    const made = await release(site, sampleDraft({ model: 'weights', card: 'A card.', licence: '' }))
    install(site, made)
    const opened = await open(site)
    expect(opened.readFile('model').toString()).toBe('weights')
    expect(opened.readFile('card').toString()).toBe('A card.')
    expect(opened.readFile('licence')).toHaveLength(0)
    expect(opened.packageHash).toBe(sha256(made.package).toString('hex'))
    expect(opened.manifest.modelId).toBe('sample')
    expect(Buffer.from(opened.contentKey).equals(made.contentKey)).toBe(true)
    opened.close()
  })

  test('gives what a worker needs to decrypt by itself', async () => {
    install(site, await release(site, sampleDraft({ card: 'first', model: 'weights' })))
    const { fd, payloadOffset, contentKey, manifest, close } = await open(site)
    const salt = Buffer.from(manifest.encryption.salt, 'hex')
    const file = manifest.files[1]!
    expect(decryptFile({ fd, payloadOffset, file, index: 1, contentKey, salt }).toString()).toBe('weights')
    close()
  })

  test('is held open read-only, and after close the key is gone and the descriptor is closed once', async () => {
    install(site, await release(site, sampleDraft()))
    const opened = await open(site)
    expect(() => writeSync(opened.fd, Buffer.from('x'))).toThrow(/EBADF/)
    opened.close()
    expect(Buffer.from(opened.contentKey).equals(Buffer.alloc(32))).toBe(true)
    expect(() => opened.readFile('model')).toThrow()
    expect(() => opened.close()).not.toThrow()
  })

  test('a file that is not in it is named', async () => {
    install(site, await release(site, sampleDraft({ model: 'weights' })))
    const opened = await open(site)
    expect(() => opened.readFile('sbom')).toThrow(
      expect.objectContaining({ code: 'package_file_missing', about: 'sbom' }),
    )
    opened.close()
  })
})

describe('is refused', () => {
  beforeEach(async () => {
    install(site, await release(site, sampleDraft()))
    expect(await outcome(site)).toBe('accepted')
  })

  test('for another device', async () => {
    expect(await outcome(site, { deviceId: 'device-2' })).toBe('package_device_foreign')
    install(site, await release(site, sampleDraft(), { deviceId: 'device-2' }))
    expect(await outcome(site)).toBe('package_device_foreign')
  })

  test('for this device with the key of another', async () => {
    const { privatePem } = await generateHpkeKey(site.provider)
    const recipient = await loadHpkeRecipient(site.provider, privatePem)
    expect(await outcome(site, { recipient })).toBe('package_grant_unopenable')
  })

  test('with the grant of another package, whatever it is called', async () => {
    const other = await release(site, sampleDraft({ model: 'other' }, { version: '1.0.1' }))
    install(site, { grant: other.grant })
    expect(await outcome(site)).toBe('package_target_missing')
    const sameName = await release(site, sampleDraft({ model: 'other' }))
    install(site, { grant: sameName.grant })
    expect(await outcome(site)).toBe('package_metadata_disagree')
  })

  test.each([
    ['hash', { packageHash: 'a'.repeat(64) }],
    ['length', { lengthBytes: 17 }],
    ['manifest hash', { manifestHash: 'a'.repeat(64) }],
    ['release counter', { releaseCounter: 4 }],
  ])('when vendor and fleet differ in the %s', async (about, granted) => {
    install(site, await release(site, sampleDraft(), { granted }))
    await expect(open(site)).rejects.toMatchObject({ code: 'package_metadata_disagree', about })
  })

  test.each([
    ['modelId', { modelId: 'other' }],
    ['version', { version: '1.0.1' }],
    ['releaseCounter', { releaseCounter: 4 }],
  ])('when both sign another %s than the manifest has', async (about, signed) => {
    install(site, await release(site, sampleDraft(), { signed }))
    await expect(open(site)).rejects.toMatchObject({ code: 'package_identity_mismatch', about })
  })

  test('when both sign another manifest hash or package hash than it has', async () => {
    install(site, await release(site, sampleDraft(), { signed: { manifestHash: 'a'.repeat(64) } }))
    expect(await outcome(site)).toBe('package_manifest_corrupt')
    install(site, await release(site, sampleDraft(), { signed: { packageHash: 'a'.repeat(64) } }))
    expect(await outcome(site)).toBe('package_hash_mismatch')
  })

  test('once the vendor has revoked it, also where it ran before', async () => {
    install(site, await release(site, sampleDraft(), { revoked: true }))
    expect(await outcome(site)).toBe('package_revoked')
    expect(await outcome(site, { wasActivated: () => true })).toBe('package_revoked')
  })

  test.each([
    ['image targets', { imageExpiresMs: NOW_MS }],
    ['grant', { grantExpiresMs: NOW_MS }],
  ])('from the moment the %s expire, unless exactly it ran here before', async (about, changes) => {
    const expired = await release(site, sampleDraft(), changes)
    install(site, expired)
    await expect(open(site)).rejects.toMatchObject({ code: 'package_grant_expired', about })
    expect(await outcome(site, { nowMs: NOW_MS - 1 })).toBe('accepted')
    expect(await outcome(site, { wasActivated: (hash) => hash === expired.identity.packageHash })).toBe('accepted')
    expect(await outcome(site, { wasActivated: (hash) => hash !== expired.identity.packageHash })).toBe(
      'package_grant_expired',
    )
  })

  test('when the clock gives no time', async () => {
    expect(await outcome(site, { nowMs: Number.NaN })).toBe('package_grant_expired')
  })

  test('below the floor, and at the floor with other bytes; at the floor with the same bytes it opens', async () => {
    const made = await release(site, sampleDraft())
    install(site, made)
    const floor = (releaseCounter: number, packageHash: string) => ({ floor: () => ({ releaseCounter, packageHash }) })
    const { packageHash } = made.identity
    expect(await outcome(site, floor(4, packageHash))).toBe('package_downgrade')
    expect(await outcome(site, floor(3, 'a'.repeat(64)))).toBe('package_counter_reused')
    expect(await outcome(site, floor(3, packageHash))).toBe('accepted')
    expect(await outcome(site, floor(2, 'a'.repeat(64)))).toBe('accepted')
  })

  test('with image targets older than those that anything was decided by', async () => {
    install(site, await release(site, sampleDraft(), { imageVersion: 4 }))
    expect(await outcome(site, { imageVersion: 5 })).toBe('package_metadata_rolled_back')
    expect(await outcome(site, { imageVersion: 4 })).toBe('accepted')
    const opened = await open(site, { imageVersion: 3 })
    expect(opened.imageVersion).toBe(4)
    opened.close()
  })

  test('the floor is asked for the model that was signed', async () => {
    const asked: string[] = []
    await outcome(site, { floor: (modelId) => void asked.push(modelId) })
    expect(asked).toEqual(['sample'])
  })

  test.each([
    ['0.0.9', 'package_runtime_unsupported'],
    ['0.1.0', 'accepted'],
    ['0.99.0', 'accepted'],
    ['1.0.0', 'package_runtime_unsupported'],
    ['', 'package_runtime_unsupported'],
  ])('outside its range of runtime versions: %s', async (runtimeVersion, expected) => {
    expect(await outcome(site, { runtimeVersion })).toBe(expected)
  })

  test('when signed by anyone but the pinned keys', async () => {
    const stranger = (await createKeeper(site.provider)).verifier
    expect(await outcome(site, { vendor: stranger })).toBe('package_signature_invalid')
    expect(await outcome(site, { fleet: stranger })).toBe('package_signature_invalid')
  })

  test('when image targets and grant change places, even if one key signs both', async () => {
    const one = { ...site, fleet: site.vendor }
    const made = await release(one, sampleDraft())
    const trust = { fleet: site.vendor.verifier }
    install(site, made)
    expect(await outcome(site, trust)).toBe('accepted')
    install(site, { image: made.grant })
    expect(await outcome(site, trust)).toBe('package_metadata_malformed')
    install(site, { image: made.image, grant: made.image })
    expect(await outcome(site, trust)).toBe('package_metadata_malformed')
  })
})

describe('what lies at the path', () => {
  beforeEach(async () => {
    rmSync(site.folder, { recursive: true })
    mkdirSync(site.folder)
    install(site, await release(site, sampleDraft()))
  })

  test.each(['package', 'image', 'grant'] as const)('a link in place of the %s is refused', async (part) => {
    renameSync(site.paths[part], `${site.paths[part]}.target`)
    symlinkSync(`${site.paths[part]}.target`, site.paths[part])
    expect(await outcome(site)).toBe('package_unreadable')
  })

  test.each(['package', 'image', 'grant'] as const)('a pipe in place of the %s is refused at once', async (part) => {
    rmSync(site.paths[part])
    execFileSync('mkfifo', [site.paths[part]])
    expect(await outcome(site)).toBe('package_unreadable')
  })

  test.each(['package', 'image', 'grant'] as const)(
    'a folder, or nothing, in place of the %s is refused',
    async (part) => {
      rmSync(site.paths[part])
      expect(await outcome(site)).toBe('package_unreadable')
      mkdirSync(site.paths[part])
      expect(await outcome(site)).toBe('package_unreadable')
    },
  )

  test.each(['image', 'grant'] as const)('an endless %s is refused without reading it', async (part) => {
    truncateSync(site.paths[part], 1024 ** 4)
    expect(await outcome(site)).toBe('package_unreadable')
  })

  test('no descriptor is left open by a refusal', async () => {
    const opened = await open(site)
    expect(openDescriptors()).toHaveLength(1)
    opened.close()
    const changes = [{ runtimeVersion: '9.0.0' }, { deviceId: 'device-2' }, { nowMs: EXPIRES_MS }]
    for (const change of changes) expect(await outcome(site, change)).not.toBe('accepted')
    truncateSync(site.paths.package, 10)
    expect(await outcome(site)).toBe('package_truncated')
    rmSync(site.paths.package)
    mkdirSync(site.paths.package)
    expect(await outcome(site)).toBe('package_unreadable')
    expect(openDescriptors()).toEqual([])
    rmSync(site.paths.package, { recursive: true })
  })
})

test('memory stays flat while a large package is hashed', async () => {
  const sizeBytes = 256 * 1024 ** 2
  install(site, await release(site, sampleDraft(), { signed: { lengthBytes: sizeBytes, packageHash: 'a'.repeat(64) } }))
  truncateSync(site.paths.package, sizeBytes)
  const before = process.memoryUsage().rss
  const code = await open(site).catch((error: PackageError) => error.code)
  expect(code).toBe('package_layout_invalid')
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 ** 2)
})

test('a package that is changed after it was opened still gives only what was signed', async () => {
  const made = await release(site, sampleDraft())
  install(site, made)
  const opened = await open(site)
  writeFileSync(site.paths.package, Buffer.concat([made.package, Buffer.alloc(9)]))
  expect(opened.readFile('model').toString()).toBe('weights')
  writeFileSync(site.paths.package, Buffer.alloc(made.package.length))
  expect(() => opened.readFile('model')).toThrow(expect.objectContaining({ code: 'package_chunk_corrupt' }))
  writeFileSync(site.paths.package, '')
  expect(() => opened.readFile('model')).toThrow(expect.objectContaining({ code: 'package_truncated' }))
  opened.close()
})

/** Descriptors of this process that lead into the site's folder. */
function openDescriptors(): string[] {
  const all = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
  return all.filter((target) => target.startsWith(site.folder))
}
