import type { Clock } from '../../device/platform/clock.ts'
import { within } from './deadline.ts'
import type { FetchLimits } from './source.ts'

export interface Pace {
  readonly limits: Pick<FetchLimits, 'idleMs' | 'floorBytes'>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Ends what lies below, so that a read that hangs there comes to its end. */
  release(): void
}

/**
 * Passes parts on as long as they come fast enough: at least `floorBytes` in each `idleMs` of waiting. A source that
 * drips a byte now and then is as good as dead, and must not hold a job for the days it would take. The time that the
 * reader spends between two parts is not the source's.
 * @throws FetchError fetch_stalled, and what stops the signal
 */
export async function* paced(parts: AsyncIterable<Uint8Array>, pace: Pace): AsyncGenerator<Uint8Array, void> {
  const { limits, clock, signal } = pace
  const iterator = parts[Symbol.asyncIterator]()
  let leftMs = limits.idleMs
  let windowBytes = 0
  try {
    for (;;) {
      const startedMs = clock.monotonicMs()
      const next = await within(iterator.next(), leftMs, signal)
      if (next.done === true) return
      leftMs -= clock.monotonicMs() - startedMs
      windowBytes += next.value.length
      if (windowBytes >= limits.floorBytes) {
        leftMs = limits.idleMs
        windowBytes = 0
      }
      yield next.value
    }
  } finally {
    pace.release()
    // Not awaited: a read that the system never answers would hold the caller as well.
    iterator.return?.().catch(() => undefined)
  }
}

/** All parts as one. @throws whatever `tooLarge` makes, as soon as they are more than `maxBytes` */
export async function collect(
  parts: AsyncIterable<Uint8Array>,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  const kept: Uint8Array[] = []
  let total = 0
  for await (const part of parts) {
    total += part.length
    if (total > maxBytes) throw tooLarge()
    kept.push(part)
  }
  return Buffer.concat(kept)
}
