import { useState } from 'preact/hooks'
import type { Job } from '../api/answers.ts'
import type { Fault } from '../api/client.ts'
import { useBox } from '../page/box.ts'
import { Badge } from '../parts/facts.tsx'
import { FaultNotice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/shown.tsx'
import type { Loaded } from '../parts/use-loaded.ts'
import { momentText } from '../words/times.ts'
import { canBeCancelled, jobName, jobShare, jobState } from './job-words.ts'

const MAX_JOBS = 10

interface JobsPanelProps {
  readonly jobs: Loaded<{ readonly jobs: readonly Job[] }>
  changed(): void
}

/** Changes that are under way or were made, the newest first. */
export function JobsPanel({ jobs, changed }: JobsPanelProps) {
  return (
    <Panel title="Changes">
      <Shown loaded={jobs} what="the changes">
        {({ jobs: list }) => (
          <>
            {list.length === 0 && <p class="small">Nothing has been changed.</p>}
            <ol class="jobs" aria-live="polite">
              {list.slice(0, MAX_JOBS).map((job) => (
                <JobRow key={job.job} job={job} changed={changed} />
              ))}
            </ol>
          </>
        )}
      </Shown>
    </Panel>
  )
}

const tones: Readonly<Record<Job['state'], string>> = { running: 'plain', done: 'ok', failed: 'stop' }

function JobRow({ job, changed }: { job: Job; changed: () => void }) {
  const share = jobShare(job)
  return (
    <li>
      <p>
        <strong>{jobName(job)}</strong> <Badge tone={tones[job.state]}>{jobState(job)}</Badge>
        <span class="sub">
          begun {momentText(job.startedAt)}
          {job.endedAt !== null && <>, ended {momentText(job.endedAt)}</>}
        </span>
      </p>
      {job.state === 'running' && (
        <progress
          aria-label={`Progress of ${jobName(job)}`}
          {...(share === undefined ? {} : { value: share, max: 1 })}
        />
      )}
      {job.code !== null && (
        <p>
          {job.message ?? job.code} <span class="sub">{job.code}</span>
        </p>
      )}
      {job.todo !== null && (
        <p>
          <strong>What to do:</strong> {job.todo}
        </p>
      )}
      {canBeCancelled(job) && <CancelButton job={job} changed={changed} />}
    </li>
  )
}

function CancelButton({ job, changed }: { job: Job; changed: () => void }) {
  const { client, may } = useBox()
  const [fault, setFault] = useState<Fault | undefined>(undefined)
  if (!may('models.change')) return null
  const cancel = async () => {
    const answered = await client.json<Job>(`/v1/model-jobs/${job.job}/cancel`, { method: 'POST', body: {} })
    setFault(answered.fault)
    changed()
  }
  return (
    <>
      <button type="button" onClick={() => void cancel()}>
        Give it up
      </button>
      {fault !== undefined && <FaultNotice fault={fault} what="the change given up" />}
    </>
  )
}
