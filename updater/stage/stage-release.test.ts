import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EXPIRES_MS, type Release } from '../../models/package/testkit/package-site.ts'
import { releaseFolder, releasePaths } from '../../models/store/layout.ts'
import { StageError } from './errors.ts'
import { isStaged, type StagingJob, type StagingLine, stagingLines } from './stage-release.ts'
import { createStoreSite, type StoreSite } from './testkit/store-site.ts'

let site: StoreSite
let first: Release
let second: Release
let firstJob: () => Promise<StagingJob>
let secondJob: () => Promise<StagingJob>
const hashOf = (release: Release): string => release.identity.packageHash
const targetOf = (release: Release) => ({ ...release.identity, name: 'any', revoked: false })

beforeAll(async () => {
  site = await createStoreSite()
  first = await site.pack('1.0.0', 1)
  second = await site.pack('1.1.0', 2)
  firstJob = async () => site.job(first, await site.image(1, [first]), await site.grant(first, 1))
  secondJob = async () => site.job(second, await site.image(2, [first, second]), await site.grant(second, 1))
})
afterAll(() => site?.remove())
beforeEach(() => site.clear())

describe('a release', () => {
  test('comes into an empty store, where the runtime can open it', async () => {
    const job = await firstJob()
    const staged = await site.stage(job)
    expect(staged).toMatchObject({
      imageVersion: 1,
      isNew: true,
      target: { packageHash: hashOf(first), modelId: 'sample' },
    })
    expect(await site.opens(first)).toBe('opens')
    const folder = `releases/${hashOf(first)}`
    expect(site.tree()).toEqual([
      'image.json',
      'releases',
      folder,
      `${folder}/grant.json`,
      `${folder}/package.wspkg`,
      'slots',
    ])
    expect(readdirSync(job.folder)).toEqual(['brought'])
  })

  test('comes beside another, and both open under the new targets', async () => {
    await site.stage(await firstJob())
    expect(await site.stage(await secondJob(), [hashOf(first)])).toMatchObject({ imageVersion: 2, isNew: true })
    expect([await site.opens(first), await site.opens(second)]).toEqual(['opens', 'opens'])
  })

  test('that is there already needs no package, is not new, and changes nothing', async () => {
    await site.stage(await firstJob())
    const before = readFileSync(releasePaths(site.store, hashOf(first)).grant)
    const job = await firstJob()
    rmSync(join(job.folder, 'package.wspkg'))
    expect(await site.stage({ ...job, imageBytes: readFileSync(site.store.image) })).toMatchObject({ isNew: false })
    expect(readFileSync(releasePaths(site.store, hashOf(first)).grant).equals(before)).toBe(true)
  })

  test('that a job brings although it is there is taken out of the folder of the job', async () => {
    await site.stage(await firstJob())
    const job = await firstJob()
    expect(await site.stage({ ...job, imageBytes: readFileSync(site.store.image) })).toMatchObject({ isNew: false })
    expect(readdirSync(job.folder)).toEqual([])
  })

  test('whose package is not there is refused, and the store stays as it was', async () => {
    const job = await firstJob()
    rmSync(join(job.folder, 'package.wspkg'))
    expect(await site.outcome(job)).toBe('stage_package_missing')
    expect(site.tree()).toEqual(['releases', 'slots'])
  })

  test('may be read by the group of the store, whatever the umask, and written by nobody else', async () => {
    const umask = process.umask(0o077)
    try {
      chmodSync(site.store.releases, 0o2750)
      await site.stage(await firstJob())
    } finally {
      process.umask(umask)
    }
    const paths = releasePaths(site.store, hashOf(first))
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
    expect([paths.package, paths.grant, paths.image].map(mode)).toEqual(['640', '640', '640'])
    expect(mode(releaseFolder(site.store, hashOf(first)))).toBe('750')
  })

  test('spoilt by the disk counts as not there, and is replaced whole', async () => {
    await site.stage(await firstJob())
    const { package: path, grant, image } = releasePaths(site.store, hashOf(first))
    const job = async () => ({ ...(await firstJob()), imageBytes: readFileSync(image) })
    for (const spoil of [
      () => writeFileSync(path, Buffer.alloc(first.package.length, 1)),
      () => truncateSync(path, 10),
      () => rmSync(path),
      () => rmSync(grant),
      () => {
        rmSync(path)
        mkdirSync(path)
      },
    ]) {
      spoil()
      expect(await isStaged(site.store, targetOf(first))).toBe(false)
      expect(await site.stage(await job())).toMatchObject({ isNew: false })
      expect(await isStaged(site.store, targetOf(first))).toBe(true)
      expect(await site.opens(first)).toBe('opens')
      expect(site.tree().filter((name) => name.includes('/.'))).toEqual([])
    }
  })
})

describe('a grant', () => {
  const grantNow = () => readFileSync(releasePaths(site.store, hashOf(first)).grant)
  const again = async (grantBytes: Uint8Array) => {
    const image = existsSync(site.store.image) ? readFileSync(site.store.image) : await site.image(1, [first])
    return site.stage(site.job(first, image, grantBytes))
  }

  test('is replaced by a newer one, never by an older or another of the same version', async () => {
    const [three, other, two, four] = [3, 3, 2, 4].map((version) => site.grant(first, version))
    await again(await three!)
    await again(await other!)
    expect(grantNow().equals(await three!)).toBe(true)
    await again(await two!)
    expect(grantNow().equals(await three!)).toBe(true)
    await again(await four!)
    expect(grantNow().equals(await four!)).toBe(true)
    expect(await site.opens(first)).toBe('opens')
  })

  test('that does not hold any more is replaced by any that does', async () => {
    const one = await site.grant(first, 1)
    await again(await site.grant(first, 3))
    writeFileSync(releasePaths(site.store, hashOf(first)).grant, 'spoilt')
    await again(one)
    expect(grantNow().equals(one)).toBe(true)
    writeFileSync(releasePaths(site.store, hashOf(first)).grant, await site.grant(second, 9))
    await again(one)
    expect(grantNow().equals(one)).toBe(true)
  })

  test('for another device, or of another signer, is refused', async () => {
    const job = await firstJob()
    expect(await site.outcome({ ...job, grantBytes: Buffer.from('{}') })).toBe('package_metadata_malformed')
    const stranger = await createStoreSite()
    expect(await site.outcome({ ...job, grantBytes: await stranger.grant(first, 1) })).toBe('package_signature_invalid')
    stranger.remove()
    expect(site.tree()).toEqual(['releases', 'slots'])
  })
})

describe('image targets', () => {
  beforeEach(async () => {
    await site.stage(site.job(first, await site.image(5, [first]), await site.grant(first, 1)))
  })
  const bring = async (image: Promise<Uint8Array>, active: readonly string[] = [hashOf(first)]) =>
    site.outcome(site.job(second, await image, await site.grant(second, 1)), active)

  test('that are older are refused, and nothing is staged', async () => {
    const before = site.tree()
    expect(await bring(site.image(4, [first, second]))).toBe('stage_metadata_rolled_back')
    expect(site.tree()).toEqual(before)
  })

  test('of the same version that are not the same are refused', async () => {
    expect(await bring(site.image(5, [first, second]))).toBe('stage_metadata_forked')
    expect(await bring(site.image(5, [{ ...first, revoked: true }, second]))).toBe('stage_metadata_forked')
  })

  test('that leave out what runs are refused by its name, and those that list it or list it as revoked are not', async () => {
    const job = site.job(second, await site.image(6, [second]), await site.grant(second, 1))
    await expect(site.stage(job, [hashOf(first)])).rejects.toEqual(
      new StageError('stage_active_unlisted', { about: 'sample-1.0.0.wspkg' }),
    )
    expect(await site.opens(first)).toBe('opens')
    expect(await bring(site.image(7, [{ ...first, revoked: true }, second]))).toBe('staged')
    expect(await site.opens(first)).toBe('package_revoked')
    expect(await bring(site.image(8, [second]), [hashOf(second)])).toBe('staged')
  })

  test('that list other bytes under the name of what runs are refused', async () => {
    const identity = { ...first.identity, packageHash: 'a'.repeat(64) }
    expect(await bring(site.image(6, [{ ...first, identity }, second]))).toBe('stage_active_unlisted')
    const renamed = { ...first.identity, version: '1.0.1' }
    expect(await bring(site.image(6, [{ ...first, identity: renamed }, second]))).toBe('stage_active_unlisted')
  })

  test('are not held up by what runs no more: an active release whose own grant is spoilt', async () => {
    writeFileSync(releasePaths(site.store, hashOf(first)).grant, 'spoilt')
    expect(await bring(site.image(6, [second]))).toBe('staged')
    expect(await bring(site.image(7, [second]), ['f'.repeat(64)])).toBe('staged')
  })

  test('in the store that do not hold are replaced, by any that do and list what runs', async () => {
    for (const spoil of [() => writeFileSync(site.store.image, 'spoilt'), () => rmSync(site.store.image)]) {
      spoil()
      expect(await bring(site.image(1, [second]))).toBe('stage_active_unlisted')
      expect(await bring(site.image(1, [first, second]))).toBe('staged')
      expect(await site.opens(first)).toBe('opens')
    }
  })

  test('may be out of date here: whether a release still holds was asked before', async () => {
    expect(await bring(site.image(6, [first, second], EXPIRES_MS - 400 * 86_400_000))).toBe('staged')
    expect(await site.opens(second)).toBe('package_grant_expired')
  })
})

describe('stopped at any line, and at any other when it goes on', () => {
  const stopAt = (line: StagingLine | undefined) => (reached: StagingLine) => {
    if (reached === line) throw new StageError('stage_store_failed', { about: 'stopped' })
  }
  /** What must hold whenever somebody looks: what ran still opens, and what has the name of a release is whole. */
  const verifyStore = async ({ imageBytes }: StagingJob) => {
    expect(await site.opens(first)).toBe('opens')
    for (const hash of readdirSync(site.store.releases)) {
      const release = [first, second].find((each) => hashOf(each) === hash)
      expect(release !== undefined && (await isStaged(site.store, targetOf(release)))).toBe(true)
    }
    // The targets are the last to come: whoever reads the new ones finds the release.
    if (readFileSync(site.store.image).equals(imageBytes)) expect(await site.opens(second)).toBe('opens')
  }
  const pairs = stagingLines.flatMap((line) => [...stagingLines, undefined].map((then) => [line, then] as const))

  test.each(pairs)('%s, then %s: the store is sound throughout, and whole at the end', async (line, then) => {
    await site.stage(await firstJob())
    const active = [hashOf(first)]
    const job = await secondJob()
    for (const stop of [line, then]) {
      await site.stage(job, active, stopAt(stop)).catch(() => undefined)
      // What a replacement leaves when the process dies in it.
      for (const name of [site.store.image, join(job.folder, 'release', 'grant.json')]) {
        if (existsSync(join(name, '..'))) writeFileSync(`${name}.12345.tmp`, 'half')
      }
      await verifyStore(job)
    }
    expect(await site.stage(job, active)).toMatchObject({ isNew: true, imageVersion: 2 })
    await verifyStore(job)
    expect(await site.opens(second)).toBe('opens')
    expect(site.tree().filter((name) => name.endsWith('.tmp') || name.includes('/.'))).toEqual([])
    expect(readdirSync(job.folder)).toEqual(['brought'])
  })

  test.each(stagingLines)('%s, while it replaces what the disk has spoilt: it is replaced at the end', async (line) => {
    await site.stage(await firstJob())
    writeFileSync(releasePaths(site.store, hashOf(first)).package, 'spoilt')
    const job = { ...(await firstJob()), imageBytes: readFileSync(site.store.image) }
    await site.stage(job, [hashOf(first)], stopAt(line)).catch(() => undefined)
    await site.stage(job, [hashOf(first)])
    expect(await site.opens(first)).toBe('opens')
  })
})
