import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import { RuntimeError } from './errors.ts'

const MAX_KEY_FILE_BYTES = 64 * 1024

/** The files that the configuration names. */
export class SiteFiles {
  readonly #base: string

  constructor(base: string) {
    this.#base = base
  }

  path(name: string): string {
    return resolve(this.#base, name)
  }

  text(name: string): string {
    return this.#read(name).toString('utf8')
  }

  /** A raw 256-bit key. */
  key(name: string): Uint8Array {
    const key = this.#read(name)
    if (key.length !== 32) throw new RuntimeError('runtime_file_unreadable', { about: name })
    return key
  }

  #read(name: string): Buffer {
    const path = this.path(name)
    if (!existsSync(path)) throw new RuntimeError('runtime_file_unreadable', { about: name })
    try {
      return readFileBounded(path, MAX_KEY_FILE_BYTES)
    } catch (cause) {
      throw new RuntimeError('runtime_file_unreadable', { cause, about: name })
    }
  }
}
