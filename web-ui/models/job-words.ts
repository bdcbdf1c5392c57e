import type { Job } from '../api/answers.ts'
import { bytesText } from '../words/numbers.ts'

const kinds: Readonly<Record<Job['kind'], string>> = { install: 'Install', activate: 'Activate', rollback: 'Roll back' }

const steps: Readonly<Record<Job['step'], string>> = {
  fetch: 'fetching',
  verify: 'verifying signatures and hashes',
  stage: 'staging',
  prove: 'being proven on this device',
  point: 'activating',
  activate: 'activating',
  prune: 'clearing away',
}

export function jobName({ kind, slot, version }: Job): string {
  const name = slot === null ? '' : ` ${slot} ${version ?? ''}`
  return `${kinds[kind]}${name}`.trim()
}

export function jobState(job: Job): string {
  if (job.state === 'failed') return 'failed'
  if (job.state === 'done') return job.step === 'stage' ? 'staged' : 'done'
  if (job.waiting === 'runtime') return 'waits for the runtime'
  if (job.waiting === 'turn') return 'waits for another change'
  if (job.step === 'fetch' && job.totalBytes !== null)
    return `fetching ${bytesText(job.bytes)} of ${bytesText(job.totalBytes)}`
  return steps[job.step]
}

/** 0 … 1 while it can be said, else undefined. */
export function jobShare({ step, bytes, totalBytes }: Job): number | undefined {
  return step === 'fetch' && totalBytes !== null && totalBytes > 0 ? Math.min(1, bytes / totalBytes) : undefined
}

/** Until it begins to change what runs. */
export function canBeCancelled({ state, step, code }: Job): boolean {
  return state === 'running' && code === null && ['fetch', 'verify', 'stage', 'prove'].includes(step)
}
