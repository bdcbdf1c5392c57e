import { useEffect, useState } from 'preact/hooks'
import type { LiveView, ShownDecision } from '../api/live-feed.ts'
import { useBox, useLive } from '../page/box.ts'
import { Icon } from '../parts/icon.tsx'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Scrolling } from '../parts/scrolling.tsx'
import { countText } from '../words/numbers.ts'
import { LatencyChart } from './latency-chart.tsx'
import { LiveRow } from './live-row.tsx'

const MAX_ROWS = 50

/** Decisions as they are made. What moves can be held still (WCAG 2.2.2). */
export function LivePanel() {
  const { may } = useBox()
  const view = useLive()
  const { held, toggle, decisions } = useHeld(view.decisions)
  const missed = held ? view.decisions.length - decisions.length : 0
  const hasReadings = decisions.some(({ read }) => read !== null)
  return (
    <Panel
      title="Live decisions"
      class="live"
      aside={
        may('events.read') && (
          <button type="button" aria-pressed={held} onClick={toggle}>
            {held ? `Held still${missed > 0 ? `, ${missed} newer` : ''}` : 'Hold still'}
          </button>
        )
      }
    >
      <StreamNotice view={view} />
      {decisions.length > 0 && <LatencyChart decisions={decisions} />}
      {decisions.length > 0 && <LiveTable decisions={decisions} hasReadings={hasReadings} />}
    </Panel>
  )
}

function LiveTable({ decisions, hasReadings }: { decisions: readonly ShownDecision[]; hasReadings: boolean }) {
  return (
    <Scrolling label="The newest decisions">
      <table class="list live-list">
        <caption class="sr-only">
          The newest {countText(Math.min(decisions.length, MAX_ROWS), 'decision')}, newest first
        </caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Model</th>
            {hasReadings && <th scope="col">Patient</th>}
            <th scope="col">Outcome and reason</th>
            <th scope="col" class="number">
              Latency
            </th>
          </tr>
        </thead>
        <tbody>
          {decisions.slice(0, MAX_ROWS).map((decision) => (
            <LiveRow key={decision.key} decision={decision} hasReadings={hasReadings} />
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
}

function StreamNotice({ view: { stream, decisions } }: { view: LiveView }) {
  if (stream === 'denied') return <Notice>The role of this certificate does not see live decisions.</Notice>
  if (stream === 'not-offered') return <Notice>This box does not offer live decisions to these pages.</Notice>
  if (stream === 'lost')
    return (
      <Notice tone="stop">
        <strong>The live list has stopped.</strong> The connection is lost and is being tried again. What stands here is
        not new.
      </Notice>
    )
  if (decisions.length > 0) return null
  return stream === 'open' ? (
    <Notice>No decision since the runtime was started.</Notice>
  ) : (
    <p class="loading">
      <Icon name="wait" /> Connecting to the box …
    </p>
  )
}

function useHeld(decisions: readonly ShownDecision[]) {
  const [kept, setKept] = useState<readonly ShownDecision[] | undefined>(undefined)
  const held = kept !== undefined
  // A list that was emptied, because the box has started again, is not held against that.
  useEffect(() => {
    if (decisions.length === 0) setKept(undefined)
  }, [decisions.length])
  return { held, decisions: kept ?? decisions, toggle: () => setKept(held ? undefined : decisions) }
}
