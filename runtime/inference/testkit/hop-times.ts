import { systemClock } from '../../../device/platform/clock.ts'
import type { Tensors } from '../../../models/contract/tensor.ts'
import { trialInputs, trialModel } from './trial-models.ts'
import { inMs, startTrial } from './trial-worker.ts'

/**
 * How long a request takes to the worker and back, in milliseconds: one row, and as many bytes as 4096 rows of 20
 * features. Run by hand: `node runtime/inference/testkit/hop-times.ts`.
 */
async function measure(): Promise<void> {
  await using trial = startTrial(trialModel())
  await trial.worker.ready()
  const once = async (inputs: Tensors) => {
    const startedMs = systemClock.monotonicMs()
    await trial.worker.run(inputs, inMs(10_000))
    return systemClock.monotonicMs() - startedMs
  }
  const rows: readonly [string, Tensors, number][] = [
    ['one row', trialInputs([1, 2, 3, 4]), 4000],
    ['4096 × 20', trialInputs(Array.from({ length: 4096 * 20 }, (_, at) => at)), 400],
    ['2 MB', trialInputs(Array.from({ length: 2 ** 19 }, (_, at) => at)), 100],
    ['16 MB', trialInputs(Array.from({ length: 2 ** 22 }, (_, at) => at)), 40],
  ]
  for (const [name, inputs, rounds] of rows) {
    for (let round = 0; round < rounds / 10; round += 1) await once(inputs)
    const tookMs: number[] = []
    for (let round = 0; round < rounds; round += 1) tookMs.push(await once(inputs))
    tookMs.sort((a, b) => a - b)
    const at = (share: number) => tookMs[Math.floor(share * tookMs.length)]?.toFixed(3)
    process.stdout.write(`${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`)
  }
}

await measure()
