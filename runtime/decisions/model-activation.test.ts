import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PackageDraft } from '../../models/package/pack.ts'
import { EXPIRES_MS, type ReleaseChanges } from '../../models/package/testkit/package-site.ts'
import { pointerPath, releasePaths } from '../../models/store/layout.ts'
import { writeSlotPointer } from '../../models/store/pointer.ts'
import { StorageError } from '../storage/errors.ts'
import { describeSlots } from './activation-methods.ts'
import { ModelBox } from './testkit/model-box.ts'
import { failing, notAddingUp, numbered, withContract, withGolden, withModel } from './testkit/model-drafts.ts'

let box: ModelBox

beforeEach(async () => {
  box = await ModelBox.make()
})

afterEach(() => box.remove())

const changes = () => box.leaves('activated', 'rolled-back')
const refusals = () => box.leaves('package-refused')

/** The box with release 1, at work. */
async function running(counter = 1): Promise<string> {
  const hash = await box.place(numbered(counter))
  box.point(hash)
  await box.start()
  expect(box.standing()).toMatchObject({ state: 'active', package: hash })
  return hash
}

describe('a start', () => {
  it('serves what the pointer names once its event is a leaf, and writes no second one at the next', async () => {
    const hash = await box.place(numbered(2))
    const { event } = box.point(hash)
    await box.start()
    await box.restart()
    expect(box.standing()).toEqual({ state: 'active', package: hash, fault: undefined })
    expect(changes()).toMatchObject([
      {
        kind: 'activated',
        event,
        by: 'engineer',
        slot: 'news2',
        releaseCounter: 2,
        packageHash: hash,
        imageVersion: 1,
      },
    ])
    expect(await box.activation.activate('news2')).toEqual({ slot: 'news2', package: hash, event })
    expect(changes()).toHaveLength(1)
  })

  it('goes on with an expired grant only for what ran here before', async () => {
    const hash = await box.place(numbered(2))
    box.point(hash)
    box.nowMs = EXPIRES_MS + 1000
    await box.start()
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'package_grant_expired' })
    expect(refusals()).toMatchObject([{ slot: 'news2', package: hash, code: 'package_grant_expired', by: 'engineer' }])
    box.nowMs = EXPIRES_MS - 1000
    await box.restart()
    expect(box.standing()).toMatchObject({ package: hash })
    box.nowMs = EXPIRES_MS + 1000
    await box.restart()
    expect(box.standing()).toMatchObject({ package: hash })
  })

  it.each<[string, () => void, string]>([
    ['is not one', () => writeFileSync(pointerPath(box.store, 'news2'), '{}'), 'store_pointer_invalid'],
    ['is not there', () => {}, 'store_pointer_unreadable'],
  ])('leaves the slot out of use when its pointer %s', async (_what, spoil, fault) => {
    spoil()
    await box.start()
    expect(box.standing()).toEqual({ state: 'unavailable', fault })
  })

  it('finds another package under the name of a release, and the model of another slot', async () => {
    const [one, two] = [await box.place(numbered(1)), await box.place(numbered(2))]
    for (const file of ['package', 'grant'] as const)
      copyFileSync(releasePaths(box.store, two)[file], releasePaths(box.store, one)[file])
    box.point(one)
    box.point(two, { slot: 'sepsis-risk' })
    await box.start(['news2', 'sepsis-risk'])
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'package_hash_mismatch' })
    expect(box.standing('sepsis-risk')).toEqual({ state: 'unavailable', fault: 'package_target_missing' })
  })
})

describe('a release that does what it says', () => {
  it('is kept warm beside the one that decides, asked twice is proven once, and takes the slot at activation', async () => {
    const one = await running()
    const two = await box.place(numbered(2))
    const [first, together] = await Promise.all([box.prove(two), box.prove(two)])
    const again = await box.prove(two)
    expect(first).toMatchObject({ slot: 'news2', package: two, model: 'news2', version: '1.0.2', counter: 2 })
    expect(first.goldenVectors).toBeGreaterThan(3)
    expect([together, again]).toEqual([first, first])
    expect(box.standing()).toMatchObject({ package: one })
    expect(describeSlots(box.registry).slots).toMatchObject([{ slot: 'news2', package: one, candidate: two }])

    const old = box.registry.lease('news2').model
    const { event } = box.point(two, { previous: one })
    expect(await box.activation.activate('news2')).toEqual({ slot: 'news2', package: two, event })
    expect(await box.activation.activate('news2')).toEqual({ slot: 'news2', package: two, event })
    expect(describeSlots(box.registry).slots).toMatchObject([{ package: two, version: '1.0.2', candidate: null }])
    expect(changes().map(({ packageHash }) => packageHash)).toEqual([one, two])
    expect(old.worker.status().state).not.toBe('stopped')
    await box.restart()
    expect(box.standing()).toMatchObject({ package: two })
    expect(changes()).toHaveLength(2)
  })

  it('is proven at its activation when nothing was proven before it', async () => {
    await running()
    const two = await box.place(numbered(2))
    box.point(two)
    await box.activation.activate('news2')
    expect(box.standing()).toMatchObject({ package: two })
  })

  it('can be the first of its slot, while the box runs', async () => {
    await box.start([])
    const one = await box.place(numbered(1))
    await box.prove(one)
    expect(describeSlots(box.registry).slots).toMatchObject([{ slot: 'news2', state: 'unavailable', candidate: one }])
    await box.bring(one)
    expect(box.standing()).toMatchObject({ package: one })
  })

  it('is let go when it is discarded, or when another takes its place', async () => {
    await running()
    const [two, three] = [await box.place(numbered(2)), await box.place(numbered(3))]
    await box.prove(two)
    const first = box.registry.candidate
    await box.prove(three)
    expect(first?.worker.status().state).toBe('stopped')
    const second = box.registry.candidate
    await box.activation.discard('sepsis-risk')
    expect(second?.worker.status().state).toBe('ready')
    await box.activation.discard('news2')
    expect([second?.worker.status().state, box.registry.candidate]).toEqual(['stopped', undefined])
  })

  it('is proven alone: another asked meanwhile is told to come again', async () => {
    await running()
    const [two, three] = [await box.place(numbered(2)), await box.place(numbered(3))]
    const proving = box.prove(two)
    await expect(box.prove(three)).rejects.toMatchObject({ code: 'runtime_prove_busy' })
    expect(await proving).toMatchObject({ package: two })
    expect(refusals()).toEqual([])
  })

  it('that was revoked since it was proven does not go live', async () => {
    const one = await running()
    const two = await box.place(numbered(2))
    await box.prove(two)
    await box.revoke(two)
    box.point(two)
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'package_revoked' })
    expect(box.standing()).toMatchObject({ package: one })
    expect([refusals().length, changes().length]).toEqual([1, 1])
  })

  it('is not counted against when the box has no memory for both', async () => {
    const one = await box.place(numbered(1))
    const { memoryBytes } = numbered(1).manifest
    box.memoryBytes = memoryBytes * 1.5
    box.point(one)
    await box.start()
    const two = await box.place(numbered(2))
    await expect(box.prove(two)).rejects.toMatchObject({ code: 'runtime_memory_short' })
    expect([box.standing().package, refusals()]).toEqual([one, []])
  })

  it('does not go live when its leaf cannot be written, and does once it can', async () => {
    const one = await running()
    const two = await box.place(numbered(2))
    await box.prove(two)
    box.point(two)
    box.onCommit = () => Promise.reject(new StorageError('storage_full'))
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'storage_full' })
    expect(box.standing()).toMatchObject({ package: one })
    box.onCommit = undefined
    await box.activation.activate('news2')
    expect(box.standing()).toMatchObject({ package: two })
  })
})

describe('a release that does not', () => {
  const two = numbered(2)
  it.each<[string, PackageDraft, ReleaseChanges, string]>([
    ['does not reproduce a golden vector', failing(two), {}, 'inference_self_test_failed'],
    ['explains what does not add up', notAddingUp(two), {}, 'inference_self_test_failed'],
    [
      'contradicts itself',
      withContract(two, { threshold: { output: 'nobody', alertAt: 1, clearBelow: 1 } }),
      {},
      'contract_inconsistent',
    ],
    [
      'never runs its model',
      withGolden(two, (all) => all.splice(0, all.length, ...all.filter(({ expect }) => 'refused' in expect))),
      {},
      'contract_inconsistent',
    ],
    ['has a worker that dies on its model', withModel(two, Buffer.alloc(4096, 7)), {}, 'inference_load_failed'],
    ['is for another device', two, { deviceId: 'device-2' }, 'package_device_foreign'],
    ['has a grant that expired', two, { grantExpiresMs: EXPIRES_MS - 9e11 }, 'package_grant_expired'],
    [
      'is for another runtime',
      numbered(2, { runtime: { minimum: '7.0.0', below: '8.0.0' } }),
      {},
      'package_runtime_unsupported',
    ],
    ['is of a lower counter', numbered(1, { version: '1.0.1-other' }), {}, 'package_counter_reused'],
  ])('%s: is refused with one leaf, and what decides goes on', async (_what, draft, signed, code) => {
    const one = await running()
    const hash = await box.place(draft, signed)
    const deciding = box.registry.lease('news2').model
    await expect(box.prove(hash)).rejects.toMatchObject({ code })
    expect(refusals()).toMatchObject([{ slot: 'news2', package: hash, code, by: 'engineer' }])
    expect([box.registry.candidate, changes().length]).toEqual([undefined, 1])
    expect(deciding.worker.status()).toMatchObject({ state: 'ready', restarts: 0 })
    expect(box.standing()).toEqual({ state: 'active', package: one, fault: undefined })
  })

  it.each<[string, (hash: string) => Promise<void> | void, string]>([
    [
      'has a broken signature',
      () => writeFileSync(box.store.image, '{"signatures":[],"signed":{}}'),
      'package_metadata_malformed',
    ],
    ['is cut short', (hash) => truncateSync(releasePaths(box.store, hash).package, 5000), 'package_truncated'],
    ['is revoked', (hash) => box.revoke(hash), 'package_revoked'],
    ['comes with older image targets', () => box.signImage(1), 'package_metadata_rolled_back'],
    ['is not there', () => {}, 'package_unreadable'],
  ])('%s: is refused with one leaf, and what decides goes on', async (what, spoil, code) => {
    // Version 1 of the image targets is of a first release; the box then went live by version 2.
    await box.signImage()
    const one = await running()
    const placed = await box.place(two)
    await spoil(placed)
    const hash = what === 'is not there' ? 'd'.repeat(64) : placed
    if (code === 'package_metadata_rolled_back') await box.signImage(1)
    await expect(box.prove(hash)).rejects.toMatchObject({ code })
    expect(refusals()).toMatchObject([{ slot: 'news2', package: hash, code }])
    expect(box.standing()).toMatchObject({ state: 'active', package: one })
  })
})

it('a refusal that cannot be recorded is not given: the updater asks again until it is', async () => {
  const one = await running()
  const bad = await box.place(failing(numbered(2)))
  box.onCommit = () => Promise.reject(new StorageError('storage_full'))
  await expect(box.prove(bad)).rejects.toMatchObject({ code: 'storage_full' })
  box.onCommit = undefined
  expect([box.standing().package, box.registry.candidate, refusals()]).toEqual([one, undefined, []])
  await expect(box.prove(bad)).rejects.toMatchObject({ code: 'inference_self_test_failed' })
  expect(refusals()).toHaveLength(1)
})

describe('a pointer that a hostile updater has written', () => {
  it('makes no older release run, whatever it calls the change, but the one before the last', async () => {
    const one = await running(1)
    const [two, three] = [await box.place(numbered(2)), await box.place(numbered(3))]
    await box.bring(two)
    await box.bring(three)
    for (const change of ['activate', 'rollback'] as const) {
      box.point(one, { change })
      await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'package_downgrade' })
      await expect(box.prove(one, change)).rejects.toMatchObject({ code: 'package_downgrade' })
    }
    box.point(two, { change: 'activate' })
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'package_downgrade' })
    expect(box.standing()).toMatchObject({ package: three })
    await box.bring(two, 'rollback')
    expect(box.standing()).toMatchObject({ package: two })
  })

  it('and that names an event of the log again is not followed, at a start or by name', async () => {
    const one = await running(1)
    const two = await box.place(numbered(2))
    await box.bring(two)
    const back = await box.bring(one, 'rollback')
    const forward = await box.bring(two)
    writeSlotPointer(box.store, back)
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'activation_event_stale' })
    writeSlotPointer(box.store, { ...forward, active: one, change: 'rollback' })
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'activation_event_reused' })
    await box.restart()
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'activation_event_reused' })
    writeSlotPointer(box.store, back)
    await box.restart()
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'activation_event_stale' })
  })

  it('brings back nothing that the vendor has revoked, though the store forgets it', async () => {
    const one = await running(1)
    const two = await box.place(numbered(2))
    await box.bring(two)
    const before = readFileSync(box.store.image)
    await box.revoke(one)
    box.point(one, { change: 'rollback' })
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'package_revoked' })
    // The older statement, from before the revocation: it is signed, and it has not expired.
    writeFileSync(box.store.image, before)
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'package_metadata_rolled_back' })
    expect(box.standing()).toMatchObject({ package: two })
  })
})

describe('a rollback', () => {
  it('goes back to what was live before, expired or not, holds at each start, and leaves the newer one a way forward', async () => {
    const one = await running(1)
    const [two, other] = [await box.place(numbered(2)), await box.place(numbered(1, { version: '1.0.1-other' }))]
    await box.bring(two)
    box.nowMs = EXPIRES_MS + 1000
    const { event } = await box.bring(one, 'rollback')
    expect(box.standing()).toMatchObject({ package: one })
    expect(changes().at(-1)).toMatchObject({ kind: 'rolled-back', event, packageHash: one, releaseCounter: 1 })
    await box.restart()
    await box.restart()
    expect(box.standing()).toMatchObject({ package: one })
    expect(changes()).toHaveLength(3)
    box.nowMs = EXPIRES_MS - 1000
    await expect(box.prove(other, 'rollback')).rejects.toMatchObject({ code: 'package_downgrade' })
    await box.bring(two)
    expect(box.standing()).toMatchObject({ package: two })
    expect(changes().map(({ kind }) => kind)).toEqual(['activated', 'activated', 'rolled-back', 'activated'])
  })
})

describe('a change that never became a leaf', () => {
  it('and cannot be made leaves what the log says was live, and says why', async () => {
    const one = await running(1)
    const bad = await box.place(failing(numbered(2)))
    const { event } = box.point(bad, { previous: one })
    await box.restart()
    expect(box.standing()).toEqual({ state: 'active', package: one, fault: 'inference_self_test_failed' })
    expect(refusals()).toMatchObject([{ package: bad, code: 'inference_self_test_failed' }])
    expect(changes()).toHaveLength(1)
    // The updater puts the pointer back, under an event of its own.
    box.point(one, { change: 'rollback' })
    await box.activation.activate('news2')
    expect(box.standing()).toEqual({ state: 'active', package: one, fault: undefined })
    expect(changes().map(({ event: known }) => known)).not.toContain(event)
  })

  it('and can be made is made at the next start', async () => {
    await running(1)
    const two = await box.place(numbered(2))
    await box.prove(two)
    const { event } = box.point(two)
    await box.restart()
    expect(box.standing()).toEqual({ state: 'active', package: two, fault: undefined })
    expect(changes().at(-1)).toMatchObject({ event, packageHash: two })
  })

  it('because the log cannot be written leaves what it says was live, or nothing', async () => {
    const one = await box.place(numbered(1))
    box.point(one)
    box.onCommit = () => Promise.reject(new StorageError('storage_full'))
    await box.start()
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'storage_full' })
    box.onCommit = undefined
    await box.restart()
    const two = await box.place(numbered(2))
    const { event } = box.point(two)
    box.onCommit = () => Promise.reject(new StorageError('storage_full'))
    await box.restart()
    expect(box.standing()).toEqual({ state: 'active', package: one, fault: 'storage_full' })
    box.onCommit = undefined
    expect(await box.activation.activate('news2')).toEqual({ slot: 'news2', package: two, event })
    expect(box.standing()).toEqual({ state: 'active', package: two, fault: undefined })
    expect(refusals()).toEqual([])
  })

  it('fails closed when it is a recorded one that no longer holds', async () => {
    const one = await running(1)
    const before = readFileSync(box.store.image)
    await box.revoke(one)
    await box.restart()
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'package_revoked' })
    writeFileSync(box.store.image, before)
    await box.restart()
    expect(box.standing()).toEqual({ state: 'unavailable', fault: 'package_metadata_rolled_back' })
  })
})

describe('refusals that the updater reports', () => {
  const refusal = (event: string) =>
    ({ event, source: 'usb', code: 'package_hash_mismatch', package: null, by: 'engineer' }) as const

  it('are one leaf for each event, told twice at once or after a start', async () => {
    await box.start([])
    const event = 'ab'.repeat(16)
    await Promise.all([box.refusals.record(refusal(event)), box.refusals.record(refusal(event))])
    await box.close()
    await box.start([])
    await box.refusals.record(refusal(event))
    expect(refusals()).toMatchObject([{ event, source: 'usb', code: 'package_hash_mismatch', by: 'engineer' }])
  })

  it('do not fill the log, and neither do packages that are refused', async () => {
    const one = await running()
    for (let index = 0; index < 40; index++)
      await box.refusals.record(refusal(index.toString(16).padStart(32, '0'))).catch(() => {})
    expect(refusals()).toHaveLength(32)
    const bad = await box.place(failing(numbered(2)))
    await expect(box.prove(bad)).rejects.toMatchObject({ code: 'runtime_refusals_limited' })
    expect(refusals()).toHaveLength(32)
    // What runs, and what only has to be said again, needs no leaf.
    expect(await box.prove(one)).toMatchObject({ package: one })
  })
})

it('a runtime that stops in the middle of a proof holds nothing against the package', async () => {
  await running()
  const two = await box.place(numbered(2))
  const stopped = expect(box.prove(two)).rejects.toMatchObject({ code: 'runtime_stopping' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await box.activation.stop()
  await stopped
  expect(refusals()).toEqual([])
})
