import { type Fault, faultOf } from './client.ts'
import { EventParser, type StreamEvent } from './event-parser.ts'

export type StreamState = 'connecting' | 'open' | 'lost' | 'denied' | 'not-offered'

export interface StreamListener {
  event(event: StreamEvent): void
  state(state: StreamState): void
}

/** The box sends something every 15 seconds; after this long without, the line is dead although nobody said so. */
const SILENCE_MS = 40_000
const WAITS_MS = [500, 1000, 2000, 5000, 10_000]

/**
 * Follows a stream until the signal aborts: it comes again after a break and asks for what it missed. Read with fetch and not
 * with EventSource, which does not say why it was refused, and does not notice a line that has gone silent.
 */
export async function followEvents(
  path: string,
  fetchIt: typeof fetch,
  listener: StreamListener,
  signal: AbortSignal,
): Promise<void> {
  let lastId = ''
  let failures = 0
  const noteEvent = (event: StreamEvent) => {
    lastId = event.lastId
    failures = 0
    listener.event(event)
  }
  while (!signal.aborted) {
    listener.state('connecting')
    const fault = await readOnce(
      path,
      fetchIt,
      lastId,
      { ...listener, event: noteEvent, state: (state) => listener.state(state) },
      signal,
    )
    if (signal.aborted) return
    if (fault?.kind === 'denied' || fault?.kind === 'not-offered') return listener.state(fault.kind)
    listener.state('lost')
    await pause(WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 0, signal)
    failures += 1
  }
}

async function readOnce(
  path: string,
  fetchIt: typeof fetch,
  lastId: string,
  listener: StreamListener,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  const silence = new AbortController()
  const headers = { accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) }
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const response = await fetchIt(path, {
      headers,
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok || response.body === null) return await faultOf(response)
    listener.state('open')
    const parser = new EventParser(lastId)
    const decoder = new TextDecoder()
    for await (const bytes of response.body) {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      const events = parser.feed(decoder.decode(bytes, { stream: true }))
      if (events === undefined) return undefined
      for (const event of events) listener.event(event)
    }
  } catch {
    // The line broke; the caller comes again.
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
  return undefined
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
