import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectory, writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { JobAnswer, JobStep } from '../../models/store/control-channel.ts'
import type { ModelStore } from '../../models/store/layout.ts'
import { asStoreFault } from './errors.ts'
import { encodeJobRecord, JOB_FILE, type JobRecord, jobAnswerOf } from './job-record.ts'

/** A job under way or ended: its record on disk, and what only matters while it runs. */
export class Job {
  readonly folder: string
  /** Aborted, with the reason, by an operator who gives the job up. */
  readonly cancelled: AbortController = new AbortController()
  /** Of the steps: the job is given up, or the updater stops. */
  signal: AbortSignal = this.cancelled.signal
  bytes = 0
  #waiting: JobAnswer['waiting'] = null
  readonly #store: ModelStore
  readonly #log: Log
  #record: JobRecord

  constructor(store: ModelStore, record: JobRecord, log: Log) {
    this.folder = join(store.jobs, record.job)
    this.#store = store
    this.#record = record
    this.#log = log
  }

  get id(): string {
    return this.#record.job
  }

  get record(): JobRecord {
    return this.#record
  }

  answer(): JobAnswer {
    return jobAnswerOf(this.#record, { bytes: this.bytes, waiting: this.#waiting })
  }

  /** Makes the folder and the first record. @throws UpdaterError updater_store_full | updater_store_unwritable */
  create(): void {
    try {
      mkdirSync(this.folder, { mode: 0o700 })
      this.save({})
      syncDirectory(this.#store.jobs)
    } catch (error) {
      rmSync(this.folder, { recursive: true, force: true })
      throw asStoreFault(error)
    }
  }

  /** Durable when it returns. @throws UpdaterError updater_store_full | updater_store_unwritable */
  save(changes: Partial<JobRecord>): void {
    const next = { ...this.#record, ...changes }
    try {
      writeFileAtomic(join(this.folder, JOB_FILE), encodeJobRecord(next))
    } catch (error) {
      throw asStoreFault(error)
    }
    this.#record = next
  }

  /** Holds in this process at once. Where the disk does not take it, a restart finds the job as it was and goes on from there. */
  saveIfPossible(changes: Partial<JobRecord>): void {
    try {
      this.save(changes)
    } catch (error) {
      this.#record = { ...this.#record, ...changes }
      this.#log.error('job-record-not-written', { job: this.id, code: errorCode(error) })
    }
  }

  wait(what: JobAnswer['waiting']): void {
    this.#waiting = what
  }

  enter(step: JobStep): void {
    this.save({ step })
    this.#log.info('job-step', { job: this.id, step, ...this.#named() })
  }

  end(state: 'done' | 'failed', at: string): void {
    this.#waiting = null
    this.saveIfPossible({ state, endedAt: at })
    const { failure } = this.#record
    const fields = { job: this.id, ...this.#named(), ...(failure === null ? {} : { code: failure.code }) }
    if (state === 'done') this.#log.info('job-done', fields)
    else this.#log.warn('job-failed', fields)
  }

  #named(): { slot?: string; package?: string } {
    const { slot, package: hash } = this.#record
    return { ...(slot === null ? {} : { slot }), ...(hash === null ? {} : { package: hash }) }
  }
}
