import { createHash } from 'node:crypto'
import {
  aesGcmOpen,
  aesGcmSeal,
  hkdfSha256,
  KEY_BYTES,
  NONCE_BYTES,
  sha256,
  TAG_BYTES,
} from '../../device/crypto/bulk.ts'
import { PackageError } from './errors.ts'
import type { ManifestFile } from './manifest.ts'
import { fillFrom } from './regular-file.ts'

/**
 * How one file lies encrypted in the payload; docs/package-format.md is the specification. The isolated inference
 * worker imports this module, so it imports nothing but hashing, AES-GCM and reading from a descriptor.
 */
export const CHUNK_BYTES = 1024 * 1024
const FILE_KEY_LABEL = Buffer.from('wardstone/v1/file', 'ascii')

export interface FileSource {
  readonly fd: number
  /** Where the payload starts in the package, in bytes. */
  readonly payloadOffset: number
  readonly file: ManifestFile
  /** Place of the file in the manifest's list, from zero: part of its key. */
  readonly index: number
  readonly contentKey: Uint8Array
  readonly salt: Uint8Array
}

/** A file of n bytes has ⌈n / 1 MiB⌉ chunks; an empty file has one empty chunk. */
export function chunkCount(plaintextBytes: number): number {
  return Math.max(1, Math.ceil(plaintextBytes / CHUNK_BYTES))
}

/** Bytes a file takes in the payload: its plaintext and one tag per chunk. */
export function ciphertextLength(file: Pick<ManifestFile, 'length' | 'chunks'>): number {
  return file.length + file.chunks.length * TAG_BYTES
}

/** Ciphertext bytes of one chunk, tag included. */
export function chunkLength(file: Pick<ManifestFile, 'length'>, chunk: number): number {
  return Math.min(CHUNK_BYTES, file.length - chunk * CHUNK_BYTES) + TAG_BYTES
}

/** Offset of a chunk in the payload. */
export function chunkOffset(file: Pick<ManifestFile, 'offset'>, chunk: number): number {
  return file.offset + chunk * (CHUNK_BYTES + TAG_BYTES)
}

/** Encrypts one file: its chunks, in order. Each content key is drawn for one pack, so no key and nonce meet twice. */
export function sealFile(content: Uint8Array, index: number, contentKey: Uint8Array, salt: Uint8Array): Buffer[] {
  const key = fileKey(contentKey, salt, index)
  const count = chunkCount(content.length)
  const seal = (_: unknown, chunk: number) =>
    aesGcmSeal(
      key,
      chunkNonce(chunk, chunk === count - 1),
      content.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES),
    )
  try {
    return Array.from({ length: count }, seal)
  } finally {
    key.fill(0)
  }
}

/**
 * Decrypts exactly one file into memory. Every chunk must be the one the manifest lists (hash), authentic under the
 * file's key at its place (AES-GCM, nonce = place ‖ last), and the whole must be the plaintext the manifest describes.
 * @throws PackageError package_truncated | package_unreadable | package_layout_invalid | package_chunk_corrupt |
 * package_decrypt_failed | package_plaintext_mismatch; nothing decrypted is left behind then.
 */
export function decryptFile(source: FileSource): Buffer {
  const { file } = source
  if (file.chunks.length !== chunkCount(file.length))
    throw new PackageError('package_layout_invalid', { about: file.role })
  const key = fileKey(source.contentKey, source.salt, source.index)
  const plaintext = Buffer.alloc(file.length)
  try {
    decryptChunks(source, key, plaintext)
    return plaintext
  } catch (error) {
    plaintext.fill(0)
    throw error
  } finally {
    key.fill(0)
  }
}

function decryptChunks(source: FileSource, key: Buffer, plaintext: Buffer): void {
  const { fd, payloadOffset, file } = source
  const whole = createHash('sha256')
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, file.length) + TAG_BYTES)
  for (const [chunk, expected] of file.chunks.entries()) {
    const sealed = buffer.subarray(0, chunkLength(file, chunk))
    fillFrom(fd, payloadOffset + chunkOffset(file, chunk), sealed)
    const about = `${file.role}, chunk ${chunk}`
    if (sha256(sealed).toString('hex') !== expected) throw new PackageError('package_chunk_corrupt', { about })
    const opened = openChunk(key, chunkNonce(chunk, chunk === file.chunks.length - 1), sealed, about)
    opened.copy(plaintext, chunk * CHUNK_BYTES)
    whole.update(opened)
    opened.fill(0)
  }
  if (whole.digest('hex') !== file.sha256) throw new PackageError('package_plaintext_mismatch', { about: file.role })
}

function openChunk(key: Buffer, nonce: Buffer, sealed: Buffer, about: string): Buffer {
  try {
    return aesGcmOpen(key, nonce, sealed)
  } catch (cause) {
    throw new PackageError('package_decrypt_failed', { cause, about })
  }
}

/** HKDF-SHA256 (RFC 5869) with info = label ‖ u32 big-endian index: no two files share a key. */
function fileKey(contentKey: Uint8Array, salt: Uint8Array, index: number): Buffer {
  const info = Buffer.alloc(FILE_KEY_LABEL.length + 4)
  FILE_KEY_LABEL.copy(info)
  info.writeUInt32BE(index, FILE_KEY_LABEL.length)
  return hkdfSha256(contentKey, salt, info, KEY_BYTES)
}

/** STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): 88-bit big-endian counter ‖ last flag, so order and end are authentic. */
function chunkNonce(chunk: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUIntBE(chunk, 5, 6)
  nonce[NONCE_BYTES - 1] = last ? 1 : 0
  return nonce
}
