import type { Verifier } from '../../device/crypto/signing.ts'
import { diagnose } from './diagnose.ts'
import { PackageError } from './errors.ts'
import { hashFile } from './file-hash.ts'
import { type Container, readContainer } from './header.ts'
import { verifyLayout } from './layout.ts'
import { type Manifest, parseManifest } from './manifest.ts'
import {
  type AgreedTarget,
  agreedTarget,
  verifyDevice,
  verifyIdentity,
  verifyLength,
  verifyNotExpired,
  verifyNotRevoked,
} from './policy.ts'
import { openRegularFile, type RegularFile, readRange, readRegularFile } from './regular-file.ts'
import {
  type Grant,
  type ImageTargets,
  MAX_GRANT_BYTES,
  MAX_IMAGE_BYTES,
  verifyGrant,
  verifyImageTargets,
} from './targets.ts'

export interface PackagePaths {
  readonly package: string
  readonly image: string
  readonly grant: string
}

/** Whose statements count, and for which device they must be. */
export interface KeeperTrust {
  readonly vendor: Verifier
  readonly fleet: Verifier
  readonly deviceId: string
}

/** What judging a package needs short of opening it: no key of the device, no history of what ran. */
export interface SignatureTrust extends KeeperTrust {
  readonly nowMs: number
  /** True when exactly this package went live here before: expiry then no longer blocks it (expired metadata never stops a running model). */
  wasActivated(packageHash: string): boolean
}

/** Both statements, each under its own key, and what they agree on. */
export interface VerifiedMetadata {
  readonly image: ImageTargets
  readonly grant: Grant
  readonly target: AgreedTarget
}

/** A package whose bytes are those that were signed. Its file is open: whoever holds this closes it. */
export interface VerifiedPackage extends VerifiedMetadata {
  readonly file: RegularFile
  readonly container: Container
  readonly manifest: Manifest
}

/**
 * Who says what: each keeper's statement under its pinned key and in its own role (TUF 1.0 §5.6.3), for this device,
 * and both the same. Whether it still holds is not asked: a release that has expired or was revoked has a name, too.
 * @throws PackageError
 */
export async function verifyAgreement(
  imageBytes: Uint8Array,
  grantBytes: Uint8Array,
  trust: KeeperTrust,
): Promise<VerifiedMetadata> {
  const image = await verifyImageTargets(imageBytes, trust.vendor)
  const grant = await verifyGrant(grantBytes, trust.fleet)
  verifyDevice(grant, trust.deviceId)
  return { image, grant, target: agreedTarget(image, grant) }
}

/**
 * Everything that can be known before the package itself is there: the agreement, neither withdrawn nor out of date.
 * @throws PackageError
 */
export async function verifyMetadata(
  imageBytes: Uint8Array,
  grantBytes: Uint8Array,
  trust: SignatureTrust,
): Promise<VerifiedMetadata> {
  const metadata = await verifyAgreement(imageBytes, grantBytes, trust)
  verifyNotRevoked(metadata.target)
  if (!trust.wasActivated(metadata.target.packageHash)) verifyNotExpired(metadata.image, metadata.grant, trust.nowMs)
  return metadata
}

/**
 * Everything that must hold before the key of the device is needed; each line refuses with its own code
 * (docs/package-format.md). Nothing is decrypted and nothing is written to disk.
 * @throws PackageError
 */
export async function verifyPackage(paths: PackagePaths, trust: SignatureTrust): Promise<VerifiedPackage> {
  const imageBytes = readRegularFile(paths.image, MAX_IMAGE_BYTES)
  const grantBytes = readRegularFile(paths.grant, MAX_GRANT_BYTES)
  const metadata = await verifyMetadata(imageBytes, grantBytes, trust)
  const { target } = metadata

  const file = openRegularFile(paths.package)
  try {
    // The bytes are those that were signed, all of them and no more.
    verifyLength(file.sizeBytes, target)
    await verifyPackageHash(file, target)

    // What the bytes mean is what was signed, and has one reading.
    const container = readSignedManifest(file, target)
    const manifest = parseManifest(container.manifestBytes)
    verifyLayout(manifest.files, container.payloadBytes)
    verifyIdentity(manifest, target)
    return { ...metadata, file, container, manifest }
  } catch (error) {
    file.close()
    throw error
  }
}

/** A wrong hash is always a refusal; diagnose only finds its name. */
async function verifyPackageHash(file: RegularFile, target: AgreedTarget): Promise<void> {
  const found = await hashFile(file.fd, target.lengthBytes)
  if (found === target.packageHash) return
  throw diagnose((position, length) => readRange(file.fd, position, length), file.sizeBytes, target.manifestHash)
}

/** The manifest is read once more after the hash, so it is held to its own signed hash: these bytes are what is parsed. */
function readSignedManifest(file: RegularFile, target: AgreedTarget): Container {
  const container = readContainer((position, length) => readRange(file.fd, position, length), target.lengthBytes)
  if (container.manifestHash !== target.manifestHash) throw new PackageError('package_manifest_corrupt')
  return container
}
