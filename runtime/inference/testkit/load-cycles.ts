import { readdirSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { trialInputs, trialModel } from './trial-models.ts'
import { inMs, startTrial } from './trial-worker.ts'

/** What a process keeps that should not grow with the number of models it has had. */
export interface Kept {
  readonly residentBytes: number
  /** Of the heap and outside it, what is still referred to. */
  readonly reachableBytes: number
  readonly descriptors: number
}

/**
 * Loads a model, asks it once and stops it, again and again.
 * @param look called after each cycle, with the garbage collected
 */
export async function cycleLoads(cycles: number, look: (kept: Kept, cycle: number) => void): Promise<void> {
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    await using trial = startTrial(trialModel())
    await trial.worker.ready()
    await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(30_000))
    await trial.worker.stop()
    look(kept(), cycle)
  }
}

// What was not collected yet would count as kept.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** From /proc/self/status and /proc/self/fd (proc(5)): what the kernel says, not what we count. */
export function kept(): Kept {
  collect()
  const status = readFileSync('/proc/self/status', 'latin1')
  const residentBytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024
  const { heapUsed, external } = process.memoryUsage()
  return { residentBytes, reachableBytes: heapUsed + external, descriptors: readdirSync('/proc/self/fd').length }
}
