import { systemClock } from '../../../device/platform/clock.ts'
import { silentLog } from '../../../device/platform/log.ts'
import { createModelWorker, type WorkerTuning } from '../model-worker.ts'
import type { ScheduledWorker, WorkerOptions } from '../types.ts'
import { type TrialSource, trialSource } from './trial-source.ts'

export interface TrialWorker extends AsyncDisposable {
  readonly worker: ScheduledWorker
  readonly trial: TrialSource
}

/** A real worker for a model made in the test; disposing of it stops it and removes its package. */
export function startTrial(
  model: Uint8Array,
  options: Partial<WorkerOptions> = {},
  tuning: Partial<WorkerTuning> = {},
): TrialWorker {
  const trial = trialSource(model)
  const worker = createModelWorker(
    {
      source: trial.source,
      threads: 1,
      memoryLimitBytes: 512 * 1024 * 1024,
      maxQueue: 256,
      isolation: 'preferred',
      clock: systemClock,
      log: silentLog,
      ...options,
    },
    tuning,
  )
  const dispose = async () => {
    await worker.stop()
    trial.remove()
  }
  return { worker, trial, [Symbol.asyncDispose]: dispose }
}

/** A moment on the system's monotonic clock. */
export function inMs(ms: number): number {
  return systemClock.monotonicMs() + ms
}
