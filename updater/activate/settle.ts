import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../device/platform/errors.ts'
import { jobSteps } from '../../models/store/control-channel.ts'
import { releaseFolder } from '../../models/store/layout.ts'
import { removeRelease } from '../stage/releases.ts'
import type { Job } from './job.ts'
import type { JobParts } from './job-parts.ts'
import { JOB_FILE, shortMessage } from './job-record.ts'
import { PART_FILE } from './journal.ts'
import { keepTargets } from './kept-targets.ts'
import type { Wait } from './runtime-link.ts'

/**
 * Ends a job that has failed; its record says of what. What ran before runs again, of a refused release nothing stays but the
 * leaf in the runtime's log, and what was fetched before a fault on the way is kept to go on with. Done again after a crash.
 * @throws UpdaterError updater_stopping, and those of the store
 */
export async function settle(job: Job, parts: JobParts): Promise<void> {
  parts.checkpoint('settle:before')
  await undo(job, parts)
  await keepTargets(job, parts)
  clear(job, parts)
  parts.checkpoint('settle:after')
  await reportRefusal(job, parts)
  job.end('failed', new Date(parts.clock.nowMs()).toISOString())
}

async function undo(job: Job, parts: JobParts): Promise<void> {
  const { slot, step } = job.record
  if (slot === null || jobSteps.indexOf(step) < jobSteps.indexOf('prove')) return
  const isPointed = parts.slots.isPointedBy(job)
  if (isPointed) parts.slots.putBack(job, slot)
  await parts.runtime.discard(slot)
  if (!isPointed || parts.slots.read(slot) === undefined) return
  try {
    await parts.runtime.activate(slot, waitOf(job, parts))
  } catch (error) {
    parts.stopping.throwIfAborted()
    parts.log.error('slot-not-put-back', { job: job.id, slot, code: errorCode(error) })
    parts.reconcile(slot)
  }
}

function clear(job: Job, parts: JobParts): void {
  const { failure, isNew, package: hash } = job.record
  const isGivenUp = failure?.isRefusal === true || failure?.code === 'updater_job_cancelled'
  clearFolder(job, isGivenUp ? [] : [PART_FILE])
  if (failure?.isRefusal !== true || !isNew || hash === null) return
  try {
    if (existsSync(releaseFolder(parts.store, hash))) removeRelease(parts.store, hash)
  } catch (error) {
    parts.log.error('release-not-removed', { job: job.id, package: hash, code: errorCode(error) })
  }
}

/** What the updater has refused the runtime has not seen: it is told, so that its log has it. */
async function reportRefusal(job: Job, parts: JobParts): Promise<void> {
  const { failure, source, by, package: hash } = job.record
  if (failure === null || failure.leaf === null || source === null) return
  const request = { event: failure.leaf, source: source.kind, code: failure.code, package: hash, by }
  try {
    await parts.runtime.recordRefusal(request, waitOf(job, parts))
    job.saveIfPossible({ failure: { ...failure, leaf: null } })
  } catch (error) {
    parts.stopping.throwIfAborted()
    parts.log.error('refusal-not-recorded', { job: job.id, code: errorCode(error) })
    const message = shortMessage(`${failure.message} The runtime could not be told, so its log does not have this.`)
    job.saveIfPossible({ failure: { ...failure, message } })
  }
}

/** Removes all of a job's folder but its record and what is named. */
export function clearFolder(job: Job, kept: readonly string[]): void {
  for (const name of readdirSync(job.folder)) {
    if (name !== JOB_FILE && !kept.includes(name)) rmSync(join(job.folder, name), { recursive: true, force: true })
  }
}

/** A job that was given up is still cleared away: only the end of the updater cuts this short. */
function waitOf(job: Job, parts: JobParts): Wait {
  const waits = (isWaiting: boolean) => job.wait(isWaiting ? 'runtime' : null)
  return { signal: parts.stopping, limitMs: parts.runtimeWaitMs, waits }
}
