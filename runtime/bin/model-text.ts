import { printable } from '../../models/package/inspection-text.ts'
import type { JobAnswer, ListAnswer, ReleaseSummary } from '../../models/store/control-channel.ts'
import { explainJob } from './model-advice.ts'

const SHORT_HASH = 12
const NOTHING = '–'

/** Columns padded to their widest cell, under their heads. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows.map((row) => row.map(printable))]
  const width = (column: number) => Math.max(...all.map((row) => row[column]?.length ?? 0))
  return all.map((row) => `  ${row.map((cell, column) => cell.padEnd(width(column))).join('  ')}`.trimEnd())
}

export function size(bytes: number): string {
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(2)} GB`
}

export function listText({ slots, staged, jobs }: ListAnswer): string {
  const running = jobs.filter(({ state }) => state === 'running')
  const lines = [
    ...(slots.length === 0
      ? ['No model runs.']
      : ['Runs', ...table(['SLOT', 'VERSION', 'STATE', 'BEFORE', 'PACKAGE'], slots.map(slotRow))]),
    '',
    ...(staged.length === 0
      ? ['Nothing is staged.']
      : ['Staged', ...table(['MODEL', 'VERSION', 'SIZE', 'GRANT UNTIL', 'PACKAGE', ''], staged.map(releaseRow))]),
    ...(running.length === 0
      ? []
      : ['', 'Under way', ...table(['JOB', 'KIND', 'MODEL', 'NOW'], running.map(runningRow))]),
  ]
  return `${lines.join('\n')}\n`
}

export function jobsText(jobs: readonly JobAnswer[]): string {
  if (jobs.length === 0) return 'There are no jobs.\n'
  const rows = jobs.map((job) => [job.job, job.startedAt, job.kind, named(job), outcome(job)])
  return `${table(['JOB', 'BEGUN', 'KIND', 'MODEL', 'STATE'], rows).join('\n')}\n`
}

/** One job, as somebody asks who wants to know why. */
export function jobText(job: JobAnswer): string {
  const rows = [
    ['job', job.job],
    ['kind', job.source === null ? job.kind : `${job.kind} from ${job.source}`],
    ['model', named(job)],
    ['package', job.package ?? NOTHING],
    ['state', outcome(job)],
    ['begun', job.startedAt],
    ['ended', job.endedAt ?? NOTHING],
  ]
  return `${table([], rows).slice(1).join('\n')}\n${job.code === null ? '' : failureText(job)}`
}

/** Why a job failed, and what can be done about it. */
export function failureText(job: JobAnswer): string {
  const code = job.code ?? 'internal'
  const { message, advice } = explainJob({ ...job, code })
  const todo = advice ?? `docs/errors.md explains ${code}`
  return `Failed at step ${job.step}: ${printable(message)} [${code}]\nWhat to do: ${todo}\n`
}

/** What a job that has ended well has brought. @param kept version of what ran before, where something did */
export function doneText(job: JobAnswer, kept: string | undefined): string {
  const name = named(job)
  if (job.step === 'stage') {
    return `${name} is staged and does not run. To run it: wardstone model activate ${job.slot}@${job.version}\n`
  }
  if (job.kind === 'rollback') return `${name} runs again.\n`
  return kept === undefined
    ? `${name} runs.\n`
    : `${name} runs. ${printable(kept)} is kept; to go back: wardstone model rollback ${job.slot}\n`
}

const doing: Readonly<Record<JobAnswer['step'], string>> = {
  fetch: 'fetching',
  verify: 'verifying signatures and hashes',
  stage: 'staging',
  prove: 'proving on this device',
  point: 'activating',
  activate: 'activating',
  prune: 'clearing away what is no longer needed',
}

/** What a job does at this moment. */
export function progressText(job: JobAnswer): string {
  if (job.waiting === 'runtime') return job.code === null ? 'waiting for the runtime' : 'waiting to record the refusal'
  if (job.waiting === 'turn') return 'waiting for another job'
  if (job.code !== null) return 'failed, clearing away'
  const { bytes, totalBytes } = job
  if (job.step !== 'fetch' || totalBytes === null) return doing[job.step]
  const percent = totalBytes === 0 ? 100 : Math.floor((100 * bytes) / totalBytes)
  return `fetching ${size(bytes)} of ${size(totalBytes)} (${percent} %)`
}

export function named({ slot, version }: Pick<JobAnswer, 'slot' | 'version'>): string {
  return slot === null ? NOTHING : printable(`${slot} ${version ?? ''}`.trim())
}

function slotRow(entry: ListAnswer['slots'][number]): string[] {
  const { slot, active, previous } = entry
  const shown = entry.package?.slice(0, SHORT_HASH) ?? NOTHING
  return [slot, active?.version ?? 'not readable', slotState(entry), previous?.version ?? NOTHING, shown]
}

function slotState(entry: ListAnswer['slots'][number]): string {
  return entry.active?.revoked === true ? `${stateInSlot(entry)}, REVOKED` : stateInSlot(entry)
}

function stateInSlot({ state, running, fault, package: hash }: ListAnswer['slots'][number]): string {
  if (state === null) return 'the runtime does not say'
  if (state === 'unavailable') return `UNAVAILABLE: ${fault ?? 'no reason given'}`
  if (hash === null) return `${state}, NO POINTER IN THE STORE: install or activate a release`
  if (state === 'active' && running !== hash) return `still runs ${running?.slice(0, SHORT_HASH) ?? 'another'}`
  return state
}

function releaseRow(release: ReleaseSummary): string[] {
  const { model, version, sizeBytes, grantExpires, revoked } = release
  return [model, version, size(sizeBytes), grantExpires, release.package.slice(0, SHORT_HASH), revoked ? 'REVOKED' : '']
}

function runningRow(job: JobAnswer): string[] {
  return [job.job, job.kind, named(job), progressText(job)]
}

function outcome(job: JobAnswer): string {
  if (job.state === 'failed') return `failed: ${job.code}`
  if (job.state === 'running') return progressText(job)
  return job.step === 'stage' ? 'staged' : 'done'
}
