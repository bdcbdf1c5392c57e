import { setTimeout as delay } from 'node:timers/promises'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { stopReason } from './deadline.ts'
import { FetchError, type FetchErrorCode } from './errors.ts'
import type { FetchLimits } from './source.ts'

/** Troubles that may be over in a moment. A wrong certificate, address or file is not. */
const passing: readonly FetchErrorCode[] = [
  'fetch_unreachable',
  'fetch_server_failed',
  'fetch_source_changed',
  'fetch_interrupted',
  'fetch_stalled',
  'fetch_read_failed',
]

export function isPassing(error: unknown): boolean {
  return error instanceof FetchError && passing.includes(error.code)
}

export interface Persistence {
  readonly limits: Pick<FetchLimits, 'attempts' | 'retryMs' | 'maxRetryMs'>
  readonly randomness: Randomness
  readonly signal: AbortSignal
  /** Whether it is worth trying again after this error. */
  isPassing(error: unknown): boolean
  /** Rises as the work proceeds: after progress the count of failures begins again. */
  progress(): number
}

/** Tries until it succeeds, the error is one that stays, or `attempts` tries in a row brought nothing. @throws the last error */
export async function persist<T>(attempt: () => Promise<T>, how: Persistence): Promise<T> {
  let failures = 0
  for (;;) {
    const before = how.progress()
    try {
      return await attempt()
    } catch (error) {
      failures = how.progress() > before ? 1 : failures + 1
      if (!how.isPassing(error) || failures >= how.limits.attempts) throw error
      await pause(retryDelayMs(failures, error, how), how.signal, error)
    }
  }
}

/** Doubles with each failure and is drawn from its upper half: many boxes behind one server must not come back together. */
function retryDelayMs(failures: number, error: unknown, { limits, randomness }: Persistence): number {
  const fullMs = Math.min(limits.maxRetryMs, limits.retryMs * 2 ** (failures - 1))
  const drawn = randomness.bytes(4).readUInt32BE() / 2 ** 32
  const askedMs = error instanceof FetchError ? (error.retryAfterMs ?? 0) : 0
  return Math.max((fullMs * (1 + drawn)) / 2, Math.min(askedMs, limits.maxRetryMs))
}

/** Time that runs out while it waits does not hide what it waited for. */
async function pause(waitMs: number, signal: AbortSignal, trouble: unknown): Promise<void> {
  try {
    await delay(waitMs, undefined, { signal })
  } catch {
    const reason = stopReason(signal)
    const isTime = errorCode(reason) === 'fetch_timeout'
    throw isTime ? new FetchError('fetch_timeout', { about: errorCode(trouble), cause: trouble }) : reason
  }
}
