import type { HpkeRecipient } from '../../device/crypto/hpke.ts'
import { decryptFile } from './container.ts'
import { PackageError } from './errors.ts'
import { unwrapContentKey } from './grant-key.ts'
import type { Container } from './header.ts'
import type { FileRole, Manifest } from './manifest.ts'
import { type VersionFloor, verifyFloor, verifyImageVersion } from './policy.ts'
import type { RegularFile } from './regular-file.ts'
import { verifyRuntimeRange } from './runtime-range.ts'
import { type PackagePaths, type SignatureTrust, verifyPackage } from './verify.ts'

export type { PackagePaths } from './verify.ts'

/** What the device holds to be true before it reads anything. */
export interface PackageTrust extends SignatureTrust {
  readonly recipient: HpkeRecipient
  readonly runtimeVersion: string
  /** Highest release counter activated for this model on this device with its package hash, or undefined. */
  floor(modelId: string): VersionFloor | undefined
  /** Highest version of the image targets that this device has acted on; 0 when none. */
  readonly imageVersion: number
}

export interface OpenedPackage {
  readonly manifest: Manifest
  readonly manifestHash: string
  /** SHA-256 of the whole file, lowercase hex. */
  readonly packageHash: string
  /** Version of the image targets that list it. */
  readonly imageVersion: number
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
  // Both keepers signed it for this device, it still holds, and the bytes are those, whole and with one reading.
  const { file, container, manifest, target, image, grant } = await verifyPackage(paths, trust)
  try {
    // The vendor has said nothing newer here: what was revoked since stays revoked.
    verifyImageVersion(image, trust.imageVersion)

    // It may run here: not older than what ran before, and made for this runtime.
    verifyFloor(target, trust.floor(target.modelId))
    verifyRuntimeRange(manifest.runtime, trust.runtimeVersion)

    // Only now the key, which opens for this device, manifest and release alone.
    const contentKey = await unwrapContentKey(trust.recipient, grant.entry.custom, grant.entry.custom)
    const opened = openedPackage(file, container, manifest, target.packageHash, contentKey)
    return { ...opened, imageVersion: image.version }
  } catch (error) {
    file.close()
    throw error
  }
}

function openedPackage(
  file: RegularFile,
  container: Container,
  manifest: Manifest,
  packageHash: string,
  contentKey: Uint8Array,
): Omit<OpenedPackage, 'imageVersion'> {
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
