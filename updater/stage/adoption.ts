import { existsSync } from 'node:fs'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { agreedTarget } from '../../models/package/policy.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { type ImageTargets, MAX_IMAGE_BYTES, verifyImageTargets } from '../../models/package/targets.ts'
import type { KeeperTrust } from '../../models/package/verify.ts'
import type { ModelStore } from '../../models/store/layout.ts'
import { StageError } from './errors.ts'
import { soundGrant } from './statements.ts'

/**
 * Whether the image targets of a job may take the place of those in the store. To be asked before a package is
 * fetched, and again when it is staged.
 * @param active hashes of the packages that slots run
 * @returns what the store has to do: `adopt` newer ones, or nothing, as they are the `same`
 * @throws StageError stage_metadata_rolled_back | stage_metadata_forked | stage_active_unlisted; PackageError
 */
export async function verifyAdoption(
  store: ModelStore,
  imageBytes: Uint8Array,
  active: readonly string[],
  trust: KeeperTrust,
): Promise<'adopt' | 'same'> {
  const next = await verifyImageTargets(imageBytes, trust.vendor)
  const current = await currentImage(store, trust)
  if (current !== undefined) {
    // TUF 1.0 §5.6.4: the version of targets metadata only rises, so that nobody brings back what was withdrawn.
    if (next.version < current.image.version) throw new StageError('stage_metadata_rolled_back')
    if (next.version === current.image.version) {
      if (!current.bytes.equals(imageBytes)) throw new StageError('stage_metadata_forked')
      return 'same'
    }
  }
  for (const packageHash of active) await verifyStillListed(store, packageHash, next, trust)
  return 'adopt'
}

/** What the vendor said last, here or in the store: another job may have brought something newer since this one began. */
export async function newestTargets(
  store: ModelStore,
  imageBytes: Uint8Array,
  trust: KeeperTrust,
): Promise<Uint8Array> {
  const { version } = await verifyImageTargets(imageBytes, trust.vendor)
  const current = await currentImage(store, trust)
  return current !== undefined && current.image.version > version ? current.bytes : imageBytes
}

/**
 * A model that runs must not be lost by an omission: with the new targets it could not be loaded again. Listed as
 * revoked it is named, which is what a vendor does who wants it gone. A release whose own grant does not hold any more
 * could not be loaded anyway, and does not stand in the way of its cure.
 */
async function verifyStillListed(
  store: ModelStore,
  packageHash: string,
  next: ImageTargets,
  trust: KeeperTrust,
): Promise<void> {
  const grant = await soundGrant(store, packageHash, trust)
  if (grant === undefined) return
  try {
    agreedTarget(next, grant)
  } catch (cause) {
    throw new StageError('stage_active_unlisted', { about: grant.name, cause })
  }
}

/** Undefined where there are none, or none that the vendor's pinned key has signed: then there is nothing to hold on to. */
async function currentImage(
  store: ModelStore,
  trust: KeeperTrust,
): Promise<{ image: ImageTargets; bytes: Buffer } | undefined> {
  if (!existsSync(store.image)) return undefined
  try {
    const bytes = readRegularFile(store.image, MAX_IMAGE_BYTES)
    return { image: await verifyImageTargets(bytes, trust.vendor), bytes }
  } catch (error) {
    if (isWardstoneError(error)) return undefined
    throw error
  }
}
