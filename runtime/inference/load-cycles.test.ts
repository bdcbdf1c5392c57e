import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cycleLoads, type Kept, kept } from './testkit/load-cycles.ts'
import { processTree, survivors } from './testkit/process-tree.ts'
import { trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const WARM_UP = 4
const CYCLES = 14
const MIB = 1024 * 1024
/** What leaks does so every time; the test runner opens and closes some of its own. */
const LEAKED = CYCLES - WARM_UP

/** The long form, with a thousand: `node runtime/inference/testkit/load-campaign.ts`. */
test('models that are loaded and unloaded leave no memory, descriptor or process behind', async () => {
  const seen: Kept[] = []
  const processes = processTree(process.pid)
  await cycleLoads(CYCLES, (now) => seen.push(now))
  const [before, after] = [seen[WARM_UP - 1], seen.at(-1)]
  if (before === undefined || after === undefined) return expect.unreachable()
  expect(after.descriptors - before.descriptors).toBeLessThan(LEAKED)
  // A model, or the frame of one, each time would be far beyond.
  expect(after.reachableBytes - before.reachableBytes).toBeLessThan(LEAKED * 0.5 * MIB)
  expect(after.residentBytes - before.residentBytes).toBeLessThan(96 * MIB)
  expect(await survivors(processTree(process.pid).filter((pid) => !processes.includes(pid)))).toEqual([])
}, 240_000)

test('a model that is unloaded for want of requests and loaded again leaves none either', async () => {
  await using trial = startTrial(trialModel(), { idleUnloadMs: 20 })
  const { worker } = trial
  await worker.ready()
  const seen: number[] = []
  for (let cycle = 0; cycle < CYCLES - WARM_UP + 1; cycle += 1) {
    // It is not given up as long as it says that it goes on.
    while (worker.status().state !== 'unloaded' || worker.status().pid !== undefined) {
      expect(worker.status().state).not.toBe('stopped')
      await sleep(2)
    }
    seen.push(kept().descriptors)
    await worker.run(trialInputs([1, 2, 3, 4]), inMs(60_000))
  }
  expect((seen.at(-1) ?? Number.NaN) - (seen[0] ?? Number.NaN)).toBeLessThan(LEAKED)
  expect(worker.status().restarts).toBe(0)
}, 240_000)
