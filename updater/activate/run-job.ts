import { errorCode } from '../../device/platform/errors.ts'
import { type JobStep, jobSteps } from '../../models/store/control-channel.ts'
import { fetchStep, stageStep, verifyStep } from './arrival.ts'
import { UpdaterError } from './errors.ts'
import type { Job } from './job.ts'
import type { Checkpoint, JobParts } from './job-parts.ts'
import { failureOf } from './outcome.ts'
import { prune } from './prune.ts'
import type { Wait } from './runtime-link.ts'
import { clearFolder, settle } from './settle.ts'

/**
 * Does a job from the step that its record names to its end, or until the updater stops: then it goes on at the next start.
 * A failure before the release runs is undone; one after it changes nothing any more. Never throws.
 */
export async function runJob(job: Job, parts: JobParts): Promise<void> {
  const turns: (() => void)[] = []
  job.signal = AbortSignal.any([job.cancelled.signal, parts.stopping])
  try {
    if (job.record.failure === null) await advance(job, parts, turns).catch((error: unknown) => fail(job, parts, error))
    if (job.record.failure !== null) await settle(job, parts)
  } catch (error) {
    if (!parts.stopping.aborted) parts.log.error('job-not-settled', { job: job.id, code: errorCode(error) })
  } finally {
    for (const giveBack of turns.reverse()) giveBack()
  }
}

/** The seven steps. Each may be done again: a crash anywhere leads back to the beginning of the step that was under way. */
async function advance(job: Job, parts: JobParts, turns: (() => void)[]): Promise<void> {
  const step = (name: JobStep, work: () => Promise<void> | void) => doStep(job, parts, name, work)

  await step('fetch', () => fetchStep(job, parts))
  await step('verify', () => verifyStep(job, parts))

  // From here on one job has the slot.
  const { slot, hash } = agreed(job)
  turns.push(await takeTurn(job, parts, `slot ${slot}`))
  await step('stage', () => stageStep(job, parts))
  if (!job.record.activate) {
    job.signal.throwIfAborted()
    return finish(job, parts)
  }

  // The runtime proves one release at a time, and keeps one candidate.
  turns.push(await takeTurn(job, parts, 'runtime'))
  if (!runsAlready(job, parts, slot, hash)) {
    await step('prove', () => prove(job, parts, slot, hash))
    await step('point', () => parts.slots.point(job, slot, hash, () => parts.checkpoint('point:drawn')))
  }
  await step('activate', () => activate(job, parts, slot, hash))
  await step('prune', () => prune(slot, parts)).catch((error: unknown) => {
    // It runs, and the log has it: what could not be cleared away is cleared at the next activation.
    parts.stopping.throwIfAborted()
    parts.log.warn('prune-failed', { job: job.id, code: errorCode(error) })
  })
  finish(job, parts)
}

async function takeTurn(job: Job, parts: JobParts, name: string): Promise<() => void> {
  job.wait('turn')
  try {
    return await parts.turns.take(name, job.signal)
  } finally {
    job.wait(null)
  }
}

async function doStep(job: Job, parts: JobParts, name: JobStep, work: () => Promise<void> | void): Promise<void> {
  if (jobSteps.indexOf(job.record.step) > jobSteps.indexOf(name)) return
  const checkpoint = (at: Checkpoint) => parts.checkpoint(at)
  job.signal.throwIfAborted()
  job.enter(name)
  checkpoint(`${name}:before`)
  await work()
  checkpoint(`${name}:after`)
}

function agreed(job: Job): { slot: string; hash: string } {
  const { slot, package: hash } = job.record
  // Steps one and two have named both; a record that says otherwise is not ours.
  if (slot === null || hash === null) throw new UpdaterError('updater_store_unwritable', { about: 'record of the job' })
  return { slot, hash }
}

/** A release that the slot runs already has come with nothing but a newer grant. */
function runsAlready(job: Job, parts: JobParts, slot: string, hash: string): boolean {
  return job.record.change === null && parts.slots.read(slot)?.active === hash
}

async function prove(job: Job, parts: JobParts, slot: string, hash: string): Promise<void> {
  const change = job.record.kind === 'rollback' ? 'rollback' : 'activate'
  const answer = await parts.runtime.prove({ slot, package: hash, change, by: job.record.by }, waitOf(job, parts))
  const isOurs = answer.slot === slot && answer.package === hash
  if (!isOurs) throw new UpdaterError('updater_runtime_answer_invalid')
}

/** @throws UpdaterError updater_runtime_answer_invalid when the runtime serves something else than the pointer names */
async function activate(job: Job, parts: JobParts, slot: string, hash: string): Promise<void> {
  const { change } = job.record
  const answer = await parts.runtime.activate(slot, waitOf(job, parts))
  const isEvent = change === null || answer.event === change.event
  if (answer.package !== hash || !isEvent) throw new UpdaterError('updater_runtime_answer_invalid')
}

function waitOf(job: Job, parts: JobParts): Wait {
  return {
    signal: job.signal,
    limitMs: parts.runtimeWaitMs,
    waits: (isWaiting) => job.wait(isWaiting ? 'runtime' : null),
  }
}

function finish(job: Job, parts: JobParts): void {
  clearFolder(job, [])
  job.end('done', new Date(parts.clock.nowMs()).toISOString())
}

/** What stops the updater is no failure of the job. */
function fail(job: Job, parts: JobParts, error: unknown): void {
  parts.stopping.throwIfAborted()
  const cause: unknown = job.cancelled.signal.aborted ? job.cancelled.signal.reason : error
  const failure = failureOf(cause, job.record.step, () => parts.slots.drawEvent())
  if (failure.code === 'internal') parts.log.error('job-internal', { job: job.id, place: placeOf(cause) })
  job.saveIfPossible({ failure })
}

/** Where in our files something failed that should not; never what it says. */
function placeOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return /([a-z-]+\.ts:\d+)/.exec(stack)?.[1] ?? 'unknown'
}
