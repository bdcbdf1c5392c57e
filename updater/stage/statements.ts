import { isWardstoneError } from '../../device/platform/errors.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { type Grant, MAX_GRANT_BYTES, MAX_IMAGE_BYTES, verifyGrant } from '../../models/package/targets.ts'
import { type KeeperTrust, type VerifiedMetadata, verifyAgreement } from '../../models/package/verify.ts'
import { type ModelStore, releasePaths } from '../../models/store/layout.ts'

/** The grant of a release in the store, where it is one: the fleet's, for this device and this package. */
export async function soundGrant(
  store: ModelStore,
  packageHash: string,
  trust: KeeperTrust,
): Promise<Grant | undefined> {
  try {
    const grant = await verifyGrant(readGrant(store, packageHash), trust.fleet)
    const { hashes, custom } = grant.entry
    const isOurs = hashes.sha256 === packageHash && custom.deviceId === trust.deviceId
    return isOurs ? grant : undefined
  } catch (error) {
    if (isWardstoneError(error)) return undefined
    throw error
  }
}

/** What both keepers say of a release in the store, expired or revoked or not; undefined where its statements do not hold. */
export async function storedMetadata(
  store: ModelStore,
  packageHash: string,
  trust: KeeperTrust,
): Promise<VerifiedMetadata | undefined> {
  try {
    const imageBytes = readRegularFile(store.image, MAX_IMAGE_BYTES)
    const metadata = await verifyAgreement(imageBytes, readGrant(store, packageHash), trust)
    return metadata.target.packageHash === packageHash ? metadata : undefined
  } catch (error) {
    if (isWardstoneError(error)) return undefined
    throw error
  }
}

function readGrant(store: ModelStore, packageHash: string): Buffer {
  return readRegularFile(releasePaths(store, packageHash).grant, MAX_GRANT_BYTES)
}
