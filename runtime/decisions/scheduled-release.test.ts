import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { createLog } from '../../device/platform/log.ts'
import { CoreShares } from '../inference/core-shares.ts'
import { ModelBox } from './testkit/model-box.ts'
import { numbered } from './testkit/model-drafts.ts'

const settings = { threads: 4, maxQueue: 64, isolation: 'preferred' } as const
const batching = { sizes: [1, 2, 4], maxWaitMs: 0 }
const { memoryBytes } = numbered(1).manifest

let box: ModelBox
let lines: string[]
beforeEach(async () => {
  box = await ModelBox.make()
  lines = []
  box.log = createLog(systemClock, (line) => lines.push(line), 'debug')
})
afterEach(() => box.remove())

const statusOf = () => {
  const slot = box.registry.slots.get('news2')
  return slot?.state === 'active' ? slot.model.worker.status() : undefined
}

test('a package with batches, several processes and shared cores goes live', async () => {
  box.settings = { ...settings, instances: { news2: 2 }, cores: new CoreShares({ cores: 2, reserved: 1 }) }
  box.point(await box.place(numbered(1, { batching })))
  await box.start()
  // One model has no more threads than cores are left to it beside those kept for the bedside.
  expect(statusOf()).toMatchObject({ state: 'ready', provider: { threads: 1 } })
  expect(lines.filter((line) => line.includes('inference.ready')).length).toBeGreaterThanOrEqual(2)
  expect(lines.join('')).not.toContain('inference.batches-refused')
})

test('each process of a model counts: what does not fit is refused and not tried', async () => {
  box.settings = { ...settings, instances: { news2: 3 } }
  box.memoryBytes = memoryBytes * 2.5
  box.point(await box.place(numbered(1)))
  await box.start()
  expect(box.registry.slots.get('news2')).toMatchObject({ state: 'unavailable', fault: 'runtime_memory_short' })
  expect(lines.join('')).not.toContain('inference.ready')
})

test('a slot that the site does not name has one process, whatever it is called', async () => {
  box.settings = { ...settings, instances: { 'another-model': 9 }, idleMinutes: { 'another-model': 1 } }
  box.memoryBytes = memoryBytes * 1.5
  box.point(await box.place(numbered(1)))
  await box.start()
  expect(statusOf()).toMatchObject({ state: 'ready' })
})
