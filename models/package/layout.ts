import { sha256 } from '../../device/crypto/bulk.ts'
import { chunkCount, chunkLength, chunkOffset, ciphertextLength } from './container.ts'
import { PackageError } from './errors.ts'
import type { ReadRange } from './header.ts'
import type { ManifestFile } from './manifest.ts'

/**
 * The files fill the payload one after the other, from its first byte to its last: no gap, no overlap, nothing left
 * over, so every byte of a package has exactly one meaning. Each role occurs once and there is a model.
 * @throws PackageError package_layout_invalid | package_file_missing
 */
export function verifyLayout(files: readonly ManifestFile[], payloadBytes: number): void {
  const roles = new Set<string>()
  let end = 0
  for (const file of files) {
    if (roles.has(file.role)) throw new PackageError('package_layout_invalid', { about: `${file.role} occurs twice` })
    roles.add(file.role)
    if (file.offset !== end) throw new PackageError('package_layout_invalid', { about: `offset of ${file.role}` })
    if (file.chunks.length !== chunkCount(file.length))
      throw new PackageError('package_layout_invalid', { about: `chunks of ${file.role}` })
    end += ciphertextLength(file)
    if (end > payloadBytes) throw new PackageError('package_layout_invalid', { about: `length of ${file.role}` })
  }
  if (end !== payloadBytes) throw new PackageError('package_layout_invalid', { about: 'bytes after the last file' })
  if (!roles.has('model')) throw new PackageError('package_file_missing', { about: 'model' })
}

/**
 * Compares every ciphertext chunk with the manifest, in one pass; the layout must have been verified.
 * A chunk that the manifest lists elsewhere was moved; one that it lists nowhere was changed.
 * @returns the finding, or undefined when each chunk is the one listed at its place.
 */
export function chunkFinding(
  read: ReadRange,
  payloadOffset: number,
  files: readonly ManifestFile[],
): PackageError | undefined {
  const listed = new Set(files.flatMap((file) => file.chunks))
  let moved: PackageError | undefined
  for (const file of files) {
    for (const [chunk, expected] of file.chunks.entries()) {
      const about = `${file.role}, chunk ${chunk}`
      const found = sha256(read(payloadOffset + chunkOffset(file, chunk), chunkLength(file, chunk))).toString('hex')
      if (found === expected) continue
      if (!listed.has(found)) return new PackageError('package_chunk_corrupt', { about })
      moved ??= new PackageError('package_chunk_reordered', { about })
    }
  }
  return moved
}
