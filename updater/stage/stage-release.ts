import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { syncDirectory, writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { hashFile } from '../../models/package/file-hash.ts'
import type { AgreedTarget } from '../../models/package/policy.ts'
import { openRegularFile } from '../../models/package/regular-file.ts'
import { verifyGrant } from '../../models/package/targets.ts'
import { type KeeperTrust, verifyAgreement } from '../../models/package/verify.ts'
import { GRANT_FILE, type ModelStore, PACKAGE_FILE, releaseFolder, releasePaths } from '../../models/store/layout.ts'
import { verifyAdoption } from './adoption.ts'
import { onStore, StageError } from './errors.ts'
import { setAside, sweepReleases } from './releases.ts'
import { soundGrant } from './statements.ts'
import { FILE_MODE, FOLDER_MODE, shareWithStore, sweep } from './store-files.ts'

export interface StagingJob {
  /**
   * `jobs/<id>/`, on the file system of the store. Where the store does not have the release yet, package.wspkg lies in
   * it: whole, verified and durable.
   */
  readonly folder: string
  readonly imageBytes: Uint8Array
  readonly grantBytes: Uint8Array
}

export interface StagingTrust extends KeeperTrust {
  /** Hashes of the packages that run, or are about to: new image targets may not leave them out. */
  readonly active: readonly string[]
}

export interface StagedRelease {
  readonly target: AgreedTarget
  readonly imageVersion: number
  /** False when the store had the release before this job: then a refusal of the job does not take it away. */
  readonly isNew: boolean
}

/** Called after each line that a crash can come behind; tests stop the world there. */
export type StagingCheckpoint = (line: StagingLine) => void
export const stagingLines = ['gathered', 'moved', 'granted', 'cleared', 'released', 'adopted'] as const
export type StagingLine = (typeof stagingLines)[number]

/** The release as it will lie in the store, gathered in the folder of the job. */
const GATHERED = 'release'
/** Left in the folder of a job that brings a release the store did not have. */
const MARK = 'brought'

/**
 * Puts a verified release into the store. The folder of the release appears whole, by one rename; a release that is
 * there already only takes a newer grant. Then the image targets take the place of the old ones. Stopped at any line
 * it can be asked again, and until its last line the store is as good as before: the old targets, and a release more.
 * @throws StageError, PackageError
 */
export async function stageRelease(
  store: ModelStore,
  job: StagingJob,
  trust: StagingTrust,
  checkpoint: StagingCheckpoint = () => undefined,
): Promise<StagedRelease> {
  const { image, target } = await verifyAgreement(job.imageBytes, job.grantBytes, trust)
  const adoption = await verifyAdoption(store, job.imageBytes, trust.active, trust)

  if (await isStaged(store, target)) await takeNewerGrant(store, target, job, trust)
  else onStore(() => bringRelease(store, target, job, checkpoint))
  checkpoint('released')

  onStore(() => {
    if (adoption === 'adopt') writeFileAtomic(store.image, job.imageBytes, FILE_MODE)
    shareWithStore(store.image, FILE_MODE, store)
  })
  checkpoint('adopted')

  onStore(() => {
    sweep(store.root, basename(store.image))
    clear(job)
  })
  return { target, imageVersion: image.version, isNew: existsSync(join(job.folder, MARK)) }
}

/** Whether the store has the package, with the bytes that were signed. What a disk has spoilt counts as not there. */
export async function isStaged(store: ModelStore, target: AgreedTarget): Promise<boolean> {
  const { package: path, grant } = releasePaths(store, target.packageHash)
  if (!existsSync(path) || !existsSync(grant)) return false
  try {
    const file = openRegularFile(path)
    try {
      if (file.sizeBytes !== target.lengthBytes) return false
      return (await hashFile(file.fd, target.lengthBytes)) === target.packageHash
    } finally {
      file.close()
    }
  } catch (error) {
    if (isWardstoneError(error)) return false
    throw error
  }
}

function bringRelease(store: ModelStore, target: AgreedTarget, job: StagingJob, checkpoint: StagingCheckpoint): void {
  const gathered = join(job.folder, GATHERED)
  mkdirSync(gathered, { recursive: true })
  shareWithStore(gathered, FOLDER_MODE, store)
  checkpoint('gathered')

  movePackage(job.folder, gathered)
  shareWithStore(join(gathered, PACKAGE_FILE), FILE_MODE, store)
  checkpoint('moved')

  writeFileAtomic(join(gathered, GRANT_FILE), job.grantBytes, FILE_MODE)
  shareWithStore(join(gathered, GRANT_FILE), FILE_MODE, store)
  sweep(gathered, GRANT_FILE)
  syncDirectory(gathered)
  checkpoint('granted')

  // What lies there is not this release, or is spoilt: isStaged has looked.
  if (existsSync(releaseFolder(store, target.packageHash))) setAside(store, target.packageHash)
  else writeFileAtomic(join(job.folder, MARK), '')
  checkpoint('cleared')

  renameSync(gathered, releaseFolder(store, target.packageHash))
  syncDirectory(store.releases)
  syncDirectory(job.folder)
  sweepReleases(store)
}

/** The package is in one of the two places, wherever the job was stopped. */
function movePackage(folder: string, gathered: string): void {
  const [from, to] = [join(folder, PACKAGE_FILE), join(gathered, PACKAGE_FILE)]
  if (existsSync(from)) {
    renameSync(from, to)
    syncDirectory(gathered)
    syncDirectory(folder)
  }
  if (!existsSync(to)) throw new StageError('stage_package_missing')
}

/** A grant only gets newer: an older one could bring back a key or a date that the fleet has replaced. */
async function takeNewerGrant(
  store: ModelStore,
  target: AgreedTarget,
  job: StagingJob,
  trust: KeeperTrust,
): Promise<void> {
  const { grant: path } = releasePaths(store, target.packageHash)
  const offered = await verifyGrant(job.grantBytes, trust.fleet)
  const held = await soundGrant(store, target.packageHash, trust)
  const isNewer = held === undefined || offered.version > held.version
  onStore(() => {
    if (isNewer) writeFileAtomic(path, job.grantBytes, FILE_MODE)
    shareWithStore(path, FILE_MODE, store)
    sweep(dirname(path), GRANT_FILE)
  })
}

/** What the store has now the job need not keep. */
function clear({ folder }: StagingJob): void {
  rmSync(join(folder, GATHERED), { recursive: true, force: true })
  rmSync(join(folder, PACKAGE_FILE), { force: true })
}
