import type { HpkeRecipient } from '../../device/crypto/hpke.ts'
import type { Verifier } from '../../device/crypto/signing.ts'
import { decryptFile } from './container.ts'
import { diagnose } from './diagnose.ts'
import { PackageError } from './errors.ts'
import { hashFile } from './file-hash.ts'
import { unwrapContentKey } from './grant-key.ts'
import { type Container, readContainer } from './header.ts'
import { verifyLayout } from './layout.ts'
import { type FileRole, type Manifest, parseManifest } from './manifest.ts'
import {
  type AgreedTarget,
  agreedTarget,
  type VersionFloor,
  verifyDevice,
  verifyFloor,
  verifyIdentity,
  verifyLength,
  verifyNotExpired,
  verifyNotRevoked,
} from './policy.ts'
import { openRegularFile, type RegularFile, readRange, readRegularFile } from './regular-file.ts'
import { verifyRuntimeRange } from './runtime-range.ts'
import { MAX_GRANT_BYTES, MAX_IMAGE_BYTES, verifyGrant, verifyImageTargets } from './targets.ts'

export interface PackagePaths {
  readonly package: string
  readonly image: string
  readonly grant: string
}

/** What the device holds to be true before it reads anything. */
export interface PackageTrust {
  readonly vendor: Verifier
  readonly fleet: Verifier
  readonly deviceId: string
  readonly recipient: HpkeRecipient
  readonly runtimeVersion: string
  readonly nowMs: number
  /** Highest release counter activated for this model on this device with its package hash, or undefined. */
  floor(modelId: string): VersionFloor | undefined
  /** True when exactly this package went live here before: expiry then no longer blocks it (expired metadata never stops a running model). */
  wasActivated(packageHash: string): boolean
}

export interface OpenedPackage {
  readonly manifest: Manifest
  readonly manifestHash: string
  /** SHA-256 of the whole file, lowercase hex. */
  readonly packageHash: string
  /** Open and read-only; a worker can inherit it. */
  readonly fd: number
  readonly contentKey: Uint8Array
  readonly payloadOffset: number
  /** Decrypts one file to memory and checks it. @throws PackageError package_file_missing, and those of decryptFile */
  readFile(role: FileRole): Buffer
  /** Closes the descriptor and wipes the key. */
  close(): void
}

/**
 * Everything that must hold before a package is used; each line refuses with its own code (docs/package-format.md).
 * Nothing is decrypted and no key is unwrapped before the last line, and nothing is written to disk.
 * @throws PackageError
 */
export async function openPackage(paths: PackagePaths, trust: PackageTrust): Promise<OpenedPackage> {
  // Who says so: each keeper's statement, under its pinned key and in its own role (TUF 1.0 §5.6.3).
  const image = await verifyImageTargets(readRegularFile(paths.image, MAX_IMAGE_BYTES), trust.vendor)
  const grant = await verifyGrant(readRegularFile(paths.grant, MAX_GRANT_BYTES), trust.fleet)

  // What they say: for this device, both the same, neither withdrawn nor out of date.
  verifyDevice(grant, trust.deviceId)
  const target = agreedTarget(image, grant)
  verifyNotRevoked(target)
  if (!trust.wasActivated(target.packageHash)) verifyNotExpired(image, grant, trust.nowMs)

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

    // It may run here: not older than what ran before, and made for this runtime.
    verifyFloor(target, trust.floor(target.modelId))
    verifyRuntimeRange(manifest.runtime, trust.runtimeVersion)

    // Only now the key, which opens for this device, manifest and release alone.
    const contentKey = await unwrapContentKey(trust.recipient, grant.entry.custom, grant.entry.custom)
    return openedPackage(file, container, manifest, target.packageHash, contentKey)
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

function openedPackage(
  file: RegularFile,
  container: Container,
  manifest: Manifest,
  packageHash: string,
  contentKey: Uint8Array,
): OpenedPackage {
  const { fd } = file
  const { manifestHash, payloadOffset } = container
  const salt = Buffer.from(manifest.encryption.salt, 'hex')
  const readFile = (role: FileRole): Buffer => {
    const index = manifest.files.findIndex((entry) => entry.role === role)
    const entry = manifest.files[index]
    if (entry === undefined) throw new PackageError('package_file_missing', { about: role })
    return decryptFile({ fd, payloadOffset, file: entry, index, contentKey, salt })
  }
  const close = (): void => {
    file.close()
    contentKey.fill(0)
  }
  return { manifest, manifestHash, packageHash, fd, contentKey, payloadOffset, readFile, close }
}
