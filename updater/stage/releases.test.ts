import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DEVICE_ID, type Release } from '../../models/package/testkit/package-site.ts'
import { pointerPath, releaseFolder, releasePaths } from '../../models/store/layout.ts'
import { StageError } from './errors.ts'
import { describeRelease, listReleases, releaseHashes, removeRelease, sweepReleases } from './releases.ts'
import { createStoreSite, type StoreSite } from './testkit/store-site.ts'

let site: StoreSite
let releases: Release[]
const hashOf = (release: Release): string => release.identity.packageHash
const trust = () => ({ vendor: site.site.vendor.verifier, fleet: site.site.fleet.verifier, deviceId: DEVICE_ID })

beforeAll(async () => {
  site = await createStoreSite()
  releases = [await site.pack('1.0.0', 1), await site.pack('1.1.0', 2), await site.pack('1.2.0', 3)]
})
afterAll(() => site?.remove())
beforeEach(async () => {
  site.clear()
  const image = await site.image(1, releases)
  for (const release of releases) await site.stage(site.job(release, image, await site.grant(release, 1)))
})

describe('the releases of a store', () => {
  test('are listed as signed, the newest first, with the expired and the revoked', async () => {
    const [one, two, three] = releases
    const packages = [one!, { ...two!, revoked: true }, three!]
    await site.stage(
      site.job(one!, await site.image(2, packages), await site.grant(one!, 2, Date.parse('2029-01-01T00:00:00Z'))),
    )
    const listed = await listReleases(site.store, trust())
    expect(listed.map(({ version, counter, revoked }) => [version, counter, revoked])).toEqual([
      ['1.2.0', 3, false],
      ['1.1.0', 2, true],
      ['1.0.0', 1, false],
    ])
    expect(listed[2]).toEqual({
      package: hashOf(one!),
      model: 'sample',
      version: '1.0.0',
      counter: 1,
      sizeBytes: one!.package.length,
      grantExpires: '2029-01-01T00:00:00Z',
      revoked: false,
    })
  })

  test('that nobody signed are not listed, but their folders are known', async () => {
    const [one, two, three] = releases
    writeFileSync(releasePaths(site.store, hashOf(one!)).grant, 'spoilt')
    rmSync(releasePaths(site.store, hashOf(two!)).package)
    renameSync(releaseFolder(site.store, hashOf(three!)), releaseFolder(site.store, 'a'.repeat(64)))
    mkdirSync(join(site.store.releases, '.stray'))
    expect(await listReleases(site.store, trust())).toEqual([])
    expect(await describeRelease(site.store, 'f'.repeat(64), trust())).toBeUndefined()
    expect(releaseHashes(site.store)).toEqual([hashOf(one!), hashOf(two!), 'a'.repeat(64)].sort())
  })
})

describe('removing', () => {
  test('takes a release away, and done again does nothing', () => {
    const [one] = releases
    removeRelease(site.store, hashOf(one!))
    expect(existsSync(releaseFolder(site.store, hashOf(one!)))).toBe(false)
    expect(() => removeRelease(site.store, hashOf(one!))).not.toThrow()
    expect(releaseHashes(site.store)).toHaveLength(2)
  })

  test('never takes what a slot runs or keeps, also when the pointer is damaged or cannot be read', () => {
    const [one, two, three] = releases
    site.point(two!, one)
    const inUse = new StageError('stage_release_in_use', { about: 'sample' })
    expect(() => removeRelease(site.store, hashOf(two!))).toThrow(inUse)
    expect(() => removeRelease(site.store, hashOf(one!))).toThrow(inUse)
    writeFileSync(pointerPath(site.store, 'sample'), `{"active":"${hashOf(two!)}"`)
    expect(() => removeRelease(site.store, hashOf(two!))).toThrow(inUse)
    rmSync(pointerPath(site.store, 'sample'))
    symlinkSync('nowhere', pointerPath(site.store, 'sample'))
    expect(() => removeRelease(site.store, hashOf(three!))).toThrow(inUse)
    rmSync(pointerPath(site.store, 'sample'))
    removeRelease(site.store, hashOf(three!))
    expect(releaseHashes(site.store)).toHaveLength(2)
  })

  test('leads nowhere by what is not a hash', () => {
    for (const name of ['..', '.', '', '../slots', 'A'.repeat(64)]) removeRelease(site.store, name)
    expect(site.tree()).toContain('slots')
    expect(releaseHashes(site.store)).toHaveLength(3)
  })

  test('cut short is finished later, and the rest of it has no release’s name', () => {
    const [one] = releases
    const aside = join(site.store.releases, `.${hashOf(one!)}`)
    renameSync(releaseFolder(site.store, hashOf(one!)), aside)
    expect(releaseHashes(site.store)).toHaveLength(2)
    sweepReleases(site.store)
    expect(existsSync(aside)).toBe(false)
    expect(releaseHashes(site.store)).toHaveLength(2)
  })
})
