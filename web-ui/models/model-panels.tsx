import { useEffect } from 'preact/hooks'
import type { ModelDetail } from '../api/answers.ts'
import { StateBadge } from '../now/models-panel.tsx'
import { useBox } from '../page/box.ts'
import { Facts, Hash } from '../parts/facts.tsx'
import { FaultNotice, Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { ProviderFacts } from '../parts/provider-facts.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { bytesText, countText, numberText } from '../words/numbers.ts'
import { statusText } from '../words/terms.ts'
import { momentText, spanText } from '../words/times.ts'
import { CardPanel } from './card-panel.tsx'
import { InputsOfModel } from './inputs-of-model.tsx'
import type { Summary } from './slot-list.tsx'

const DETAIL_EVERY_MS = 10_000

interface ModelPanelsProps {
  readonly slot: string
  readonly summary: Summary | undefined
  /** How many changes have ended: with each, what runs may be another. */
  readonly ended: number
}

/** One model: what runs, whether it proved itself here, and what its maker says of it. */
export function ModelPanels({ slot, summary, ended }: ModelPanelsProps) {
  const { client, may } = useBox()
  const detail = useLoaded<ModelDetail>(
    client,
    may('models.inspect') ? `/v1/models/${slot}` : undefined,
    DETAIL_EVERY_MS,
  )
  const { value, fault, again } = detail
  // `ended` is not read: another number asks anew.
  useEffect(() => again(), [again, ended])
  return (
    <>
      <Panel
        title={summary?.display ?? slot}
        aside={value?.worker && fault === undefined && <StateBadge state={value.worker.state} fault={null} />}
      >
        {summary === undefined && value === undefined && <Notice>There is no model in the slot {slot}.</Notice>}
        {fault !== undefined && <FaultNotice fault={fault} what="the details of the model" />}
        {value !== undefined && value.fault !== null && <FaultOf fault={value.fault} />}
        {value === undefined && summary != null && summary.fault !== null && (
          <Notice tone="stop">{summary.fault}</Notice>
        )}
        {summary !== undefined && <SummaryFacts summary={summary} detail={value} />}
      </Panel>
      {value !== undefined && <SelfTestPanel detail={value} />}
      {value?.worker && (
        <Panel title="Where it runs">
          <WorkerFacts worker={value.worker} />
        </Panel>
      )}
      {value?.release && <CardPanel release={value.release} />}
      {summary !== undefined && <InputsOfModel summary={summary} />}
    </>
  )
}

function FaultOf({ fault: { code, message, todo } }: { fault: NonNullable<ModelDetail['fault']> }) {
  return (
    <Notice tone="stop">
      <p>{message}</p>
      {todo !== null && (
        <p>
          <strong>What to do:</strong> {todo}
        </p>
      )}
      <p class="small">{code}</p>
    </Notice>
  )
}

function SummaryFacts({ summary, detail }: { summary: Summary; detail: ModelDetail | undefined }) {
  const release = detail?.release
  return (
    <Facts
      facts={[
        ['Runs', summary.version === null ? 'nothing' : `${summary.modelId} ${summary.version}`],
        ['Status', summary.clinicalStatus === null ? undefined : statusText(summary.clinicalStatus)],
        ['Intended use', summary.intendedUse],
        ['A result holds', summary.validityMinutes === null ? undefined : spanText(summary.validityMinutes * 60_000)],
        ['Package', summary.packageHash === null ? undefined : <Hash key="hash" hex={summary.packageHash} />],
        ['Release counter', release?.releaseCounter],
        ['Memory', release && bytesText(release.memoryBytes)],
      ]}
    />
  )
}

function SelfTestPanel({ detail: { selfTest } }: { detail: ModelDetail }) {
  if (selfTest === null)
    return (
      <Panel title="Self-test">
        <Notice>Nothing runs here that was tested.</Notice>
      </Panel>
    )
  const { at, goldenVectors, largestDifference, tolerance, explanationDependsOnModel, loadMs } = selfTest
  return (
    <Panel title="Self-test" aside={<span class="small">{momentText(at)}</span>}>
      <Notice tone="ok">
        Passed on this device: {countText(goldenVectors, 'golden vector')} gave what they must give.
      </Notice>
      <Facts
        facts={[
          [
            'Largest difference',
            largestDifference === null
              ? 'not kept'
              : `${numberText(largestDifference)} of ${numberText(tolerance)} allowed`,
          ],
          ['Explanation', explanationText(explanationDependsOnModel)],
          ['Load and test', `${loadMs} ms`],
        ]}
      />
    </Panel>
  )
}

function explanationText(depends: boolean | null): string {
  if (depends === null) return 'not checked: there is none to check'
  return depends ? 'depends on the model: other parameters explain otherwise' : 'does not depend on the model'
}

function WorkerFacts({ worker }: { worker: NonNullable<ModelDetail['worker']> }) {
  const { restarts, lastFailure, isolation, provider } = worker
  return (
    <>
      <Facts
        facts={[
          ['Restarts', restarts],
          ['Last failure', lastFailure ?? 'none'],
          ['Isolation', `${isolation.level}${isolation.networkIsolated ? ', no network' : ''}`],
          ['Memory limit', isolation.memoryLimitBytes === null ? 'none' : bytesText(isolation.memoryLimitBytes)],
        ]}
      />
      <ProviderFacts provider={provider} />
    </>
  )
}
