import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { ChannelError } from '../../device/platform/channel-errors.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { createLog } from '../../device/platform/log.ts'
import { pointerPath } from '../../models/store/layout.ts'
import { startUpdater, type Updater } from '../compose.ts'
import { RuntimeStandIn, type StandInOptions } from './testkit/runtime-stand-in.ts'
import {
  ask,
  createUpdateSite,
  ended,
  eventually,
  install,
  jobOf,
  jobOnDisk,
  listOf,
  pointerOf,
  publish,
  type SampleRelease,
  sampleRelease,
  storeTree,
  type UpdateSite,
} from './testkit/update-site.ts'

let site: UpdateSite
let runtime: RuntimeStandIn | undefined
let updater: Updater | undefined
let words: string
const first = sampleRelease(1)
const second = sampleRelease(2)
const third = sampleRelease(3)
const hash = (release: SampleRelease) => release.identity.packageHash

beforeEach(async () => {
  site = await createUpdateSite()
  words = ''
})

afterEach(async () => {
  await updater?.stop()
  await runtime?.stop()
  updater = undefined
  runtime = undefined
  site.remove()
})

async function start(limits: Partial<UpdateSite['config']['limits']> = {}): Promise<void> {
  const config = { ...site.config, limits: { ...site.config.limits, ...limits } }
  const log = createLog(systemClock, (line) => {
    words += line
  })
  const parts = { provider: createCryptoProvider(), clock: systemClock, randomness: systemRandomness, log }
  updater = await startUpdater(config, site.folder, parts)
}

async function stop(): Promise<void> {
  await updater?.stop()
  updater = undefined
}

async function runtimeWith(script: Pick<StandInOptions, 'prove' | 'activate'> = {}): Promise<RuntimeStandIn> {
  await runtime?.stop()
  const { store, leavesPath, runtimeSocket: socket } = site
  runtime = await RuntimeStandIn.start({ socket, store, leavesPath, ...script })
  return runtime
}

const all = [first, second, third]
const publishOne = (release: SampleRelease, imageVersion = 1) =>
  publish(site, `r${release.identity.releaseCounter}`, { release, listed: all, imageVersion })

async function bring(release: SampleRelease, activate = true): Promise<ReturnType<typeof ended>> {
  return ended(site, (await install(site, await publishOne(release), activate)).job)
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof ChannelError ? `${error.code} ${error.about ?? ''}`.trim() : error),
  )

const releasesOf = () => storeTree(site.store).filter((name) => /^releases\/[^/]+\/$/.test(name))

describe('a release that is sound', () => {
  it('is fetched, staged, proven, pointed to and activated, in this order, and leaves nothing behind', async () => {
    const standIn = await runtimeWith()
    await start()
    const done = await bring(first)
    expect(done).toMatchObject({ state: 'done', step: 'prune', slot: 'sample', version: '1.0.0', code: null })
    expect(done).toMatchObject({ package: hash(first), bytes: first.bytes.length, totalBytes: first.bytes.length })
    const { event } = pointerOf(site)
    expect(pointerOf(site)).toMatchObject({ change: 'activate', active: hash(first), previous: null, by: 'engineer' })
    expect(standIn.asked).toEqual([`prove ${hash(first)}`, `activate ${event}`])
    expect(standIn.leaves()).toEqual([{ kind: 'activated', event, package: hash(first) }])
    expect(storeTree(site.store)).toEqual([
      'image.json',
      'jobs/',
      `jobs/${done.job}/`,
      `jobs/${done.job}/job.json`,
      'releases/',
      `releases/${hash(first)}/`,
      `releases/${hash(first)}/grant.json`,
      `releases/${hash(first)}/package.wspkg`,
      'slots/',
      'slots/sample.json',
    ])
  })

  it('keeps what ran before for a rollback, and prunes what ran before that', async () => {
    await runtimeWith()
    await start()
    for (const release of all) expect((await bring(release)).state).toBe('done')
    expect(pointerOf(site)).toMatchObject({ active: hash(third), previous: hash(second) })
    expect(releasesOf()).toEqual([hash(second), hash(third)].sort().map((name) => `releases/${name}/`))
  })

  it('is staged only, where asked; activated and rolled back later; and a second rollback does not lead forward', async () => {
    const standIn = await runtimeWith()
    await start()
    await bring(first)
    expect(await bring(second, false)).toMatchObject({ state: 'done', step: 'stage' })
    expect(pointerOf(site).active).toBe(hash(first))
    expect((await listOf(site)).staged).toMatchObject([{ package: hash(second), version: '2.0.0', counter: 2 }])

    const { job } = (await ask(site, 'activate', { package: hash(second), by: 'engineer' })) as { job: string }
    expect(await ended(site, job)).toMatchObject({ kind: 'activate', state: 'done' })
    expect(pointerOf(site)).toMatchObject({ active: hash(second), previous: hash(first), change: 'activate' })

    const back = (await ask(site, 'rollback', { slot: 'sample', by: 'officer' })) as { job: string }
    expect(await ended(site, back.job)).toMatchObject({ kind: 'rollback', state: 'done', version: '1.0.0' })
    expect(pointerOf(site)).toMatchObject({ active: hash(first), previous: null, change: 'rollback', by: 'officer' })
    expect(standIn.leaves().map(({ kind }) => kind)).toEqual(['activated', 'activated', 'rolled-back'])
    expect(await refusal(ask(site, 'rollback', { slot: 'sample', by: 'officer' }))).toBe(
      'channel_refused control_rollback_empty',
    )
    // It stays in the store: a higher counter than what runs, for whoever has had it mended elsewhere.
    expect((await listOf(site)).staged).toMatchObject([{ package: hash(second) }])
  })

  it('that runs already brings nothing but its newer grant: no new event, no second proof', async () => {
    const standIn = await runtimeWith()
    await start()
    await bring(first)
    const before = pointerOf(site)
    const again = await publish(site, 'again', { release: first, listed: all, imageVersion: 1, grantVersion: 2 })
    expect(await ended(site, (await install(site, again)).job)).toMatchObject({ state: 'done' })
    expect(pointerOf(site)).toEqual(before)
    expect(standIn.asked.filter((asked) => asked.startsWith('prove'))).toHaveLength(1)
    expect(standIn.leaves()).toHaveLength(1)
  })

  it('is listed with what the runtime says of the slot, and without it when the runtime is away', async () => {
    const standIn = await runtimeWith()
    await start()
    await bring(first)
    await bring(second)
    const list = await listOf(site)
    expect(list.slots).toMatchObject([
      { slot: 'sample', package: hash(second), active: { version: '2.0.0' }, previous: { version: '1.0.0' } },
    ])
    expect(list.slots[0]).toMatchObject({ state: 'active', running: hash(second), fault: null })
    expect(list.jobs.map(({ version }) => version)).toEqual(['2.0.0', '1.0.0'])
    await standIn.stop()
    expect((await listOf(site)).slots[0]).toMatchObject({ state: null, running: null })
  })
})

describe('a release that is refused', () => {
  it.each([
    ['of another device', { deviceId: 'device-2' }, 'package_device_foreign'],
    ['whose grant has expired', { expiresAtMs: Date.parse('2020-01-01T00:00:00Z') }, 'package_grant_expired'],
    ['that the vendor has revoked', { listed: [{ ...second, revoked: true }, first] }, 'package_revoked'],
    ['that the vendor does not list', { listed: [first] }, 'package_target_missing'],
    ['whose metadata leave out what runs', { listed: [second], imageVersion: 2 }, 'stage_active_unlisted'],
  ])('%s: no byte of the package is fetched, and only the leaf tells of it', async (_what, changes, code) => {
    const standIn = await runtimeWith()
    await start()
    await bring(first)
    const before = storeTree(site.store)
    const folder = await publish(site, 'bad', { release: second, listed: all, imageVersion: 1, ...changes })
    // It would hang whoever opened it.
    rmSync(join(folder, 'package.wspkg'))
    const failed = await ended(site, (await install(site, folder)).job)
    expect(failed).toMatchObject({ state: 'failed', step: 'fetch', code, bytes: 0 })
    const record = [`jobs/${failed.job}/`, `jobs/${failed.job}/job.json`]
    expect(storeTree(site.store)).toEqual([...before, ...record].sort())
    expect(standIn.leaves().slice(1)).toMatchObject([{ kind: 'package-refused', code }])
    expect(pointerOf(site).active).toBe(hash(first))
  })

  it('for a byte in the package is not staged, and nothing of it stays', async () => {
    const standIn = await runtimeWith()
    await start()
    const bytes = Buffer.from(second.bytes)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 40_000) ^ 1, bytes.length - 40_000)
    const folder = await publish(site, 'bad', { release: second, listed: all, imageVersion: 1 })
    writeFileSync(join(folder, 'package.wspkg'), bytes)
    const failed = await ended(site, (await install(site, folder)).job)
    expect(failed).toMatchObject({ state: 'failed', code: 'package_chunk_corrupt' })
    expect(storeTree(site.store)).toEqual([
      'image.json',
      'jobs/',
      `jobs/${failed.job}/`,
      `jobs/${failed.job}/job.json`,
      'releases/',
      'slots/',
    ])
    expect(standIn.leaves()).toMatchObject([
      { kind: 'package-refused', code: 'package_chunk_corrupt', package: hash(second) },
    ])
  })

  it('by the runtime, that proves it, is taken out of the store again; its leaf is the runtime’s own', async () => {
    const standIn = await runtimeWith({ prove: [undefined, 'inference_self_test_failed'] })
    await start()
    await bring(first)
    const failed = await bring(second)
    expect(failed).toMatchObject({ state: 'failed', step: 'prove', code: 'inference_self_test_failed' })
    expect(releasesOf()).toEqual([`releases/${hash(first)}/`])
    expect(pointerOf(site).active).toBe(hash(first))
    expect(standIn.leaves().filter(({ kind }) => kind === 'package-refused')).toHaveLength(1)
    expect(standIn.asked).not.toContain('record-refusal inference_self_test_failed')
  })

  it('when it was staged before stays staged: it did not come with this job', async () => {
    await runtimeWith({ prove: ['inference_self_test_failed'] })
    await start()
    await bring(first, false)
    const { job } = (await ask(site, 'activate', { package: hash(first), by: 'engineer' })) as { job: string }
    expect(await ended(site, job)).toMatchObject({ state: 'failed', code: 'inference_self_test_failed' })
    expect(releasesOf()).toEqual([`releases/${hash(first)}/`])
  })

  it('waits for a runtime that is down to write its leaf, says so, and writes it once', async () => {
    await start()
    const folder = await publish(site, 'bad', { release: second, listed: [first], imageVersion: 1 })
    const { job } = await install(site, folder)
    const waiting = await eventually(
      () => jobOf(site, job),
      (answer) => answer.waiting === 'runtime',
    )
    expect(waiting).toMatchObject({ state: 'running', code: 'package_target_missing' })
    await stop()
    const standIn = await runtimeWith()
    await start()
    expect(await ended(site, job)).toMatchObject({ state: 'failed', code: 'package_target_missing' })
    expect(standIn.leaves()).toHaveLength(1)
  })
})

describe('what the vendor says', () => {
  const revoking = { release: second, listed: [first, { ...second, revoked: true }], imageVersion: 2 }
  const imageVersion = () =>
    (JSON.parse(readFileSync(site.store.image, 'utf8')) as { signed: { version: number } }).signed.version

  it.each([
    ['is revoked', {}, 'package_revoked'],
    ['is of another device', { deviceId: 'device-2' }, 'package_device_foreign'],
    ['has a grant that has expired', { expiresAtMs: Date.parse('2020-01-01T00:00:00Z') }, 'package_revoked'],
  ])(
    'is kept though the release that it came with %s: nobody can stage or run what it revokes',
    async (_what, changes, code) => {
      const standIn = await runtimeWith()
      await start()
      await bring(first)
      await bring(second, false)
      const folder = await publish(site, 'revoking', { ...revoking, ...changes })
      expect(await ended(site, (await install(site, folder)).job)).toMatchObject({ state: 'failed', code })
      expect(imageVersion()).toBe(2)
      expect(await refusal(ask(site, 'activate', { package: hash(second), by: 'engineer' }))).toBe(
        'channel_refused control_release_revoked',
      )
      expect(standIn.asked.at(-1)).toBe(`record-refusal ${code}`)
    },
  )

  it('and that reaches a release that runs is told, and the release goes on', async () => {
    await runtimeWith()
    await start()
    await bring(first)
    const listed = [{ ...first, revoked: true }, second]
    const folder = await publish(site, 'both', { release: second, listed, imageVersion: 2, deviceId: 'device-2' })
    await ended(site, (await install(site, folder)).job)
    expect((await listOf(site)).slots).toMatchObject([{ state: 'active', active: { revoked: true } }])
    expect(words).toContain('active-release-revoked')
  })

  it.each([
    ['is out of date', { imageExpiresMs: Date.parse('2020-01-01T00:00:00Z') }],
    ['leaves out what runs', { listed: [{ ...second, revoked: true }] }],
    ['is older', { imageVersion: 1 }],
  ])('is not kept where it %s', async (_what, changes) => {
    await runtimeWith()
    await start()
    const folder = await publish(site, 'now', { release: first, listed: all, imageVersion: 2 })
    expect(await ended(site, (await install(site, folder)).job)).toMatchObject({ state: 'done' })
    const before = readFileSync(site.store.image)
    const other = await publish(site, 'other', { ...revoking, imageVersion: 3, deviceId: 'device-2', ...changes })
    expect(await ended(site, (await install(site, other)).job)).toMatchObject({ state: 'failed' })
    expect(readFileSync(site.store.image)).toEqual(before)
  })

  it('meanwhile, by another job, is what a release that was fetched before is staged by', async () => {
    await start()
    const holding = await install(site, await publishOne(first))
    await eventually(
      () => jobOf(site, holding.job),
      ({ waiting }) => waiting === 'runtime',
    )
    const fetched = await install(site, await publishOne(second))
    await eventually(
      () => jobOf(site, fetched.job),
      ({ waiting, step }) => waiting === 'turn' && step === 'verify',
    )
    const late = await publish(site, 'late', { release: third, listed: all, imageVersion: 2, deviceId: 'device-2' })
    await install(site, late)
    await eventually(() => existsSync(site.store.image) && imageVersion() === 2, Boolean)
    await runtimeWith()
    expect(await ended(site, fetched.job)).toMatchObject({ state: 'done', code: null })
    expect(imageVersion()).toBe(2)
  })
})

describe('a runtime', () => {
  it('that is down at first is waited for', async () => {
    await start()
    const { job } = await install(site, await publishOne(first))
    const seen = await eventually(
      () => jobOf(site, job),
      ({ waiting }) => waiting === 'runtime',
    )
    expect(seen).toMatchObject({ state: 'running', step: 'prove' })
    await runtimeWith()
    expect(await ended(site, job)).toMatchObject({ state: 'done' })
  })

  it('that stays away fails the job in time; the release stays staged and the next job needs no second download', async () => {
    await start({ runtimeWaitMs: 30 })
    const failed = await bring(first)
    expect(failed).toMatchObject({ state: 'failed', step: 'prove', code: 'updater_runtime_unreachable' })
    expect(releasesOf()).toEqual([`releases/${hash(first)}/`])
    expect((await listOf(site)).staged).toHaveLength(1)
    await runtimeWith()
    rmSync(join(site.folder, 'outside', 'r1', 'package.wspkg'))
    const { job } = await install(site, join(site.folder, 'outside', 'r1'))
    expect(await ended(site, job)).toMatchObject({ state: 'done' })
  })

  it('that never ends proving is given up', async () => {
    const standIn = await runtimeWith({ prove: ['hang'] })
    await start({ proveMs: 100 })
    expect(await bring(first)).toMatchObject({ state: 'failed', code: 'updater_prove_timeout' })
    expect(standIn.asked).toContain('discard')
    runtime = undefined
  })

  it.each(['storage_full', 'runtime_stopping'])('that says %s is asked again', async (code) => {
    const standIn = await runtimeWith({ prove: [code, undefined], activate: [code, code, undefined] })
    await start()
    expect(await bring(first)).toMatchObject({ state: 'done' })
    expect(standIn.leaves()).toHaveLength(1)
  })

  it('that goes on saying so fails the job with its code, and the release stays staged', async () => {
    await runtimeWith({ prove: ['runtime_memory_short'] })
    await start({ runtimeWaitMs: 30 })
    expect(await bring(first)).toMatchObject({ state: 'failed', step: 'prove', code: 'runtime_memory_short' })
    expect(releasesOf()).toEqual([`releases/${hash(first)}/`])
  })

  it('that refuses to activate what it has proven gets its old pointer back, as a rollback with an event of its own', async () => {
    const standIn = await runtimeWith({ activate: [undefined, 'inference_load_failed', undefined] })
    await start()
    await bring(first)
    const before = pointerOf(site)
    const failed = await bring(second)
    expect(failed).toMatchObject({ state: 'failed', step: 'activate', code: 'inference_load_failed' })
    const after = pointerOf(site)
    expect(after).toMatchObject({ active: hash(first), previous: null, change: 'rollback' })
    expect(after.event).not.toBe(before.event)
    expect(standIn.leaves().map(({ kind, package: name }) => `${kind} ${name}`)).toEqual([
      `activated ${hash(first)}`,
      `rolled-back ${hash(first)}`,
    ])
    expect(standIn.serving.get('sample')).toBe(hash(first))
    expect((await listOf(site)).staged).toMatchObject([{ package: hash(second) }])
  })

  it('that refuses to activate the first model of a slot leaves the slot without a pointer', async () => {
    await runtimeWith({ activate: ['inference_load_failed'] })
    await start()
    expect(await bring(first)).toMatchObject({ state: 'failed', code: 'inference_load_failed' })
    expect(storeTree(site.store).filter((name) => name.startsWith('slots/'))).toEqual(['slots/'])
    expect((await listOf(site)).slots).toEqual([])
  })

  it('is asked at the start of the updater to follow every pointer, once it answers', async () => {
    await runtimeWith()
    await start()
    await bring(first)
    const { event } = pointerOf(site)
    await stop()
    await runtime?.stop()
    runtime = undefined
    await start()
    const standIn = await runtimeWith()
    await eventually(
      () => standIn.asked,
      (asked) => asked.includes(`activate ${event}`),
    )
    expect(standIn.leaves()).toHaveLength(1)
  })
})

describe('several jobs', () => {
  it('for one slot go one after the other, and both arrive', async () => {
    const standIn = await runtimeWith()
    await start()
    const [one, two] = [await publishOne(first), await publishOne(second)]
    const jobs = [await install(site, one), await install(site, two)]
    for (const { job } of jobs) expect(await ended(site, job)).toMatchObject({ state: 'done' })
    const { active, previous } = pointerOf(site)
    expect([active, previous].sort()).toEqual([hash(first), hash(second)].sort())
    expect(standIn.leaves()).toHaveLength(2)
  })

  it('for two slots are proven one after the other, since the runtime keeps one candidate', async () => {
    const other = sampleRelease(1, 'other')
    const standIn = await runtimeWith({ prove: ['storage_full', 'storage_full', undefined] })
    await start()
    const listed = [...all, other]
    const folders = [
      await publish(site, 'r1', { release: first, listed, imageVersion: 1 }),
      await publish(site, 'other', { release: other, listed, imageVersion: 1 }),
    ]
    const jobs = await Promise.all(folders.map((folder) => install(site, folder)))
    for (const { job } of jobs) expect(await ended(site, job)).toMatchObject({ state: 'done' })
    const order = standIn.asked.map((asked) => asked.split(' ')[0]).join(' ')
    expect(order).toMatch(/^(prove )+activate (prove )+activate$/)
  })

  it('a change of a slot that another job is changing is refused, and one more than the limit too', async () => {
    await start({ maxJobs: 2 })
    const { job } = await install(site, await publishOne(first))
    await eventually(
      () => jobOf(site, job),
      ({ step }) => step === 'prove',
    )
    expect(await refusal(ask(site, 'activate', { package: hash(first), by: 'engineer' }))).toBe(
      'channel_refused control_slot_busy',
    )
    expect(await refusal(ask(site, 'remove', { package: hash(first), by: 'engineer' }))).toBe(
      'channel_refused control_release_in_use',
    )
    const waiting = await install(site, await publishOne(second))
    expect(
      await eventually(
        () => jobOf(site, waiting.job),
        (answer) => answer.waiting === 'turn',
      ),
    ).toMatchObject({ state: 'running' })
    expect(await refusal(install(site, await publishOne(third)))).toBe('channel_refused control_jobs_too_many')
  })

  it('can be given up until they begin to change what runs; what was staged stays', async () => {
    await start()
    const { job } = await install(site, await publishOne(first))
    await eventually(
      () => jobOf(site, job),
      ({ waiting }) => waiting === 'runtime',
    )
    await ask(site, 'cancel', { job })
    expect(await ended(site, job)).toMatchObject({ state: 'failed', code: 'updater_job_cancelled' })
    expect(releasesOf()).toEqual([`releases/${hash(first)}/`])
    expect(await refusal(ask(site, 'cancel', { job }))).toBe('channel_refused control_job_past_cancel')
    await ask(site, 'remove', { package: hash(first), by: 'engineer' })
    expect(releasesOf()).toEqual([])
    expect(await refusal(ask(site, 'remove', { package: hash(first), by: 'engineer' }))).toBe(
      'channel_refused control_release_unknown',
    )
  })

  it('of which only the newest 32 are kept', async () => {
    await runtimeWith()
    await start({ maxJobs: 64 })
    await bring(first)
    const missing = join(site.folder, 'nothing')
    mkdirSync(missing)
    for (let turn = 0; turn < 40; turn++) {
      expect(await ended(site, (await install(site, missing)).job)).toMatchObject({ code: 'fetch_file_missing' })
    }
    // A source that fails each minute brings no change that would clear up.
    expect((await listOf(site)).jobs).toHaveLength(33)
    await bring(second)
    expect((await listOf(site)).jobs).toHaveLength(33)
    await stop()
    await start()
    expect((await listOf(site)).jobs).toHaveLength(32)
  })
})

describe('the store', () => {
  it('keeps what came of a package for the next job of the same package, and not for ever', async () => {
    await runtimeWith()
    await start()
    const large = sampleRelease(1, 'large', 2_500_000)
    const folder = await publish(site, 'large', { release: large, listed: [large], imageVersion: 1 })
    const path = join(folder, 'package.wspkg')
    rmSync(path)
    const failed = await ended(site, (await install(site, folder)).job)
    expect(failed).toMatchObject({ state: 'failed', code: 'fetch_file_missing' })
    // The first megabyte came before the fault; what the source has in its place now is of no matter.
    const part = join(site.store.jobs, failed.job, 'package.wspkg.part')
    writeFileSync(part, large.bytes.subarray(0, 1_200_000))
    writeFileSync(path, Buffer.from(large.bytes).fill(0, 0, 1_000_000))
    expect(await ended(site, (await install(site, folder)).job)).toMatchObject({ state: 'done', version: '1.0.0' })
    expect(storeTree(site.store).filter((name) => name.endsWith('.part'))).toEqual([])

    writeFileSync(part, 'old')
    await stop()
    await start({ keepPartialMs: 0 })
    expect(storeTree(site.store).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('with a damaged pointer is listed with what the runtime says of the slot, and mended by the next activation', async () => {
    await runtimeWith()
    await start()
    await bring(first)
    writeFileSync(pointerPath(site.store, 'sample'), '{"v":1}')
    const lost = { slot: 'sample', package: null, active: null, previous: null }
    expect((await listOf(site)).slots).toEqual([{ ...lost, state: 'active', running: hash(first), fault: null }])
    expect(words).toContain('slot-pointer-unreadable')
    expect(await bring(second)).toMatchObject({ state: 'done' })
    expect(pointerOf(site)).toMatchObject({ active: hash(second), previous: null })
  })

  it('starts, whatever else lies among its jobs', async () => {
    await runtimeWith()
    await start()
    await bring(first)
    await stop()
    writeFileSync(join(site.store.jobs, 'notes.txt'), 'left by somebody')
    symlinkSync('/nowhere', join(site.store.jobs, 'link'))
    await start()
    expect((await listOf(site)).jobs).toHaveLength(1)
    expect(storeTree(site.store).filter((name) => /notes|link/.test(name))).toEqual([])
  })

  it('is swept at the start of what a crash has left in the midst', async () => {
    await runtimeWith()
    await start()
    await bring(first)
    await stop()
    const before = storeTree(site.store)
    mkdirSync(join(site.store.jobs, 'no-job'))
    mkdirSync(join(site.store.jobs, '0123456789abcdef'))
    writeFileSync(join(site.store.jobs, '0123456789abcdef', 'job.json'), '{}')
    writeFileSync(join(site.store.slots, 'sample.json.17.tmp'), 'half')
    writeFileSync(join(site.store.root, 'image.json.17.tmp'), 'half')
    mkdirSync(join(site.store.releases, `.${hash(second)}`))
    await start()
    expect(storeTree(site.store)).toEqual(before)
  })

  it('has one updater: a second one is refused, on another socket too', async () => {
    await start()
    const other = { ...site.config, control: { ...site.config.control, socket: 'run/other.sock' } }
    const parts = {
      provider: createCryptoProvider(),
      clock: systemClock,
      randomness: systemRandomness,
      log: { ...console },
    }
    await expect(startUpdater(other, site.folder, parts)).rejects.toMatchObject({ code: 'updater_store_in_use' })
    expect(await listOf(site)).toEqual({ slots: [], staged: [], jobs: [] })
  })

  it('that cannot be written fails the job with a code, and the record is mended at the next start', async () => {
    await runtimeWith()
    await start()
    rmSync(site.store.jobs, { recursive: true })
    writeFileSync(site.store.jobs, '')
    expect(await refusal(install(site, await publishOne(first)))).toBe('channel_refused updater_store_unwritable')
    rmSync(site.store.jobs)
    mkdirSync(site.store.jobs)
    const { job } = await install(site, await publishOne(first))
    expect(await ended(site, job)).toMatchObject({ state: 'done' })
    expect(jobOnDisk(site, job)).toMatchObject({ state: 'done' })
  })
})
