import { isWardstoneError } from '../../device/platform/errors.ts'
import { FetchError } from './errors.ts'

/** Why a signal stopped the work: our own reason where it carries one. */
export function stopReason(signal: AbortSignal): Error {
  return isWardstoneError(signal.reason) ? signal.reason : new FetchError('fetch_cancelled', { cause: signal.reason })
}

/** @throws what stopped the signal */
export function verifyGoing(signal: AbortSignal): void {
  if (signal.aborted) throw stopReason(signal)
}

/** Does the work under a signal that also fires after `totalMs`. @throws FetchError fetch_timeout */
export async function withDeadline<T>(
  totalMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(new FetchError('fetch_timeout')), totalMs)
  try {
    return await work(AbortSignal.any([signal, deadline.signal]))
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for a promise, but no longer than `waitMs`, and not past the signal. @throws FetchError fetch_stalled */
export function within<T>(promise: Promise<T>, waitMs: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new FetchError('fetch_stalled')), Math.max(0, waitMs))
    const stop = () => reject(stopReason(signal))
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const settled = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    promise.then(resolve, reject).finally(settled)
    if (signal.aborted) settled()
  })
}
