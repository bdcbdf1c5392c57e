import type { ModelsAnswerBody } from '../../runtime/http/contract.ts'
import type { Health } from '../api/answers.ts'
import { useLive } from '../page/box.ts'
import { modelLink } from '../page/route.ts'
import { Badge } from '../parts/facts.tsx'
import { Icon } from '../parts/icon.tsx'
import { FaultNotice, Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Scrolling } from '../parts/scrolling.tsx'
import type { Loaded } from '../parts/use-loaded.ts'
import { statusText } from '../words/terms.ts'
import { decides } from './verdict.ts'

type ModelHealth = Health['models'][number]
type Summary = ModelsAnswerBody['models'][number]

/** Model by model: does it decide, which release, on what. */
export function ModelsPanel({ models }: { models: Loaded<ModelsAnswerBody> }) {
  const { health, healthFault } = useLive()
  return (
    <Panel title="Model by model">
      {health === undefined && healthFault === undefined && <p class="loading">Asking for the models …</p>}
      {health === undefined && healthFault !== undefined && (
        <FaultNotice fault={healthFault} what="the state of the models" />
      )}
      {health?.models.length === 0 && (
        <Notice>No model is installed. An engineer installs one on the page Models.</Notice>
      )}
      {health !== undefined && health.models.length > 0 && <ModelTable health={health} models={models} />}
    </Panel>
  )
}

function ModelTable({ health, models }: { health: Health; models: Loaded<ModelsAnswerBody> }) {
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
              <ModelRow key={model.slot} model={model} summary={summaries.get(model.slot)} />
            ))}
          </tbody>
        </table>
      </Scrolling>
    </>
  )
}

function ModelRow({ model, summary }: { model: ModelHealth; summary: Summary | undefined }) {
  const { slot, state, restarts, provider } = model
  const status = summary?.clinicalStatus ?? null
  return (
    <tr>
      <th scope="row">
        <a href={modelLink(slot)}>{summary?.display ?? slot}</a>
        <span class="sub">
          {slot}
          {status !== null && <> · {statusText(status)}</>}
        </span>
      </th>
      <td>
        <StateBadge state={state} fault={summary?.fault ?? null} />
      </td>
      <td>
        {summary?.version ?? '–'}
        {summary?.candidate != null && <span class="sub">{summary.candidate.version} proven, waits</span>}
      </td>
      <td>{provider === null ? '–' : provider.provider}</td>
      <td class="number">{restarts}</td>
    </tr>
  )
}

const stateWords: Readonly<Record<ModelHealth['state'], string>> = {
  ready: 'Decides',
  busy: 'Decides',
  starting: 'Being loaded and proven',
  'waiting-to-restart': 'Waits to start again',
  unloaded: 'Not asked for long; the next request loads it',
  stopped: 'Stopped',
  unavailable: 'Does not run',
}

export function StateBadge({ state, fault }: { state: ModelHealth['state']; fault: string | null }) {
  const isFit = decides(state)
  const tone = isFit ? (fault === null ? 'ok' : 'limit') : state === 'starting' ? 'limit' : 'stop'
  return (
    <>
      <Badge tone={tone}>
        <Icon name={tone} /> {stateWords[state]}
      </Badge>
      {fault !== null && <span class="sub">{fault}</span>}
    </>
  )
}
