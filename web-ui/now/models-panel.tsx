import type { ModelsAnswerBody } from '../../runtime/http/contract.ts'
import type { Health } from '../api/answers.ts'
import { useLive } from '../page/box.ts'
import { modelLink } from '../page/route.ts'
import { useTick } from '../page/tick.ts'
import { Badge } from '../parts/facts.tsx'
import { Icon } from '../parts/icon.tsx'
import { FaultNotice, Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Scrolling } from '../parts/scrolling.tsx'
import type { Loaded } from '../parts/use-loaded.ts'
import { statusText } from '../words/terms.ts'
import { clockText } from '../words/times.ts'
import { decides, verdictOf } from './verdict.ts'

type ModelHealth = Health['models'][number]
type Summary = ModelsAnswerBody['models'][number]

/** Model by model: does it decide, which release, on what. */
export function ModelsPanel({ models }: { models: Loaded<ModelsAnswerBody> }) {
  const view = useLive()
  const { health, healthFault, heardAtMs } = view
  const isSilent = verdictOf(view, useTick()).fitness === 'silent'
  return (
    <Panel title="Model by model">
      {health === undefined && healthFault === undefined && <p class="loading">Asking for the models …</p>}
      {health === undefined && healthFault !== undefined && (
        <FaultNotice fault={healthFault} what="the state of the models" />
      )}
      {health?.models.length === 0 && (
        <Notice>No model is installed. An engineer installs one on the page Models.</Notice>
      )}
      {health !== undefined && isSilent && heardAtMs !== undefined && (
        <Notice tone="stop">The box is silent. What follows was so at {clockText(heardAtMs)}.</Notice>
      )}
      {health !== undefined && health.models.length > 0 && (
        <ModelTable health={health} models={models} isSilent={isSilent} />
      )}
    </Panel>
  )
}

interface ModelTableProps {
  readonly health: Health
  readonly models: Loaded<ModelsAnswerBody>
  readonly isSilent: boolean
}

function ModelTable({ health, models, isSilent }: ModelTableProps) {
  const summaries = new Map(models.value?.models.map((summary) => [summary.slot, summary]))
  return (
    <>
      {models.fault !== undefined && (
        <Notice tone="limit">Names and versions could not be got: {models.fault.message}</Notice>
      )}
      <Scrolling label="State of each model">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">State</th>
              <th scope="col">Version</th>
              <th scope="col">Runs on</th>
              <th scope="col" class="number">
                Restarts
              </th>
            </tr>
          </thead>
          <tbody>
            {health.models.map((model) => (
              <ModelRow key={model.slot} model={model} summary={summaries.get(model.slot)} isSilent={isSilent} />
            ))}
          </tbody>
        </table>
      </Scrolling>
    </>
  )
}

interface ModelRowProps {
  readonly model: ModelHealth
  readonly summary: Summary | undefined
  readonly isSilent: boolean
}

function ModelRow({ model, summary, isSilent }: ModelRowProps) {
  const { slot, state, restarts, provider } = model
  const status = summary?.clinicalStatus ?? null
  return (
    <tr>
      <th scope="row">
        <a href={modelLink(slot)}>{summary?.display ?? slot}</a>
        <span class="sub">
          {[summary?.display == null ? '' : slot, status === null ? '' : statusText(status)]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </th>
      <td>{isSilent ? <StateBefore state={state} /> : <StateBadge state={state} fault={summary?.fault ?? null} />}</td>
      <td>
        {summary?.version ?? '–'}
        {summary?.candidate != null && <span class="sub">{summary.candidate.version} proven, waits</span>}
      </td>
      <td>{provider === null ? '–' : provider.provider}</td>
      <td class="number">{restarts}</td>
    </tr>
  )
}

const stateWords: Readonly<Record<ModelHealth['state'], readonly [word: string, more: string]>> = {
  ready: ['Decides', ''],
  busy: ['Decides', ''],
  starting: ['Starting', 'It is loaded and proves itself.'],
  'waiting-to-restart': ['Waiting', 'It starts again soon.'],
  unloaded: ['Decides', 'Not asked for long: the next request loads it.'],
  stopped: ['Stopped', ''],
  unavailable: ['Does not run', ''],
}

export function StateBadge({ state, fault }: { state: ModelHealth['state']; fault: string | null }) {
  const isFit = decides(state)
  const tone = isFit ? (fault === null ? 'ok' : 'limit') : state === 'starting' ? 'limit' : 'stop'
  const [word, more] = stateWords[state]
  return (
    <>
      <Badge tone={tone}>
        <Icon name={tone} /> {word}
      </Badge>
      {more !== '' && <span class="sub">{more}</span>}
      {fault !== null && state !== 'starting' && <span class="sub code">{fault}</span>}
    </>
  )
}

/** Of a box that is silent nobody knows whether a model decides: what it said last is never shown as if it were so. */
function StateBefore({ state }: { state: ModelHealth['state'] }) {
  return (
    <>
      <Badge>Not known</Badge>
      <span class="sub">before: {stateWords[state][0].toLowerCase()}</span>
    </>
  )
}
