import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { silentLog } from '../../device/platform/log.ts'
import { type JobAnswer, jobSteps } from '../../models/store/control-channel.ts'
import { modelStore, pointerPath } from '../../models/store/layout.ts'
import { startUpdater } from '../compose.ts'
import { updaterConfigSchema } from '../config.ts'
import type { JobRecord } from './job-record.ts'
import { Child } from './testkit/child.ts'
import { RuntimeStandIn, type Scripted } from './testkit/runtime-stand-in.ts'
import {
  createUpdateSite,
  ended,
  install,
  listOf,
  pointerOf,
  publish,
  sampleRelease,
  storeTree,
  type UpdateSite,
} from './testkit/update-site.ts'

/**
 * A real updater process is killed at a step of an installation, started again, killed there once more, and started a third time:
 * the job then ends as if nothing had been.
 */
const first = sampleRelease(1)
const second = sampleRelease(2)
const hash = (release: typeof first) => release.identity.packageHash

let site: UpdateSite
let folder: string

beforeAll(async () => {
  site = await createUpdateSite()
  const listed = [first, second]
  const before = await publish(site, 'first', { release: first, listed, imageVersion: 1 })
  folder = await publish(site, 'second', { release: second, listed, imageVersion: 2 })
  const runtime = await startRuntime(site, {})
  const updater = await start(site)
  expect(await ended(site, (await install(site, before)).job)).toMatchObject({ state: 'done' })
  await updater.stop()
  await runtime.stop()
})

afterAll(() => site.remove())

const start = (at: UpdateSite) =>
  startUpdater(at.config, at.folder, {
    provider: createCryptoProvider(),
    clock: systemClock,
    randomness: systemRandomness,
    log: silentLog,
  })

const startRuntime = (at: UpdateSite, script: { prove?: Scripted[]; activate?: Scripted[] }) =>
  RuntimeStandIn.start({ socket: at.runtimeSocket, store: at.store, leavesPath: at.leavesPath, ...script })

/** The prepared site once more, under a name of its own. */
function copyOf(name: string): UpdateSite {
  const copy = join(site.folder, name)
  mkdirSync(copy)
  for (const each of ['store', 'leaves', 'vendor.pub', 'fleet.pub', 'updater.json'])
    cpSync(join(site.folder, each), join(copy, each), { recursive: true })
  const at = (path: string) => join(copy, path)
  return {
    ...site,
    ...{ folder: copy, configPath: at('updater.json'), store: modelStore(at('store')), leavesPath: at('leaves') },
    ...{ runtimeSocket: at('run/runtime.sock'), controlSocket: at('run/updater.sock') },
    config: updaterConfigSchema.parse(JSON.parse(readFileSync(at('updater.json'), 'utf8'))),
    remove: () => rmSync(copy, { recursive: true, force: true }),
  }
}

interface Ending {
  readonly job: JobAnswer
  readonly at: UpdateSite
  readonly runtime: RuntimeStandIn
  /** The event that the job's record held when the process was killed first. */
  readonly drawn: string | undefined
}

/** Kills at a checkpoint, twice, and lets the third start come to its end. */
async function killTwice(
  checkpoint: string,
  script: { prove?: Scripted[]; activate?: Scripted[] },
  judge: (ending: Ending) => Promise<void> | void,
  prepare: (at: UpdateSite) => void = () => {},
): Promise<void> {
  const at = copyOf(`killed-at-${checkpoint.replace(':', '-')}-${Math.random()}`)
  prepare(at)
  const runtime = await startRuntime(at, script)
  try {
    const child = await new Child('./updater-and-die.ts', [at.configPath, checkpoint]).ready()
    // The answer is lost where the process dies before it is written.
    await install(at, folder).catch(() => undefined)
    expect(await child.ended).toBe('SIGKILL')
    const drawn = drawnBy(at)
    expect(await (await new Child('./updater-and-die.ts', [at.configPath, checkpoint]).ready()).ended).toBe('SIGKILL')
    const updater = await start(at)
    try {
      const newest = (await listOf(at)).jobs[0]
      const job = await ended(at, newest?.job ?? '')
      await judge({ job, at, runtime, drawn })
    } finally {
      await updater.stop()
    }
  } finally {
    await runtime.stop()
    at.remove()
  }
}

function drawnBy({ store }: UpdateSite): string | undefined {
  const records = readdirSync(store.jobs).map(
    (job) => JSON.parse(readFileSync(join(store.jobs, job, 'job.json'), 'utf8')) as JobRecord,
  )
  return records.find(({ state }) => state === 'running')?.change?.event
}

/** What is in the store besides the records of jobs. */
const contents = (at: UpdateSite) => storeTree(at.store).filter((name) => !/^jobs\/[^/]+\/(job\.json)?$/.test(name))

function storeWith(...releases: (typeof first)[]): string[] {
  const files = releases.map(hash).flatMap((name) => [name, `${name}/grant.json`, `${name}/package.wspkg`])
  const named = files.map((name) => `releases/${name}${name.includes('/') ? '' : '/'}`)
  return ['image.json', 'jobs/', 'releases/', ...named, 'slots/', 'slots/sample.json'].sort()
}

const drawnAfter = /^(point:(drawn|after)|activate|prune)/
const steps = jobSteps.flatMap((step) => [`${step}:before`, `${step}:after`])

describe('killed twice', () => {
  it.each([...steps, 'point:drawn'])('at %s, an installation ends as if nothing had been', async (checkpoint) => {
    await killTwice(checkpoint, {}, ({ job, at, runtime, drawn }) => {
      expect(job).toMatchObject({ state: 'done', step: 'prune', package: hash(second), code: null })
      const { event, ...pointer } = pointerOf(at)
      expect(pointer).toMatchObject({ active: hash(second), previous: hash(first), change: 'activate', by: 'engineer' })
      // However often it was asked for, it is one event, the one that was drawn first, and one leaf.
      expect(drawn ?? event).toBe(event)
      expect(drawn !== undefined).toBe(drawnAfter.test(checkpoint))
      expect(runtime.leaves().slice(1)).toEqual([{ kind: 'activated', event, package: hash(second) }])
      expect(contents(at)).toEqual(storeWith(first, second))
    })
  })

  it.each(['prove:before', 'settle:before', 'settle:after'])(
    'at %s, a release that the runtime refuses leaves no trace but the leaves of its proofs',
    async (checkpoint) => {
      await killTwice(checkpoint, { prove: ['inference_self_test_failed'] }, ({ job, at, runtime }) => {
        expect(job).toMatchObject({ state: 'failed', step: 'prove', code: 'inference_self_test_failed' })
        expect(pointerOf(at)).toMatchObject({ active: hash(first), previous: null })
        expect(contents(at)).toEqual(storeWith(first))
        expect(new Set(runtime.leaves().map(({ kind }) => kind))).toEqual(new Set(['activated', 'package-refused']))
      })
    },
  )

  it.each(['activate:before', 'settle:before', 'settle:after'])(
    'at %s, a release that cannot be activated gives way to the one before it, by one event',
    async (checkpoint) => {
      await killTwice(checkpoint, { activate: [`inference_load_failed ${hash(second)}`] }, ({ job, at, runtime }) => {
        expect(job).toMatchObject({ state: 'failed', step: 'activate', code: 'inference_load_failed' })
        const { event, ...pointer } = pointerOf(at)
        expect(pointer).toMatchObject({ active: hash(first), previous: null, change: 'rollback' })
        expect(runtime.leaves().slice(1)).toEqual([{ kind: 'rolled-back', event, package: hash(first) }])
        expect(contents(at)).toEqual(storeWith(first, second))
      })
    },
  )

  it('at point:after, the first model of a slot that cannot be activated leaves no pointer', async () => {
    const forget = (at: UpdateSite) => {
      rmSync(pointerPath(at.store, 'sample'))
      rmSync(at.leavesPath)
    }
    const judge = ({ job, at, runtime }: Ending) => {
      expect(job).toMatchObject({ state: 'failed', code: 'inference_load_failed' })
      expect(existsSync(pointerPath(at.store, 'sample'))).toBe(false)
      expect(runtime.leaves()).toEqual([])
    }
    await killTwice('point:after', { activate: ['inference_load_failed'] }, judge, forget)
  })
})
