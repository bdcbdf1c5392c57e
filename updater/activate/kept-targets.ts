import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../device/platform/errors.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { MAX_IMAGE_BYTES } from '../../models/package/targets.ts'
import { IMAGE_FILE } from '../../models/store/layout.ts'
import { adoptTargets } from '../stage/adopt-targets.ts'
import { describeRelease } from '../stage/releases.ts'
import type { Job } from './job.ts'
import type { JobParts } from './job-parts.ts'

/**
 * Of a job that failed the vendor's newer statement stays: above all what it revokes. Where it may not take the place of the one
 * in the store, the log says why, and the job fails of what it failed of. Done again, it changes nothing more.
 * @throws UpdaterError updater_stopping
 */
export async function keepTargets(job: Job, parts: JobParts): Promise<void> {
  const path = join(job.folder, IMAGE_FILE)
  if (!existsSync(path)) return
  const { store, turns, clock, log, stopping } = parts
  const giveBack = await turns.take('store', stopping)
  try {
    const trust = { ...parts.trust, active: packagesInUse(parts) }
    const isNew = await adoptTargets(store, readRegularFile(path, MAX_IMAGE_BYTES), clock.nowMs(), trust)
    if (!isNew) return
    log.info('targets-adopted', { job: job.id })
    await warnOfRevoked(parts)
  } catch (error) {
    log.warn('targets-not-adopted', { job: job.id, code: errorCode(error) })
  } finally {
    giveBack()
  }
}

/** What runs and is revoked goes on until its next start, and not longer: somebody has to bring another release before. */
export async function warnOfRevoked({ store, slots, trust, log }: JobParts): Promise<void> {
  for (const { slot, active } of slots.all()) {
    const release = await describeRelease(store, active, trust)
    if (release?.revoked === true) log.warn('active-release-revoked', { slot, package: active })
  }
}

/** What runs, and what jobs are about to make run: the metadata may not lose these. */
export function packagesInUse({ slots, journal }: JobParts): string[] {
  const moving = journal.running().filter(({ record }) => ['prove', 'point', 'activate'].includes(record.step))
  const hashes = [...slots.all().map(({ active }) => active), ...moving.map(({ record }) => record.package)]
  return hashes.filter((hash) => hash !== null)
}
