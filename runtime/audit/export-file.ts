import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { AuditCommandError } from './command-errors.ts'

/** A file that has its name only once it is whole and durable. */
export interface ExportFile {
  write(text: string): void
  /** SHA-256 of everything written so far, lowercase hex. */
  sha256(): string
  /** @throws AuditCommandError audit_export_exists | audit_export_unwritable */
  finish(): void
  /** Removes what was written; nothing after `finish`. */
  discard(): void
}

const BUFFER_BYTES = 262_144

/**
 * Writes beside the name, as `.NAME.PID.partial` of mode 0600; what a killed process left under such a name is removed first.
 * @throws AuditCommandError audit_export_exists | audit_export_unwritable
 */
export function createExportFile(path: string, mayReplace: boolean): ExportFile {
  if (!mayReplace && existsSync(path)) throw new AuditCommandError('audit_export_exists')
  return guarded(() => {
    const there = lstatSync(path, { throwIfNoEntry: false })
    // Replacing takes the name: a device such as /dev/null would be gone for the whole machine.
    if (there !== undefined && !there.isFile() && !there.isSymbolicLink())
      throw new AuditCommandError('audit_export_unwritable', { about: 'it is not a file' })
    removeLeftovers(path)
    return new PartialFile(path, mayReplace)
  })
}

class PartialFile implements ExportFile {
  readonly #path: string
  readonly #partial: string
  readonly #mayReplace: boolean
  readonly #hash = createHash('sha256')
  readonly #file: number
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isOpen = true

  constructor(path: string, mayReplace: boolean) {
    this.#path = path
    this.#mayReplace = mayReplace
    this.#partial = join(dirname(path), `${partialPrefix(path)}${process.pid}.partial`)
    rmSync(this.#partial, { force: true })
    this.#file = openSync(this.#partial, 'wx', 0o600)
    fchmodSync(this.#file, 0o600)
  }

  write(text: string): void {
    const bytes = Buffer.from(text)
    this.#hash.update(bytes)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= BUFFER_BYTES) guarded(() => this.#flush())
  }

  sha256(): string {
    return this.#hash.copy().digest('hex')
  }

  finish(): void {
    guarded(() => {
      this.#flush()
      fsyncSync(this.#file)
      this.#close()
      this.#name()
      syncDirectory(dirname(this.#path))
    })
  }

  discard(): void {
    if (this.#isOpen) this.#close()
    rmSync(this.#partial, { force: true })
  }

  /** A link fails where a name is taken, a rename takes it. */
  #name(): void {
    if (this.#mayReplace || !this.#link()) renameSync(this.#partial, this.#path)
  }

  /** @returns false where there are no links, as on the file systems of most memory sticks, and the name is free */
  #link(): boolean {
    try {
      linkSync(this.#partial, this.#path)
      rmSync(this.#partial)
      return true
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code
      if (existsSync(this.#path)) throw new AuditCommandError('audit_export_exists', { cause })
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw cause
      return false
    }
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written)
  }

  #close(): void {
    this.#isOpen = false
    closeSync(this.#file)
  }
}

const partialPrefix = (path: string): string => `.${basename(path)}.`

function removeLeftovers(path: string): void {
  const prefix = partialPrefix(path)
  for (const name of readdirSync(dirname(path))) {
    const [, pid] = /^(\d+)\.partial$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '') ?? []
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(dirname(path), name), { force: true })
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof AuditCommandError) throw cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : errorCode(cause)
    throw new AuditCommandError('audit_export_unwritable', { cause, about: code })
  }
}
