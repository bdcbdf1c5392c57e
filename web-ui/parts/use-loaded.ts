import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Answered, BoxClient, Fault } from '../api/client.ts'

/** An answer that is asked for: the last that came, and why there is no newer one. */
export interface Loaded<T> {
  readonly value: T | undefined
  readonly fault: Fault | undefined
  readonly isLoading: boolean
  /** Asks anew. */
  again(): void
}

/**
 * Asks for `path` now, whenever it changes, and every `everyMs` where that is given. Undefined asks nothing. What came for
 * one path is never shown for another.
 */
export function useLoaded<T>(client: BoxClient, path: string | undefined, everyMs?: number): Loaded<T> {
  const ask = useCallback(
    (signal: AbortSignal) => (path === undefined ? undefined : client.json<T>(path, { signal })),
    [client, path],
  )
  return useAsked(ask, path, everyMs)
}

interface Kept<T> {
  readonly key: string | undefined
  readonly value?: T | undefined
  readonly fault?: Fault | undefined
}

/** As useLoaded, for any question; `key` says whether two answers are about the same thing. */
export function useAsked<T>(
  ask: (signal: AbortSignal) => Promise<Answered<T>> | undefined,
  key: string | undefined,
  everyMs?: number,
): Loaded<T> {
  const [kept, setKept] = useState<Kept<T>>({ key })
  const [round, setRound] = useState(0)
  const [isLoading, setLoading] = useState(false)
  const latest = useRef(key)
  latest.current = key
  // `round` is not read: a new one asks again.
  useEffect(() => {
    const stop = new AbortController()
    const asked = ask(stop.signal)
    if (asked === undefined) return
    setLoading(true)
    void asked.then(({ value, fault }) => {
      if (stop.signal.aborted) return
      setLoading(false)
      setKept((before) => ({ key, value: value ?? (before.key === key ? before.value : undefined), fault }))
    })
    return () => stop.abort()
  }, [ask, key, round])
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = setInterval(() => setRound((count) => count + 1), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  const again = useCallback(() => setRound((count) => count + 1), [])
  const isCurrent = kept.key === key
  return {
    value: isCurrent ? kept.value : undefined,
    fault: isCurrent ? kept.fault : undefined,
    isLoading: isLoading || !isCurrent,
    again,
  }
}
