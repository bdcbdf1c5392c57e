import { constants, renameSync, rmSync } from 'node:fs'
import { type FileHandle, open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { FetchError } from './errors.ts'
import { isDiskFull, systemCode } from './system-error.ts'

const READ_BYTES = 1024 * 1024
/** The group of the store, in which the runtime is, may read what is staged. */
const FILE_MODE = 0o640

/**
 * The file that a package grows in: `<into>.part`, which becomes `into` when it is whole and durable.
 * Its methods throw FetchError fetch_disk_full | fetch_store_failed.
 */
export class PartFile {
  readonly #into: string
  readonly #handle: FileHandle
  #sizeBytes = 0

  private constructor(into: string, handle: FileHandle) {
    this.#into = into
    this.#handle = handle
  }

  /** What an earlier fetch left is kept, also one that was whole: it is judged like the rest. */
  static async open(into: string): Promise<PartFile> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
    try {
      takeBack(into)
      const handle = await open(partPath(into), flags, FILE_MODE)
      if ((await handle.stat()).isFile()) return new PartFile(into, handle)
      await handle.close()
    } catch (cause) {
      throw storeError(cause)
    }
    throw new FetchError('fetch_store_failed')
  }

  async *read(): AsyncGenerator<Uint8Array, void> {
    for (let position = 0; ; ) {
      const target = Buffer.alloc(READ_BYTES)
      const { bytesRead } = await this.#try(() => this.#handle.read(target, 0, READ_BYTES, position))
      if (bytesRead === 0) return
      position += bytesRead
      yield target.subarray(0, bytesRead)
    }
  }

  /** Cuts the file; what is appended comes after. */
  async cut(sizeBytes: number): Promise<void> {
    await this.#try(() => this.#handle.truncate(sizeBytes))
    this.#sizeBytes = sizeBytes
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const left = bytes.length - written
      const { bytesWritten } = await this.#try(() => this.#handle.write(bytes, written, left, this.#sizeBytes))
      written += bytesWritten
      this.#sizeBytes += bytesWritten
    }
  }

  /** @throws FetchError fetch_disk_full when fewer bytes are free */
  async verifyRoom(neededBytes: number): Promise<void> {
    const { bavail, bsize } = await this.#try(() => statfs(dirname(this.#into)))
    if (bavail * bsize < neededBytes) throw new FetchError('fetch_disk_full')
  }

  /** The content is on the disk before it has its name, and the name before this returns. */
  async complete(): Promise<void> {
    await this.#try(async () => {
      await this.#handle.chmod(FILE_MODE)
      await this.#handle.sync()
      renameSync(partPath(this.#into), this.#into)
      syncDirectory(dirname(this.#into))
    })
  }

  remove(): void {
    rmSync(partPath(this.#into), { force: true })
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      throw storeError(cause)
    }
  }
}

function partPath(into: string): string {
  return `${into}.part`
}

function takeBack(into: string): void {
  try {
    renameSync(into, partPath(into))
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause
  }
}

function storeError(cause: unknown): FetchError {
  return new FetchError(isDiskFull(cause) ? 'fetch_disk_full' : 'fetch_store_failed', { cause })
}
