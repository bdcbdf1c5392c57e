import { PackageError } from './errors.ts'
import type { Manifest } from './manifest.ts'
import type { Grant, ImageTargets } from './targets.ts'

/** The rules that a package must pass, one function each, over verified metadata; pure. open.ts puts them in order. */

/** What vendor and fleet both say about the package. */
export interface AgreedTarget {
  readonly name: string
  readonly lengthBytes: number
  /** Lowercase hex. */
  readonly packageHash: string
  /** Lowercase hex. */
  readonly manifestHash: string
  readonly modelId: string
  readonly version: string
  readonly releaseCounter: number
  readonly revoked: boolean
}

/** What this device has activated of a model so far. */
export interface VersionFloor {
  readonly releaseCounter: number
  readonly packageHash: string
}

/** @throws PackageError package_device_foreign */
export function verifyDevice(grant: Grant, deviceId: string): void {
  if (grant.entry.custom.deviceId !== deviceId) throw new PackageError('package_device_foreign')
}

/**
 * The fleet may only grant what the vendor has made (Uptane 5.4.4.2: director targets must match image targets in
 * length, hashes and custom members that both carry).
 * @throws PackageError package_target_missing | package_metadata_disagree
 */
export function agreedTarget(image: ImageTargets, grant: Grant): AgreedTarget {
  const vendor = image.targets[grant.name]
  if (vendor === undefined) throw new PackageError('package_target_missing')
  const fleet = grant.entry
  const differs = (about: string) => new PackageError('package_metadata_disagree', { about })
  if (vendor.hashes.sha256 !== fleet.hashes.sha256) throw differs('hash')
  if (vendor.length !== fleet.length) throw differs('length')
  if (vendor.custom.manifestHash !== fleet.custom.manifestHash) throw differs('manifest hash')
  if (vendor.custom.releaseCounter !== fleet.custom.releaseCounter) throw differs('release counter')
  const { modelId, version, releaseCounter, manifestHash, revoked } = vendor.custom
  const identity = { modelId, version, releaseCounter, manifestHash, packageHash: vendor.hashes.sha256 }
  return { ...identity, name: grant.name, lengthBytes: vendor.length, revoked: revoked === 1 }
}

/** @throws PackageError package_revoked */
export function verifyNotRevoked(target: AgreedTarget): void {
  if (target.revoked) throw new PackageError('package_revoked')
}

/** Metadata hold until, and not at, the moment they name (TUF 1.0 §5.6.5). @throws PackageError package_grant_expired */
export function verifyNotExpired(image: ImageTargets, grant: Grant, nowMs: number): void {
  if (!(nowMs < Date.parse(image.expires))) throw new PackageError('package_grant_expired', { about: 'image targets' })
  if (!(nowMs < Date.parse(grant.expires))) throw new PackageError('package_grant_expired', { about: 'grant' })
}

/** @throws PackageError package_truncated | package_oversized */
export function verifyLength(sizeBytes: number, target: AgreedTarget): void {
  if (sizeBytes < target.lengthBytes) throw new PackageError('package_truncated')
  if (sizeBytes > target.lengthBytes) throw new PackageError('package_oversized')
}

/** The manifest is of the model, version and release that were signed. @throws PackageError package_identity_mismatch */
export function verifyIdentity(manifest: Manifest, target: AgreedTarget): void {
  for (const member of ['modelId', 'version', 'releaseCounter'] as const)
    if (manifest[member] !== target[member]) throw new PackageError('package_identity_mismatch', { about: member })
}

/**
 * Image targets only get newer: older ones may not know yet what has been revoked (TUF 1.0 §5.6.4, rollback attack).
 * @param seen the highest version this device has acted on; 0 when none
 * @throws PackageError package_metadata_rolled_back
 */
export function verifyImageVersion(image: Pick<ImageTargets, 'version'>, seen: number): void {
  if (image.version < seen) throw new PackageError('package_metadata_rolled_back')
}

/**
 * A release counter only rises, and names one package for ever.
 * @throws PackageError package_downgrade | package_counter_reused
 */
export function verifyFloor(target: AgreedTarget, floor: VersionFloor | undefined): void {
  if (floor === undefined) return
  if (target.releaseCounter < floor.releaseCounter) throw new PackageError('package_downgrade')
  if (target.releaseCounter === floor.releaseCounter && target.packageHash !== floor.packageHash)
    throw new PackageError('package_counter_reused')
}
