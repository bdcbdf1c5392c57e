import type { StartedProcess } from '../demo/child-process.ts'
import { median } from './statistics.ts'

export interface StartResult {
  readonly what: string
  /** From the start of the process until it said that it answers: median. */
  readonly readyMs: number
  readonly roundsMs: readonly number[]
}

/** Starts and stops so often, and says how long it took until each was ready. */
export async function measureStart(
  what: string,
  rounds: number,
  start: () => Promise<StartedProcess>,
): Promise<StartResult> {
  const roundsMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now()
    const started = await start()
    roundsMs.push(performance.now() - startedMs)
    await started.stop()
  }
  return { what, readyMs: median(roundsMs), roundsMs }
}
