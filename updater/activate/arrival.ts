import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { MAX_GRANT_BYTES, MAX_IMAGE_BYTES } from '../../models/package/targets.ts'
import {
  type SignatureTrust,
  type VerifiedMetadata,
  verifyMetadata,
  verifyPackage,
} from '../../models/package/verify.ts'
import { GRANT_FILE, IMAGE_FILE, PACKAGE_FILE, releaseFolder, releasePaths } from '../../models/store/layout.ts'
import { fetchMetadata } from '../fetch/fetch-metadata.ts'
import { fetchPackage } from '../fetch/fetch-package.ts'
import type { ReleaseSource } from '../fetch/source.ts'
import { newestTargets, verifyAdoption } from '../stage/adoption.ts'
import { isStaged, stageRelease } from '../stage/stage-release.ts'
import { asStoreFault } from './errors.ts'
import type { Job } from './job.ts'
import type { JobParts } from './job-parts.ts'
import { packagesInUse, warnOfRevoked } from './kept-targets.ts'

/** Packages are fetched by so many jobs at a time. */
const FETCHES = 2

/** Step `fetch`: the metadata and their rules first, so that a release that is not for this device costs no download. */
export async function fetchStep(job: Job, parts: JobParts): Promise<void> {
  const { source: from, name } = job.record
  if (from === null) return
  const source = await parts.openSource(from, name)
  const { target } = await bringMetadata(source, job, parts)
  const { packageHash, modelId, version, lengthBytes } = target
  job.save({ slot: modelId, package: packageHash, version, totalBytes: lengthBytes })
  if (await isStaged(parts.store, target)) return
  job.wait('turn')
  const giveBack = await parts.turns.take('fetch', job.signal, FETCHES)
  job.wait(null)
  try {
    parts.journal.adoptPart(job, packageHash)
    const into = join(job.folder, PACKAGE_FILE)
    const progress = (bytes: number) => {
      job.bytes = bytes
    }
    await fetchPackage(source, { ...fetchParts(job, parts), target, into, progress })
  } catch (error) {
    throw asStoreFault(error)
  } finally {
    giveBack()
  }
}

function fetchParts(job: Job, { fetchLimits: limits, randomness }: JobParts) {
  return { limits, randomness, signal: job.signal }
}

/** What the two keepers say is kept beside the package: the medium may be gone when it is needed again. */
async function bringMetadata(source: ReleaseSource, job: Job, parts: JobParts): Promise<VerifiedMetadata> {
  const { store, trust } = parts
  const { imageBytes, grantBytes } = await fetchMetadata(source, fetchParts(job, parts))
  try {
    writeFileAtomic(join(job.folder, IMAGE_FILE), imageBytes)
    writeFileAtomic(join(job.folder, GRANT_FILE), grantBytes)
  } catch (error) {
    throw asStoreFault(error)
  }
  const metadata = await verifyMetadata(imageBytes, grantBytes, trustOf(parts))
  await verifyAdoption(store, imageBytes, packagesInUse(parts), trust)
  return metadata
}

/** Step `verify`: signatures, dates, length, hash and layout of what now lies here, wherever it came from. */
export async function verifyStep(job: Job, parts: JobParts): Promise<void> {
  const { package: hash } = job.record
  const here = (name: string) => join(job.folder, name)
  const fetched = here(PACKAGE_FILE)
  const staged = hash === null || existsSync(fetched) ? fetched : releasePaths(parts.store, hash).package
  const paths = { package: staged, image: here(IMAGE_FILE), grant: here(GRANT_FILE) }
  const { file } = await verifyPackage(paths, trustOf(parts))
  file.close()
}

/** Step `stage`: into the store, where the runtime can open it. Nothing runs it yet. */
export async function stageStep(job: Job, parts: JobParts): Promise<void> {
  const broughtBytes = readRegularFile(join(job.folder, IMAGE_FILE), MAX_IMAGE_BYTES)
  const grantBytes = readRegularFile(join(job.folder, GRANT_FILE), MAX_GRANT_BYTES)
  const giveBack = await parts.turns.take('store', job.signal)
  try {
    const trust = { ...parts.trust, active: packagesInUse(parts) }
    // While this one was fetched, another job may have brought a newer statement: then that one is held to.
    const imageBytes = await newestTargets(parts.store, broughtBytes, trust)
    await verifyMetadata(imageBytes, grantBytes, trustOf(parts))
    const { isNew } = await stageRelease(parts.store, { folder: job.folder, imageBytes, grantBytes }, trust)
    job.save({ isNew })
    await warnOfRevoked(parts)
  } catch (error) {
    throw asStoreFault(error)
  } finally {
    giveBack()
  }
}

/** What is staged here was in date when it came; whether it may still run the runtime decides, which has the log. */
function trustOf(parts: JobParts): SignatureTrust {
  const wasActivated = (packageHash: string) => existsSync(releaseFolder(parts.store, packageHash))
  return { ...parts.trust, nowMs: parts.clock.nowMs(), wasActivated }
}
