import type { ServerResponse } from 'node:http'

/** Aborted when the connection closes before the whole answer was written: nobody will read it. */
export function callerLeft(response: Pick<ServerResponse, 'once' | 'writableFinished'>): AbortSignal {
  const left = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) left.abort()
  })
  return left.signal
}
