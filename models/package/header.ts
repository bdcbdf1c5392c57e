import { sha256 } from '../../device/crypto/bulk.ts'
import { PackageError } from './errors.ts'
import { MAX_MANIFEST_BYTES } from './manifest.ts'

/** The fixed start of a package: magic ‖ version u32 ‖ manifest length u32, both big-endian. */
export const MAGIC = Buffer.from('WSPKG\r\n\x1a', 'latin1')
export const CONTAINER_VERSION = 1
export const HEADER_BYTES = 16

/** Returns exactly the bytes asked for. @throws PackageError package_truncated | package_unreadable */
export type ReadRange = (position: number, lengthBytes: number) => Uint8Array

/** Where the parts of a package lie, with the manifest as the bytes it was written in. */
export interface Container {
  readonly manifestBytes: Uint8Array
  /** SHA-256 of the manifest's bytes, lowercase hex. */
  readonly manifestHash: string
  readonly payloadOffset: number
  readonly payloadBytes: number
}

export function encodeHeader(manifestBytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt32BE(CONTAINER_VERSION, 8)
  header.writeUInt32BE(manifestBytes, 12)
  return header
}

/**
 * Reads header and manifest bytes; the manifest is not parsed yet. The declared length is believed only after it fits
 * both the limit and the file, so it allocates nothing it should not.
 * @throws PackageError package_truncated | package_magic_wrong | package_version_unsupported | package_header_corrupt
 */
export function readContainer(read: ReadRange, sizeBytes: number): Container {
  if (sizeBytes < HEADER_BYTES) throw new PackageError('package_truncated')
  const header = Buffer.from(read(0, HEADER_BYTES))
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw new PackageError('package_magic_wrong')
  if (header.readUInt32BE(8) !== CONTAINER_VERSION) throw new PackageError('package_version_unsupported')
  const manifestLength = header.readUInt32BE(12)
  if (manifestLength > MAX_MANIFEST_BYTES)
    throw new PackageError('package_header_corrupt', { about: 'manifest length' })
  const payloadOffset = HEADER_BYTES + manifestLength
  if (payloadOffset > sizeBytes) throw new PackageError('package_header_corrupt', { about: 'manifest length' })
  const manifestBytes = read(HEADER_BYTES, manifestLength)
  const manifestHash = sha256(manifestBytes).toString('hex')
  return { manifestBytes, manifestHash, payloadOffset, payloadBytes: sizeBytes - payloadOffset }
}
