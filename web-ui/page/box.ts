import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { Action, Whoami } from '../api/answers.ts'
import type { BoxClient } from '../api/client.ts'
import type { LiveFeed, LiveView } from '../api/live-feed.ts'

/** What every page has at hand. */
export interface Box {
  readonly client: BoxClient
  readonly feed: LiveFeed
  /** Undefined where the box does not say. */
  readonly whoami: Whoami | undefined
  /** Whether it makes sense to ask. The box decides; where it does not say what it allows, asking shows it. */
  may(action: Action): boolean
}

export const BoxContext = createContext<Box | undefined>(undefined)

export function useBox(): Box {
  return useContext(BoxContext) as Box
}

export function useLive(): LiveView {
  const { feed } = useBox()
  const [view, setView] = useState(feed.view)
  useEffect(() => {
    setView(feed.view)
    return feed.subscribe(() => setView(feed.view))
  }, [feed])
  return view
}

/** The time on the box's clock, anew every second. */
export function useNow(everyMs = 1000): number {
  const { client } = useBox()
  const [now, setNow] = useState(client.nowMs())
  useEffect(() => {
    const timer = setInterval(() => setNow(client.nowMs()), everyMs)
    return () => clearInterval(timer)
  }, [client, everyMs])
  return now
}
