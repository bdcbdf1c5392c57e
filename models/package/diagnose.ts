import { PackageError } from './errors.ts'
import { type ReadRange, readContainer } from './header.ts'
import { chunkFinding, verifyLayout } from './layout.ts'
import { parseManifest } from './manifest.ts'

/**
 * Says what is wrong with a package whose hash is not the signed one. It is refused whatever comes out: this only
 * chooses the name of the refusal. One pass over the file, one chunk in memory at a time.
 * @param signedManifestHash what both keepers signed, lowercase hex.
 */
export function diagnose(read: ReadRange, sizeBytes: number, signedManifestHash: string): PackageError {
  try {
    const container = readContainer(read, sizeBytes)
    if (container.manifestHash !== signedManifestHash) return new PackageError('package_manifest_corrupt')
    const manifest = parseManifest(container.manifestBytes)
    verifyLayout(manifest.files, container.payloadBytes)
    const finding = chunkFinding(read, container.payloadOffset, manifest.files)
    return finding ?? new PackageError('package_hash_mismatch')
  } catch (error) {
    if (error instanceof PackageError) return error
    throw error
  }
}
