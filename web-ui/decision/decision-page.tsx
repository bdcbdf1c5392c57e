import type { DecisionRead } from '../api/answers.ts'
import { useBox } from '../page/box.ts'
import { Notice } from '../parts/notice.tsx'
import { Shown } from '../parts/shown.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { ContributionsPanel } from './contributions-panel.tsx'
import { FeedbackPanel } from './feedback-panel.tsx'
import { FindDecision } from './find-decision.tsx'
import { ImagePanel } from './image-panel.tsx'
import { InputsPanel } from './inputs-panel.tsx'
import { RecordPanel } from './record-panel.tsx'
import { ResultPanel } from './result-panel.tsx'
import { TimingsPanel } from './timings-panel.tsx'

const PENDING_EVERY_MS = 3000

/** One decision whole. Who may not read decisions does not ask for one: a question that is denied would stand in the audit log. */
export function DecisionPage({ id }: { id: string | undefined }) {
  const { may, whoami } = useBox()
  if (!may('decision.read')) {
    return (
      <>
        <h1>Decision</h1>
        <Notice>
          A decision tells of a patient, and the role {whoami?.role} does not see whose. Model, outcome and latency of
          each decision are on the page <a href="#/">Now</a>.
        </Notice>
      </>
    )
  }
  return id === undefined ? <FindDecision /> : <OneDecision key={id} id={id} />
}

function OneDecision({ id }: { id: string }) {
  const { client } = useBox()
  const loaded = useLoaded<DecisionRead>(client, `/v1/decisions/${id}`)
  return (
    <>
      <h1 class="sr-only">Decision {id}</h1>
      <Shown loaded={loaded} what="the decision">
        {(read) => <Whole read={read} again={loaded.again} />}
      </Shown>
      {loaded.value === undefined && loaded.fault !== undefined && (
        <p>
          <a href="#/decision">Look for another decision</a>
        </p>
      )}
    </>
  )
}

function Whole({ read, again }: { read: DecisionRead; again: () => void }) {
  const { decision } = read
  const explanation = read.explained?.explanation ?? decision.explanation
  return (
    <div class="decision-columns">
      <div class="stack">
        <ResultPanel read={read} />
        <ImagePanel read={read} explanation={explanation} />
        <InputsPanel read={read} explanation={explanation} />
        <ContributionsPanel read={read} explanation={explanation} again={again} everyMs={PENDING_EVERY_MS} />
      </div>
      <div class="stack">
        <FeedbackPanel read={read} again={again} />
        <TimingsPanel decision={decision} />
        <RecordPanel read={read} />
      </div>
    </div>
  )
}
