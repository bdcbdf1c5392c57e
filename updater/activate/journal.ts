import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import type { Log } from '../../device/platform/log.ts'
import { type ModelStore, PACKAGE_FILE } from '../../models/store/layout.ts'
import { Job } from './job.ts'
import { JOB_FILE, JOB_ID, type JobRecord, MAX_JOB_BYTES, parseJobRecord } from './job-record.ts'

/** Where the fetch gathers a package until it is whole. */
export const PART_FILE: string = `${PACKAGE_FILE}.part`

const KEPT_JOBS = 32
/** Packages are large: at most so many that came only in part are kept to go on with. */
const KEPT_PARTS = 2

export interface JournalOptions {
  readonly keepPartialMs: number
  readonly log: Log
}

/** Every job that the store knows, under way or ended. */
export class Journal {
  readonly #store: ModelStore
  readonly #options: JournalOptions
  readonly #jobs = new Map<string, Job>()

  /** Reads the records; a folder without a sound one is what a crash left before its job was answered, and goes. */
  constructor(store: ModelStore, options: JournalOptions) {
    this.#store = store
    this.#options = options
    for (const name of readdirSync(store.jobs)) {
      const record = JOB_ID.test(name) ? readRecord(join(store.jobs, name), name) : undefined
      if (record !== undefined) this.#jobs.set(name, new Job(store, record, options.log))
      else rmSync(join(store.jobs, name), { recursive: true, force: true })
    }
  }

  /** @throws UpdaterError updater_store_full | updater_store_unwritable; there is then no job */
  begin(record: JobRecord): Job {
    const job = new Job(this.#store, record, this.#options.log)
    job.create()
    this.#jobs.set(record.job, job)
    return job
  }

  find(id: string): Job | undefined {
    return this.#jobs.get(id)
  }

  /** The newest first. */
  all(): Job[] {
    return [...this.#jobs.values()].sort(
      (a, b) => compare(b.record.startedAt, a.record.startedAt) || compare(b.id, a.id),
    )
  }

  running(): Job[] {
    return this.all()
      .filter(({ record }) => record.state === 'running')
      .reverse()
  }

  /** What an earlier job has of the same package becomes the part of this one. */
  adoptPart(job: Job, packageHash: string): void {
    const into = join(job.folder, PART_FILE)
    if (existsSync(into)) return
    const earlier = this.#withPart().find(({ record }) => record.package === packageHash)
    if (earlier !== undefined) renameSync(join(earlier.folder, PART_FILE), into)
  }

  /** Lets go of what is too old or too many. */
  expire(nowMs: number): void {
    for (const [place, job] of this.#withPart().entries()) {
      const ageMs = nowMs - Date.parse(job.record.endedAt ?? '')
      if (place < KEPT_PARTS && ageMs >= 0 && ageMs < this.#options.keepPartialMs) continue
      rmSync(join(job.folder, PART_FILE), { force: true })
    }
    const ended = this.all().filter(({ record }) => record.state !== 'running')
    for (const job of ended.slice(KEPT_JOBS)) {
      rmSync(job.folder, { recursive: true, force: true })
      this.#jobs.delete(job.id)
    }
  }

  /** Ended jobs that hold a part, the newest first. */
  #withPart(): Job[] {
    return this.all().filter(({ record, folder }) => record.state !== 'running' && existsSync(join(folder, PART_FILE)))
  }
}

function readRecord(folder: string, id: string): JobRecord | undefined {
  try {
    return parseJobRecord(readFileBounded(join(folder, JOB_FILE), MAX_JOB_BYTES), id)
  } catch {
    return undefined
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
