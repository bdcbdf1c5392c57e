import { findIsolation } from '../isolation.ts'
import { ENDLESS_ROUNDS, trialInputs, trialModel } from './trial-models.ts'
import { inMs, startTrial } from './trial-worker.ts'

/** A process of ours with one worker in it, for tests of what becomes of the worker when the process is gone. */
process.on('message', async ({ level, hang }: { level: 'bubblewrap' | 'plain'; hang: boolean }) => {
  const { worker, trial } = startTrial(trialModel(), {}, { isolation: findIsolation(512 * 1024 * 1024, 1, level) })
  await worker.ready()
  trial.remove()
  if (hang) void worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(60_000))
  process.send?.(worker.status().pid)
  // From here on nothing but the worker could keep this process alive.
  if (!hang) process.disconnect?.()
})
