import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cycleLoads, type Kept, kept } from './testkit/load-cycles.ts'
import { processTree } from './testkit/process-tree.ts'
import { trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const WARM_UP = 4
const CYCLES = 15
const MIB = 1024 * 1024

/** The long form, with a thousand: `node --expose-gc runtime/inference/testkit/load-campaign.ts`. */
test('models that are loaded and unloaded leave no memory, descriptor or process behind', async () => {
  const seen: Kept[] = []
  const processes = processTree(process.pid).length
  await cycleLoads(CYCLES, (now) => seen.push(now))
  const [before, after] = [seen[WARM_UP - 1], seen.at(-1)]
  if (before === undefined || after === undefined) return expect.unreachable()
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors)
  // Garbage of a dozen cycles; what leaked a model, or the frame of one, would be far beyond.
  expect(after.residentBytes - before.residentBytes).toBeLessThan(48 * MIB)
  expect(processTree(process.pid).length).toBe(processes)
}, 120_000)

test('a model that is unloaded for want of requests and loaded again leaves none either', async () => {
  await using trial = startTrial(trialModel(), { idleUnloadMs: 20 })
  const { worker } = trial
  await worker.ready()
  const descriptors = () => kept().descriptors
  const unloaded = async () => {
    while (worker.status().state !== 'unloaded' || worker.status().pid !== undefined) await sleep(2)
  }
  await unloaded()
  const before = descriptors()
  for (let cycle = 0; cycle < 8; cycle += 1) {
    await worker.run(trialInputs([1, 2, 3, 4]), inMs(30_000))
    await unloaded()
  }
  expect(descriptors()).toBeLessThanOrEqual(before)
  expect(worker.status().restarts).toBe(0)
}, 120_000)
