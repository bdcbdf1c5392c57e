import { findIsolation, modelWorker } from '../isolation.ts'
import { ENDLESS_ROUNDS, trialInputs, trialModel } from './trial-models.ts'
import { inMs, startTrial } from './trial-worker.ts'

/** A process of ours with one model in a unit, for tests of what becomes of the unit when the process is gone. */
process.on('message', async ({ socket, hang }: { socket: string; hang: boolean }) => {
  const tenant = { ...modelWorker, unitSocket: socket }
  const isolation = findIsolation(512 * 1024 * 1024, 1, 'systemd', undefined, tenant)
  const { worker, trial } = startTrial(trialModel(), {}, { isolation })
  await worker.ready()
  trial.remove()
  if (hang) void worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(60_000))
  process.send?.('ready')
})
