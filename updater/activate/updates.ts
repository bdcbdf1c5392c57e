import type { Randomness } from '../../device/crypto/randomness.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { SlotsAnswer } from '../../models/store/activation-channel.ts'
import {
  type InstallRequest,
  type JobAnswer,
  jobSteps,
  type ListAnswer,
  type ReleaseSummary,
} from '../../models/store/control-channel.ts'
import { ControlError } from '../../models/store/control-errors.ts'
import { listReleases, removeRelease } from '../stage/releases.ts'
import { UpdaterError } from './errors.ts'
import type { Job } from './job.ts'
import type { JobParts } from './job-parts.ts'
import type { JobRecord } from './job-record.ts'
import { runJob } from './run-job.ts'

const JOB_BYTES = 8
type RunningSlot = SlotsAnswer['slots'][number]

/** Of one answer; the channel carries a megabyte. */
const MAX_LISTED = 256

export interface UpdatesOptions {
  /** Jobs under way at a time. */
  readonly maxJobs: number
}

/** What an operator can have done. Each job runs behind the answer that names it. */
export class Updates {
  readonly #parts: JobParts
  readonly #options: UpdatesOptions
  readonly #underWay = new Set<Promise<void>>()

  constructor(parts: JobParts, options: UpdatesOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** Goes on with what a stop or a crash has left, in the order in which it was begun. */
  resume(): void {
    const { journal, clock } = this.#parts
    journal.expire(clock.nowMs())
    for (const job of journal.running()) this.#run(job)
  }

  /** @throws ControlError control_jobs_too_many, UpdaterError updater_store_full | updater_store_unwritable */
  install(request: InstallRequest): JobAnswer {
    const { source, name, activate, by } = request
    return this.#begin({ kind: 'install', step: 'fetch', source, name, activate, by })
  }

  /** @throws ControlError control_release_unknown | control_release_revoked | control_slot_busy | control_jobs_too_many */
  async activate(packageHash: string, by: string): Promise<JobAnswer> {
    const release = await this.#release(packageHash)
    if (release.revoked) throw new ControlError('control_release_revoked')
    return this.#beginChange('activate', release.model, release.package, release.version, by)
  }

  /** @throws ControlError control_slot_unknown | control_rollback_empty | control_slot_busy | control_jobs_too_many */
  async rollback(slot: string, by: string): Promise<JobAnswer> {
    const pointer = this.#parts.slots.read(slot)
    if (pointer === undefined) throw new ControlError('control_slot_unknown')
    if (pointer.previous === null) throw new ControlError('control_rollback_empty')
    const { package: hash, version } = await this.#release(pointer.previous)
    return this.#beginChange('rollback', slot, hash, version, by)
  }

  /** @throws ControlError control_job_unknown */
  job(id: string): JobAnswer {
    return this.#find(id).answer()
  }

  /** @throws ControlError control_job_unknown | control_job_past_cancel */
  cancel(id: string): JobAnswer {
    const job = this.#find(id)
    const { state, failure, step } = job.record
    const isLate = jobSteps.indexOf(step) > jobSteps.indexOf('prove')
    if (state !== 'running' || failure !== null || isLate) throw new ControlError('control_job_past_cancel')
    job.cancelled.abort(new UpdaterError('updater_job_cancelled'))
    return job.answer()
  }

  /** @throws ControlError control_release_unknown | control_release_in_use */
  async remove(packageHash: string): Promise<{ package: string }> {
    const { journal, slots, store, turns, stopping, log } = this.#parts
    const giveBack = await turns.take('store', stopping)
    try {
      const release = await this.#release(packageHash)
      const isNamed = slots.all().some(({ active, previous }) => [active, previous].includes(release.package))
      const isWorkedOn = journal.running().some(({ record }) => record.package === release.package)
      if (isNamed || isWorkedOn) throw new ControlError('control_release_in_use')
      removeRelease(store, release.package)
      log.info('release-removed', { package: release.package })
      return { package: release.package }
    } finally {
      giveBack()
    }
  }

  async list(): Promise<ListAnswer> {
    const { store, trust, slots, journal, runtime } = this.#parts
    const [releases, running] = await Promise.all([listReleases(store, trust), runtime.slots()])
    const pointers = slots.all()
    const find = (hash: string | null) => releases.find((release) => release.package === hash) ?? null
    const isLost = ({ slot, package: hash, fault }: RunningSlot) =>
      (hash !== null || fault !== null) && !pointers.some((pointer) => pointer.slot === slot)
    const lost = (running ?? []).filter(isLost).map(({ slot }) => ({ slot, active: null, previous: null }))
    const named = new Set(pointers.flatMap(({ active, previous }) => [active, previous]))
    return {
      slots: [...pointers, ...lost].slice(0, MAX_LISTED).map(({ slot, active, previous }) => {
        const seen = running?.find((each) => each.slot === slot)
        const now = { state: seen?.state ?? null, running: seen?.package ?? null, fault: seen?.fault ?? null }
        return { slot, package: active, active: find(active), previous: find(previous), ...now }
      }),
      staged: releases.filter((release) => !named.has(release.package)).slice(0, MAX_LISTED),
      jobs: journal.all().map((job) => job.answer()),
    }
  }

  /** Resolves once no job works any more; whoever stops aborts `stopping` first. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  #beginChange(kind: 'activate' | 'rollback', slot: string, hash: string, version: string, by: string): JobAnswer {
    // Begun now, it would change what another job is about to find: whoever asks is to know of that job first.
    const isBusy = this.#parts.journal
      .running()
      .some(({ record }) => record.slot === slot && jobSteps.indexOf(record.step) >= jobSteps.indexOf('stage'))
    if (isBusy) throw new ControlError('control_slot_busy')
    const what = { slot, package: hash, version }
    return this.#begin({ kind, step: 'prove', source: null, name: null, activate: true, by, ...what })
  }

  #begin(
    what: Pick<JobRecord, 'kind' | 'step' | 'source' | 'name' | 'activate' | 'by'> & Partial<JobRecord>,
  ): JobAnswer {
    const { journal, clock, randomness, log } = this.#parts
    if (journal.running().length >= this.#options.maxJobs) throw new ControlError('control_jobs_too_many')
    // Here and not only at the end of a change: a source that fails every minute must not fill the store with its jobs.
    journal.expire(clock.nowMs())
    const startedAt = new Date(clock.nowMs()).toISOString()
    const job = journal.begin({ ...blank, ...what, job: drawId(randomness), startedAt })
    log.info('job-begun', { job: job.id, kind: what.kind, by: what.by })
    this.#run(job)
    return job.answer()
  }

  #run(job: Job): void {
    const work: Promise<void> = runJob(job, this.#parts)
      .catch((error: unknown) => this.#parts.log.error('job-broken', { job: job.id, code: errorCode(error) }))
      .finally(() => this.#underWay.delete(work))
    this.#underWay.add(work)
  }

  #find(id: string): Job {
    const job = this.#parts.journal.find(id)
    if (job === undefined) throw new ControlError('control_job_unknown')
    return job
  }

  async #release(packageHash: string): Promise<ReleaseSummary> {
    const releases = await listReleases(this.#parts.store, this.#parts.trust)
    const release = releases.find((each) => each.package === packageHash)
    if (release === undefined) throw new ControlError('control_release_unknown')
    return release
  }
}

const blank = {
  v: 1,
  state: 'running',
  totalBytes: null,
  slot: null,
  package: null,
  version: null,
  isNew: false,
  change: null,
  failure: null,
  endedAt: null,
} as const

function drawId(randomness: Randomness): string {
  return randomness.bytes(JOB_BYTES).toString('hex')
}
