import { useEffect } from 'preact/hooks'
import type { ModelsAnswerBody } from '../../runtime/http/contract.ts'
import type { Job, ModelStore } from '../api/answers.ts'
import { useBox } from '../page/box.ts'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/shown.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { InstallPanel } from './install-panel.tsx'
import { JobsPanel } from './jobs-panel.tsx'
import { ModelPanels } from './model-panels.tsx'
import { SlotList } from './slot-list.tsx'
import { StorePanel } from './store-panel.tsx'

const MODELS_EVERY_MS = 10_000
const JOBS_EVERY_MS = 2000

/** What runs and what could, and how the one takes the other's place. */
export function ModelsPage({ slot }: { slot: string | undefined }) {
  const { client, may } = useBox()
  const models = useLoaded<ModelsAnswerBody>(client, '/v1/models', MODELS_EVERY_MS)
  const inspects = may('models.inspect')
  const store = useLoaded<ModelStore>(client, inspects ? '/v1/model-store' : undefined, MODELS_EVERY_MS)
  const jobs = useLoaded<{ readonly jobs: readonly Job[] }>(
    client,
    inspects ? '/v1/model-jobs' : undefined,
    JOBS_EVERY_MS,
  )
  const changed = () => {
    jobs.again()
    store.again()
    models.again()
  }
  // What runs is asked for anew as soon as a change has ended, and not only when its turn comes.
  const ended = jobs.value?.jobs.filter(({ state }) => state !== 'running').length ?? 0
  useEffect(() => {
    store.again()
    models.again()
  }, [ended, store.again, models.again])
  const chosen = slot ?? models.value?.models[0]?.slot
  const summary = models.value?.models.find((model) => model.slot === chosen)
  return (
    <>
      <h1>Models</h1>
      <div class="models-columns">
        <Panel title="Slots" class="models-slots">
          <Shown loaded={models} what="the models">
            {({ models: list }) =>
              list.length === 0 ? <Notice>No model is installed.</Notice> : <SlotList models={list} chosen={chosen} />
            }
          </Shown>
        </Panel>
        <div class="stack models-detail">
          {chosen !== undefined && <ModelPanels key={chosen} slot={chosen} summary={summary} ended={ended} />}
        </div>
        <div class="stack">
          {inspects ? (
            <StorePanel store={store} changed={changed} />
          ) : (
            <Notice>Card, self-test and staged releases are for engineers and officers.</Notice>
          )}
          {may('models.change') && <InstallPanel changed={changed} />}
          {inspects && <JobsPanel jobs={jobs} changed={changed} />}
        </div>
      </div>
    </>
  )
}
