import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readFileBounded, syncDirectory } from '../../device/platform/atomic-file.ts'
import type { KeeperTrust } from '../../models/package/verify.ts'
import type { ReleaseSummary } from '../../models/store/control-channel.ts'
import { type ModelStore, PACKAGE_HASH, releaseFolder, releasePaths } from '../../models/store/layout.ts'
import { onStore, StageError } from './errors.ts'
import { storedMetadata } from './statements.ts'

const MAX_POINTER_BYTES = 4096

/** The hashes that have a folder in the store, whatever is in it, in order. */
export function releaseHashes(store: ModelStore): string[] {
  return onStore(() => readdirSync(store.releases))
    .filter((name) => PACKAGE_HASH.test(name))
    .sort()
}

/** One release as the signed statements describe it; undefined when it is not there or they do not hold. */
export async function describeRelease(
  store: ModelStore,
  packageHash: string,
  trust: KeeperTrust,
): Promise<ReleaseSummary | undefined> {
  const metadata = await storedMetadata(store, packageHash, trust)
  const { package: path } = releasePaths(store, packageHash)
  if (metadata === undefined || !existsSync(path)) return undefined
  const { target, grant } = metadata
  return {
    package: packageHash,
    model: target.modelId,
    version: target.version,
    counter: target.releaseCounter,
    sizeBytes: onStore(() => statSync(path)).size,
    grantExpires: grant.expires,
    revoked: target.revoked,
  }
}

/** Every release of the store whose statements hold, also expired and revoked ones: by model, the newest first. */
export async function listReleases(store: ModelStore, trust: KeeperTrust): Promise<ReleaseSummary[]> {
  const found = await Promise.all(releaseHashes(store).map((hash) => describeRelease(store, hash, trust)))
  return found
    .filter((release) => release !== undefined)
    .sort((a, b) => (a.model === b.model ? b.counter - a.counter : a.model < b.model ? -1 : 1))
}

/**
 * Takes a release out of the store: out of its place in one step, then away. Never one that a slot names, even in a
 * pointer that is damaged. Done again it does nothing.
 * @throws StageError stage_release_in_use; stage_store_failed
 */
export function removeRelease(store: ModelStore, packageHash: string): void {
  const folder = releaseFolder(store, packageHash)
  if (!PACKAGE_HASH.test(packageHash) || !existsSync(folder)) return
  const slot = onStore(() => readdirSync(store.slots)).find((name) => isNamedIn(join(store.slots, name), packageHash))
  if (slot !== undefined) throw new StageError('stage_release_in_use', { about: basename(slot, '.json') })
  onStore(() => {
    setAside(store, packageHash)
    sweepReleases(store)
  })
}

/** Out of the way under a name that is no release's, so that no half of one has its name. */
export function setAside(store: ModelStore, packageHash: string): void {
  const aside = join(store.releases, `.${packageHash}`)
  rmSync(aside, { recursive: true, force: true })
  renameSync(releaseFolder(store, packageHash), aside)
  syncDirectory(store.releases)
}

/** Clears away what has been set aside, now or before a crash. */
export function sweepReleases(store: ModelStore): void {
  for (const name of readdirSync(store.releases)) {
    if (name.startsWith('.') && PACKAGE_HASH.test(name.slice(1)))
      rmSync(join(store.releases, name), { recursive: true, force: true })
  }
}

/** By its text, so that a pointer with a fault still holds what it names; one that cannot be read may name anything. */
function isNamedIn(path: string, packageHash: string): boolean {
  try {
    return readFileBounded(path, MAX_POINTER_BYTES).includes(packageHash)
  } catch {
    return true
  }
}
