import { type Catalogue, parseCatalogue } from '../../device/outbound/catalogue.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { EgressError } from './errors.ts'
import { fileMark } from './file-mark.ts'

const MAX_BYTES = 65_536
const LOOK_AGAIN_MS = 1000

/** The catalogue as it lies on disk; a new one is taken without a restart, a bad one is named in the log and the old one stays. */
export class CatalogueFile {
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Log
  #catalogue: Catalogue
  #seen: string
  #lookedMs: number

  /** @throws EgressError egress_file_unreadable */
  constructor(path: string, clock: Clock, log: Log) {
    this.#path = path
    this.#clock = clock
    this.#log = log
    this.#lookedMs = clock.monotonicMs()
    try {
      this.#seen = this.#mark()
      this.#catalogue = this.#read()
    } catch (cause) {
      throw new EgressError('egress_file_unreadable', { cause, about: 'catalogue' })
    }
  }

  current(): Catalogue {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#lookedMs < LOOK_AGAIN_MS) return this.#catalogue
    this.#lookedMs = nowMs
    try {
      const mark = this.#mark()
      if (mark === this.#seen) return this.#catalogue
      this.#seen = mark
      this.#catalogue = this.#read()
    } catch (error) {
      this.#log.warn('egress-catalogue-unusable', { code: errorCode(error) })
    }
    return this.#catalogue
  }

  #mark(): string {
    return fileMark(this.#path)
  }

  #read(): Catalogue {
    return parseCatalogue(readFileBounded(this.#path, MAX_BYTES))
  }
}
