import { setTimeout as pause } from 'node:timers/promises'
import { REFUSED, type Timed } from './statistics.ts'

/** One who was turned away and asks again at once is only turned away again. */
const AFTER_REFUSAL_MS = 20

/** Calls from so many lanes, each with a pause after its answer, until it is over. */
export async function askUntil(
  isOver: () => boolean,
  call: (index: number) => Promise<unknown>,
  lanes: number,
  pauseMs: number,
): Promise<Timed> {
  const tookMs: number[] = []
  let refused = 0
  let next = 0
  const lane = async () => {
    while (!isOver()) {
      const startedMs = performance.now()
      const answer = await call(next++)
      if (answer === REFUSED) refused += 1
      else tookMs.push(performance.now() - startedMs)
      const restMs = Math.max(pauseMs, answer === REFUSED ? AFTER_REFUSAL_MS : 0)
      if (restMs > 0) await pause(restMs)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: lanes }, lane))
  return { tookMs, elapsedMs: performance.now() - startedMs, refused }
}
