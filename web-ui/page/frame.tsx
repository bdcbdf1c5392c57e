import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Whoami } from '../api/answers.ts'
import type { BoxClient } from '../api/client.ts'
import type { LiveFeed } from '../api/live-feed.ts'
import { DecisionPage } from '../decision/decision-page.tsx'
import { ModelsPage } from '../models/models-page.tsx'
import { NowPage } from '../now/now-page.tsx'
import { FaultNotice, Notice } from '../parts/notice.tsx'
import { type Loaded, useLoaded } from '../parts/use-loaded.ts'
import { roleText } from '../words/terms.ts'
import { type Box, BoxContext } from './box.ts'
import { parseRoute, type Route } from './route.ts'
import { ThemeChoice } from './theme-choice.tsx'
import { VerdictMark } from './verdict-mark.tsx'

interface FrameProps {
  readonly client: BoxClient
  readonly feed: LiveFeed
  readonly storage: Storage | undefined
}

const titles: Readonly<Record<Route['page'], string>> = {
  now: 'Now',
  decision: 'Decision',
  models: 'Models',
  unknown: 'No such page',
}

/** What stands around every page: where one is, who one is, and whether the box is fit for use. */
export function Frame({ client, feed, storage }: FrameProps) {
  const who = useLoaded<Whoami>(client, '/v1/whoami')
  const route = useRoute()
  const isKnown = who.value !== undefined || who.fault !== undefined
  const box = useMemo(() => boxOf(client, feed, who.value), [client, feed, who.value])
  useEffect(() => {
    if (isKnown) feed.start(box.may('events.read'))
  }, [isKnown, feed])
  useRetry(who)
  useTitle(route)
  return (
    <BoxContext.Provider value={box}>
      <button type="button" class="skip" onClick={focusMain}>
        Skip to the page
      </button>
      <header class="top">
        <span class="brand">Wardstone</span>
        <Pages route={route} />
        <VerdictMark isHidden={route.page === 'now'} />
        <Who who={who} />
        <ThemeChoice storage={storage} />
      </header>
      <main id="main" tabIndex={-1}>
        {isKnown ? <Content route={route} who={who} /> : <p class="loading">Asking the box who you are …</p>}
      </main>
      <footer class="foot">
        Results are advisory: they support the judgement of a qualified clinician and do not replace it.
      </footer>
    </BoxContext.Provider>
  )
}

function Content({ route, who }: { route: Route; who: Loaded<Whoami> }) {
  return (
    <>
      {who.fault !== undefined && who.fault.kind !== 'not-offered' && (
        <FaultNotice fault={who.fault} what="who you are" />
      )}
      {route.page === 'now' && <NowPage />}
      {route.page === 'decision' && <DecisionPage id={route.id} />}
      {route.page === 'models' && <ModelsPage slot={route.slot} />}
      {route.page === 'unknown' && (
        <>
          <h1>No such page</h1>
          <Notice>
            This address names none of the pages. <a href="#/">Now</a> says how the box is.
          </Notice>
        </>
      )}
    </>
  )
}

function Pages({ route }: { route: Route }) {
  const current = (page: Route['page']) => (route.page === page ? ('page' as const) : undefined)
  return (
    <nav class="pages" aria-label="Pages">
      <a href="#/" aria-current={current('now')}>
        Now
      </a>
      <a href="#/decision" aria-current={current('decision')}>
        Decision
      </a>
      <a href="#/models" aria-current={current('models')}>
        Models
      </a>
    </nav>
  )
}

function Who({ who: { value } }: { who: Loaded<Whoami> }) {
  if (value === undefined) return <span class="who">role not known</span>
  return (
    <span class="who">
      <span class="small">{roleText(value.role)}</span>
      <strong>{value.clientId}</strong>
    </span>
  )
}

function boxOf(client: BoxClient, feed: LiveFeed, whoami: Whoami | undefined): Box {
  return { client, feed, whoami, may: (action) => whoami === undefined || whoami.actions.includes(action) }
}

function useRoute(): Route {
  const [hash, setHash] = useState(window.location.hash)
  useEffect(() => {
    const changed = () => setHash(window.location.hash)
    window.addEventListener('hashchange', changed)
    return () => window.removeEventListener('hashchange', changed)
  }, [])
  return useMemo(() => parseRoute(hash), [hash])
}

/** A box that was starting when the page was opened is asked again. */
function useRetry({ fault, again }: Loaded<Whoami>): void {
  const waits = fault !== undefined && (fault.kind === 'unreachable' || fault.kind === 'failed')
  useEffect(() => {
    if (!waits) return
    const timer = setInterval(again, 5000)
    return () => clearInterval(timer)
  }, [waits, again])
}

/** The title, and on a change of page the focus: a screen reader then reads where one is (WCAG 2.4.2, 2.4.3). */
function useTitle({ page }: Route): void {
  const [isFirst, setFirst] = useState(true)
  useEffect(() => {
    document.title = `${titles[page]} – Wardstone`
    if (!isFirst) focusMain()
    setFirst(false)
  }, [page])
}

function focusMain(): void {
  document.getElementById('main')?.focus()
}
