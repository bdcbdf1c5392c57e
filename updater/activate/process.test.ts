import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Child } from './testkit/child.ts'
import { RuntimeStandIn } from './testkit/runtime-stand-in.ts'
import {
  ask,
  createUpdateSite,
  ended,
  eventually,
  install,
  jobOf,
  listOf,
  pointerOf,
  publish,
  sampleRelease,
  storeTree,
  type UpdateSite,
} from './testkit/update-site.ts'

const UPDATER = '../../bin/updater.ts'
const release = sampleRelease(1)
const { packageHash } = release.identity

let site: UpdateSite
let folder: string
const children: Child[] = []
const standIns: RuntimeStandIn[] = []

beforeEach(async () => {
  site = await createUpdateSite()
  folder = await publish(site, 'r1', { release, listed: [release], imageVersion: 1 })
})

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
  for (const standIn of standIns.splice(0)) await standIn.stop()
  site.remove()
})

function start(entry: string, args: readonly string[], before: readonly string[] = []): Promise<Child> {
  const child = new Child(entry, args, before)
  children.push(child)
  return child.ready()
}

const startUpdater = (before: readonly string[] = []) => start(UPDATER, ['--config', site.configPath], before)

async function startRuntime(): Promise<RuntimeStandIn> {
  const { store, leavesPath, runtimeSocket: socket } = site
  const standIn = await RuntimeStandIn.start({ socket, store, leavesPath })
  standIns.push(standIn)
  return standIn
}

const mortal = (method: string, how: string) =>
  start('./runtime-and-die.ts', [site.runtimeSocket, site.store.root, site.leavesPath, method, how])

describe('a runtime that is killed', () => {
  it('while it proves is asked again once it is back', async () => {
    await startUpdater()
    const doomed = await mortal('prove', 'die')
    const { job } = await install(site, folder)
    expect(await doomed.ended).toBe('SIGKILL')
    await startRuntime()
    expect(await ended(site, job)).toMatchObject({ state: 'done' })
  })

  it('after the leaf and before the answer is asked again, and writes no second leaf', async () => {
    await startUpdater()
    const doomed = await mortal('activate', 'die-late')
    const { job } = await install(site, folder)
    expect(await doomed.ended).toBe('SIGKILL')
    const standIn = await startRuntime()
    expect(await ended(site, job)).toMatchObject({ state: 'done' })
    expect(standIn.leaves()).toEqual([{ kind: 'activated', event: pointerOf(site).event, package: packageHash }])
  })

  it('by each proof of one release is left in peace after the third', async () => {
    await startUpdater()
    const { job } = await install(site, folder)
    for (let turn = 0; turn < 3; turn++) expect(await (await mortal('prove', 'die')).ended).toBe('SIGKILL')
    expect(await ended(site, job)).toMatchObject({ state: 'failed', code: 'updater_prove_broken' })
    expect((await listOf(site)).staged).toMatchObject([{ package: packageHash }])
  })
})

describe('the updater as a process', () => {
  it('leaves a job where it stands when it is told to stop, and goes on with it', async () => {
    const updater = await startUpdater()
    const { job } = await install(site, folder)
    await eventually(
      () => jobOf(site, job),
      ({ waiting }) => waiting === 'runtime',
    )
    expect(await updater.kill('SIGTERM')).toBe(0)
    await startUpdater()
    expect(await jobOf(site, job)).toMatchObject({ state: 'running', step: 'prove' })
    await startRuntime()
    expect(await ended(site, job)).toMatchObject({ state: 'done' })
  })

  it('stands alone: a second one on the same store ends with 3 and says why', async () => {
    await startUpdater()
    const second = await startUpdater()
    expect(await second.ended).toBe(3)
    expect(second.words).toContain('updater_store_in_use')
    expect(await ask(site, 'list')).toMatchObject({ slots: [] })
  })

  it.each([
    [[], 2, 'Usage: updater --config FILE'],
    [['--confg', 'x'], 2, 'updater:'],
    [['--config', '/no/such/file'], 1, 'config_unreadable'],
  ])('called with %j ends with %i', async (args, code, words) => {
    const child = await start(UPDATER, args)
    expect(await child.ended).toBe(code)
    expect(child.words).toContain(words)
  })

  it('names every fault of its configuration together, and a key that is missing', async () => {
    const config = JSON.parse(readFileSync(site.configPath, 'utf8')) as Record<string, unknown>
    writeFileSync(site.configPath, JSON.stringify({ ...config, stor: 'x', deviceId: '' }))
    const child = await startUpdater()
    expect(await child.ended).toBe(1)
    expect(child.words).toMatch(/deviceId.*stor/s)
    writeFileSync(site.configPath, JSON.stringify({ ...config, trust: { vendor: 'vendor.pub', fleet: 'none.pub' } }))
    const other = await startUpdater()
    expect(await other.ended).toBe(1)
    expect(other.words).toContain('(none.pub) [updater_file_unreadable]')
  })

  it('gives the runtime’s user, by the group, the releases and pointers to read, and nobody the rest', async () => {
    await startUpdater()
    await startRuntime()
    const { job } = await install(site, folder)
    await ended(site, job)
    const mode = (...path: string[]) => (statSync(join(site.store.root, ...path)).mode & 0o777).toString(8)
    const shared = ['releases', 'slots', join('releases', packageHash)].map((path) => mode(path))
    expect(shared).toEqual(['750', '750', '750'])
    const files = ['image.json', 'slots/sample.json', `releases/${packageHash}/package.wspkg`]
    expect([...files, `releases/${packageHash}/grant.json`].map((path) => mode(path))).toEqual(Array(4).fill('640'))
    expect([mode('jobs'), mode('jobs', job), mode('updater.lock')]).toEqual(['700', '700', '600'])
  })

  it('takes no harm from what is not of its channel', async () => {
    await startUpdater()
    const job = await install(site, folder)
    const bad: unknown[] = [
      ['install', { source: { kind: 'directory', path: folder }, name: 'r1', activate: true, by: 'engineer' }],
      ['install', { source: { kind: 'ftp', url: 'x' }, name: null, activate: true, by: 'engineer' }],
      ['install', { source: { kind: 'usb', path: folder }, name: '../r1', activate: true, by: 'engineer' }],
      ['install', { source: { kind: 'usb', path: folder }, name: null, activate: true, by: 'two words' }],
      ['activate', { package: '../../etc', by: 'engineer' }],
      ['remove', { package: 'A'.repeat(64), by: 'engineer' }],
      ['rollback', { slot: '../sample', by: 'engineer' }],
      ['job', { job: '../0123456789abc' }],
    ]
    for (const [method, body] of bad as [string, Record<string, unknown>][])
      await expect(ask(site, method, body)).rejects.toMatchObject({ about: 'channel_request_invalid' })
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(4), Buffer.from('\0\0\0\x02{}')]) {
      const socket = connect(site.controlSocket)
      socket.on('error', () => {})
      socket.write(bytes)
      await new Promise((resolve) => socket.once('close', resolve))
    }
    expect(await jobOf(site, job.job)).toMatchObject({ job: job.job })
  })
})

describe('wardstone model', () => {
  const wardstone = (...args: string[]) =>
    new Child('../../../runtime/bin/wardstone.ts', ['model', ...args, '--site', site.folder])

  it('installs, lists and goes back, for whoever types it', async () => {
    await startRuntime()
    await startUpdater()
    const installed = wardstone('install', folder)
    expect([await installed.ended, installed.words]).toEqual([0, expect.stringContaining('sample 1.0.0 runs.\n')])
    const list = wardstone('list')
    expect(await list.ended).toBe(0)
    expect(list.words).toMatch(/^ {2}sample {2}1\.0\.0 {4}active {2}– {7}[0-9a-f]{12}$/m)
    const back = wardstone('rollback', 'sample', '--json')
    expect([await back.ended, JSON.parse(back.words)]).toMatchObject([1, { error: { code: 'control_rollback_empty' } }])
  })

  it('leaves the job running when it is interrupted, and says how to look', async () => {
    await startUpdater()
    const child = wardstone('install', folder)
    children.push(child)
    await eventually(
      () => child.words,
      (words) => words.includes('waiting for the runtime'),
    )
    expect(await child.kill('SIGINT')).toBe(130)
    const [job] = (await listOf(site)).jobs
    expect(child.words).toContain(`wardstone model jobs ${job?.job} --follow`)
    await startRuntime()
    expect(await ended(site, job?.job ?? '')).toMatchObject({ state: 'done' })
  })
})

describe('a disk', () => {
  const bwrap = (...binds: string[]) => [
    'bwrap',
    '--die-with-parent',
    '--unshare-pid',
    '--dev-bind',
    '/',
    '/',
    '--proc',
    '/proc',
    ...binds,
    '--',
  ]

  it('that is full fails the job with its code and keeps nothing of the package; with room the next job is done', async () => {
    const large = sampleRelease(2, 'sample', 3_000_000)
    const big = await publish(site, 'r2', { release: large, listed: [release, large], imageVersion: 1 })
    mkdirSync(site.store.root)
    const disk = ['--size', String(2 * 1024 * 1024), '--tmpfs', site.store.root]
    await startUpdater(bwrap(...disk))
    await startRuntime()
    const { job } = await install(site, big)
    expect(await ended(site, job)).toMatchObject({ state: 'failed', step: 'fetch', code: 'fetch_disk_full' })
    expect((await listOf(site)).staged).toEqual([])
    const other = await publish(site, 'r1', { release, listed: [release, large], imageVersion: 1 })
    const small = await ended(site, (await install(site, other, false)).job)
    expect(small).toMatchObject({ state: 'done', step: 'stage' })
  })

  it('that is read-only is named at the start', async () => {
    mkdirSync(site.store.root)
    const updater = await startUpdater(bwrap('--ro-bind', site.store.root, site.store.root))
    expect(await updater.ended).toBe(1)
    expect(updater.words).toContain('updater_store_unwritable')
  })

  it('whose releases turn read-only fails the job, and nothing is half staged', async () => {
    mkdirSync(join(site.store.root, 'releases'), { recursive: true })
    await startUpdater(bwrap('--ro-bind', site.store.releases, site.store.releases))
    await startRuntime()
    const { job } = await install(site, folder)
    expect(await ended(site, job)).toMatchObject({ state: 'failed', step: 'stage', code: 'stage_store_failed' })
    expect(storeTree(site.store).filter((name) => name.startsWith('releases/') && name !== 'releases/')).toEqual([])
    expect((await listOf(site)).slots).toEqual([])
  })
})
