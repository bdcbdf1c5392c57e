import { statSync } from 'node:fs'
import type { Verifier } from '../../device/crypto/signing.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { MAX_IMAGE_BYTES, verifyImageTargets } from '../../models/package/targets.ts'
import type { RaisedAlarm } from './alarms.ts'
import type { Slots } from './types.ts'

export interface RevocationWatchOptions {
  /** The image targets of the store. */
  readonly image: string
  readonly vendor: Verifier
  /** Targets of a version below this one say nothing any more. */
  imageVersion(): number
  readonly log: Log
}

/** Whether the vendor has withdrawn what decides: a model that runs goes on, and whoever looks after the box is told. */
export interface RevocationWatch {
  /** Looks now, where the targets have changed, and keeps what they say. */
  look(): Promise<void>
  /** One for each slot whose release is revoked. */
  alarms(slots: Slots): RaisedAlarm[]
  /** The same, one sentence each. */
  faults(slots: Slots): string[]
  stop(): void
}

/** The store's owner may change the file as often as it likes; it costs us one reading in this time. */
const LOOK_EVERY_MS = 30_000

/** Looks from time to time, by a timer that keeps no process alive. */
export function watchRevocation({ image, vendor, imageVersion, log }: RevocationWatchOptions): RevocationWatch {
  let seen = ''
  let newest = 0
  let revoked: ReadonlySet<string> = new Set()
  const look = async () => {
    const mark = markOf(image)
    if (mark === seen) return
    seen = mark
    try {
      const { version, targets } = await verifyImageTargets(readRegularFile(image, MAX_IMAGE_BYTES), vendor)
      if (version < Math.max(newest, imageVersion())) return
      newest = version
      const withdrawn = Object.values(targets).filter(({ custom }) => custom.revoked === 1)
      revoked = new Set(withdrawn.map(({ hashes }) => hashes.sha256))
    } catch (error) {
      // What does not hold revokes nothing; activation names its fault.
      log.warn('image-targets-unreadable', { code: errorCode(error) })
    }
  }
  const alarms = (slots: Slots) =>
    [...slots].flatMap(([slot, content]) =>
      content.state === 'active' && revoked.has(content.model.packageHash)
        ? [revokedAlarm(slot, content.model.manifest.version)]
        : [],
    )
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref()
  return {
    look,
    alarms,
    faults: (slots) =>
      alarms(slots).map(
        ({ slot, about, todo }) =>
          `${slot}: the vendor has revoked ${about}, which decides until the runtime is started again. ${todo}`,
      ),
    stop: () => clearInterval(timer),
  }
}

function revokedAlarm(slot: string, version: string): RaisedAlarm {
  const text = `The vendor has revoked ${version}, which decides until the runtime is started again.`
  const todo = 'Install another release, or roll back.'
  return { code: 'package_revoked', severity: 'limit', slot, about: version, text, todo }
}

function markOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? 'none' : `${found.ino} ${found.size} ${found.mtimeMs}`
}
