import { KEY_BYTES, sha256 } from '../../device/crypto/bulk.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { externalData } from '../onnx/external-data.ts'
import { ciphertextLength, sealFile } from './container.ts'
import { PackageError } from './errors.ts'
import { encodeHeader } from './header.ts'
import { verifyLayout } from './layout.ts'
import { type FileRole, MAX_MANIFEST_BYTES, type Manifest, type ManifestFile, parseManifest } from './manifest.ts'

/** What a model's maker brings: the manifest without what packing adds, and the files in the order they will lie. */
export interface PackageDraft {
  readonly manifest: Omit<Manifest, 'files' | 'encryption' | 'schemaVersion'>
  readonly files: readonly { readonly role: FileRole; readonly content: Uint8Array }[]
}

export interface PackedPackage {
  readonly bytes: Uint8Array
  readonly manifest: Manifest
  /** SHA-256 of the manifest's canonical bytes, lowercase hex. */
  readonly manifestHash: string
  /** SHA-256 of the whole package, lowercase hex. */
  readonly packageHash: string
  /** 32 bytes, for the fleet to wrap per device; the caller wipes it. */
  readonly contentKey: Uint8Array
}

/** What signed metadata say about a package. */
export interface PackageIdentity {
  readonly modelId: string
  readonly version: string
  readonly releaseCounter: number
  readonly manifestHash: string
  readonly packageHash: string
  readonly lengthBytes: number
}

/**
 * Encrypts files under a content key and salt drawn for this pack alone, and writes the package, all in memory.
 * @throws PackageError package_manifest_invalid | package_layout_invalid | package_file_missing | package_model_external
 */
export function packModel(draft: PackageDraft, randomness: Randomness): PackedPackage {
  for (const { role, content } of draft.files) {
    if (role === 'model' && externalData(content) === 'external data') throw new PackageError('package_model_external')
  }
  const contentKey = randomness.bytes(KEY_BYTES)
  const salt = randomness.bytes(KEY_BYTES)
  const sealed = draft.files.map(({ content }, index) => sealFile(content, index, contentKey, salt))
  const payload = Buffer.concat(sealed.flat())
  const manifestBytes = encodeManifest({
    ...draft.manifest,
    schemaVersion: 1,
    encryption: { suite: 'HKDF-SHA256+AES-256-GCM-STREAM-1MiB', salt: salt.toString('hex') },
    files: describeFiles(draft.files, sealed),
  })
  const manifest = parseManifest(manifestBytes)
  verifyLayout(manifest.files, payload.length)
  const bytes = Buffer.concat([encodeHeader(manifestBytes.length), manifestBytes, payload])
  const hex = (data: Uint8Array) => sha256(data).toString('hex')
  return { bytes, manifest, manifestHash: hex(manifestBytes), packageHash: hex(bytes), contentKey }
}

export function packageIdentity(packed: PackedPackage): PackageIdentity {
  const { modelId, version, releaseCounter } = packed.manifest
  const { manifestHash, packageHash, bytes } = packed
  return { modelId, version, releaseCounter, manifestHash, packageHash, lengthBytes: bytes.length }
}

function encodeManifest(manifest: Manifest): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = canonicalBytes(manifest)
  } catch (cause) {
    throw new PackageError('package_manifest_invalid', { cause })
  }
  if (bytes.length > MAX_MANIFEST_BYTES) throw new PackageError('package_manifest_invalid', { about: 'too long' })
  return bytes
}

function describeFiles(files: PackageDraft['files'], sealed: readonly Buffer[][]): ManifestFile[] {
  let offset = 0
  return files.map(({ role, content }, index) => {
    const chunks = (sealed[index] ?? []).map((chunk) => sha256(chunk).toString('hex'))
    const file = { role, offset, length: content.length, sha256: sha256(content).toString('hex'), chunks }
    offset += ciphertextLength(file)
    return file
  })
}
