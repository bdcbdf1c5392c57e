import type { ModelsAnswerBody } from '../../runtime/http/contract.ts'
import { useBox, useLive } from '../page/box.ts'
import { useTick } from '../page/tick.ts'
import { fitnessIcons } from '../page/verdict-mark.tsx'
import { Icon } from '../parts/icon.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { countText } from '../words/numbers.ts'
import { clockText } from '../words/times.ts'
import { AlarmsPanel } from './alarms-panel.tsx'
import { LivePanel } from './live-panel.tsx'
import { ModelsPanel } from './models-panel.tsx'
import { verdictOf } from './verdict.ts'

const MODELS_EVERY_MS = 30_000
/** More are among the alarms. */
const MAX_REASONS = 3

/** Is the box fit for use? */
export function NowPage() {
  const { client, may } = useBox()
  const models = useLoaded<ModelsAnswerBody>(client, may('models.read') ? '/v1/models' : undefined, MODELS_EVERY_MS)
  return (
    <>
      <h1 class="sr-only">Now: is this box fit for use?</h1>
      <VerdictBanner />
      <div class="now-columns">
        <div class="stack">
          <ModelsPanel models={models} />
          <AlarmsPanel />
        </div>
        <LivePanel />
      </div>
    </>
  )
}

function VerdictBanner() {
  const view = useLive()
  const { fitness, title, reasons } = verdictOf(view, useTick())
  const more = reasons.length - MAX_REASONS
  const { health, heardAtMs } = view
  return (
    <section class={`verdict fitness-${fitness}`} aria-label="Verdict">
      <Icon name={fitnessIcons[fitness]} />
      <div class="verdict-words">
        <p class="verdict-title">{title}</p>
        <ul>
          {reasons.slice(0, MAX_REASONS).map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
          {more > 0 && <li>and {more} more: see the alarms.</li>}
        </ul>
      </div>
      <p class="verdict-foot small">
        {heardAtMs !== undefined && <>heard {clockText(heardAtMs)}</>}
        {health !== undefined && (
          <>
            <br />
            release {health.release} · {countText(health.logSize, 'entry', 'entries')} in the audit log
          </>
        )}
      </p>
    </section>
  )
}
