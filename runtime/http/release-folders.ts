import { chmod, lstat, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { GRANT_FILE, IMAGE_FILE, PACKAGE_FILE } from '../../models/store/layout.ts'
import { HttpError } from './errors.ts'
import type { UpdaterLink } from './updater-link.ts'

export type ReleasePart = 'package' | 'image' | 'grant'

const fileNames: Readonly<Record<ReleasePart, string>> = {
  package: PACKAGE_FILE,
  image: IMAGE_FILE,
  grant: GRANT_FILE,
}

/** Where one release is laid down while it comes in and while the updater fetches it. */
export interface ReleaseFolder {
  readonly path: string
  /** @throws HttpError upload_disk_full | upload_failed, and what the source throws */
  write(part: ReleasePart, bytes: AsyncIterable<Uint8Array>): Promise<void>
}

export interface ReleaseFoldersParts {
  /** The folder of the folders. The updater's account must be able to read below it. */
  readonly root: string
  readonly updater: Pick<UpdaterLink, 'job'>
  readonly randomness: Randomness
  readonly log: Log
  readonly pollMs?: number
}

const NAME = /^[0-9a-f]{32}$/
const JOB = '.job'
const JOB_ID = /^[0-9a-f]{16}$/
const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT']
const ROOT_MODE = 0o750
/** Set apart from the umask: the folder of the folders decides who comes here at all, and the updater is another account. */
const FOLDER_MODE = 0o755
const FILE_MODE = 0o644
const POLL_MS = 2000

/** Folders of releases that were sent to the API; each is gone once its job has ended, also across a restart. */
export class ReleaseFolders {
  readonly #parts: ReleaseFoldersParts
  readonly #waiting = new Map<string, NodeJS.Timeout>()
  #isClosed = false

  constructor(parts: ReleaseFoldersParts) {
    this.#parts = parts
  }

  /** What was left by a process before: an upload that broke off goes, a job that may still run is followed. */
  async sweep(): Promise<void> {
    const { root, log } = this.#parts
    try {
      const names = await readdir(root).catch(() => [])
      for (const name of names.filter((each) => NAME.test(each))) {
        const job = await readFile(join(root, `${name}${JOB}`), 'utf8').catch(() => '')
        if (JOB_ID.test(job)) this.#follow(name, job)
        else await this.#remove(name)
      }
    } catch (error) {
      log.warn('uploads-not-swept', { code: errorCode(error) })
    }
  }

  /** @throws HttpError upload_disk_full | upload_failed */
  async create(): Promise<ReleaseFolder> {
    const { root, randomness } = this.#parts
    const path = join(root, randomness.bytes(16).toString('hex'))
    await orFault(async () => {
      await mkdir(root, { recursive: true, mode: ROOT_MODE })
      const state = await lstat(root)
      // Whoever put a link there could have releases laid down elsewhere.
      if (!state.isDirectory()) throw new HttpError('upload_failed')
      await mkdir(path, { mode: ROOT_MODE })
      await chmod(path, FOLDER_MODE)
    })
    return { path, write: (part, bytes) => writePart(join(path, fileNames[part]), bytes) }
  }

  /** Keeps a folder until this job has ended. */
  async keepFor(folder: ReleaseFolder, job: string): Promise<void> {
    await writeFile(`${folder.path}${JOB}`, job).catch(() => {})
    this.#follow(folder.path.slice(-32), job)
  }

  async discard(folder: ReleaseFolder): Promise<void> {
    await this.#remove(folder.path.slice(-32))
  }

  /** What is still followed is followed again by the next process. */
  close(): void {
    this.#isClosed = true
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    this.#waiting.clear()
  }

  #follow(name: string, job: string): void {
    if (this.#isClosed) return
    const look = async () => {
      if (await this.#isOver(job)) await this.#remove(name)
      else this.#follow(name, job)
    }
    this.#waiting.set(name, setTimeout(() => void look(), this.#parts.pollMs ?? POLL_MS).unref())
  }

  /** While the updater cannot be asked its job may still need the files. */
  async #isOver(job: string): Promise<boolean> {
    try {
      return (await this.#parts.updater.job(job)).state !== 'running'
    } catch (error) {
      return errorCode(error) === 'control_job_unknown'
    }
  }

  async #remove(name: string): Promise<void> {
    this.#waiting.delete(name)
    const path = join(this.#parts.root, name)
    try {
      await rm(path, { recursive: true, force: true })
      await rm(`${path}${JOB}`, { force: true })
    } catch (error) {
      this.#parts.log.warn('upload-not-removed', { code: errorCode(error) })
    }
  }
}

async function writePart(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await orFault(() => open(path, 'wx', FILE_MODE))
  try {
    await orFault(() => file.chmod(FILE_MODE))
    for await (const piece of bytes) await orFault(() => file.writeFile(piece))
  } finally {
    await orFault(() => file.close())
  }
}

async function orFault<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof HttpError) throw cause
    const isFull = FULL.includes((cause as NodeJS.ErrnoException | null)?.code)
    throw new HttpError(isFull ? 'upload_disk_full' : 'upload_failed', { cause })
  }
}
