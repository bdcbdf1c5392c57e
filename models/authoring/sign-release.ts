import { KEY_BYTES } from '../../device/crypto/bulk.ts'
import type { CryptoProvider } from '../../device/crypto/provider.ts'
import { loadSigner, loadVerifier } from '../../device/crypto/signing.ts'
import { decryptFile } from '../package/container.ts'
import { PackageError, type PackageErrorCode } from '../package/errors.ts'
import { readContainer } from '../package/header.ts'
import { inspectPackage } from '../package/inspection.ts'
import type { Manifest } from '../package/manifest.ts'
import type { PackageIdentity } from '../package/pack.ts'
import { openRegularFile, readRange } from '../package/regular-file.ts'
import {
  type ImageTargets,
  signGrant,
  signImageTargets,
  targetName,
  verifyImageTargets,
  wrapContentKey,
} from '../package/targets.ts'
import { AuthoringError } from './errors.ts'

/** A package that is whole, as both keepers are to sign it. */
export interface ReleasePackage {
  readonly path: string
  readonly identity: PackageIdentity
  readonly manifest: Manifest
}

/** @throws PackageError when it is none, or was damaged since it was packed */
export async function readReleasePackage(path: string, nowMs: number): Promise<ReleasePackage> {
  const { manifest, package: facts, refusal } = await inspectPackage(path, {}, nowMs)
  if (refusal !== null) throw new PackageError(refusal.code as PackageErrorCode)
  const { modelId, version, releaseCounter } = manifest
  const hashes = { manifestHash: facts.manifestSha256, packageHash: facts.sha256 }
  return { path, identity: { modelId, version, releaseCounter, ...hashes, lengthBytes: facts.bytes }, manifest }
}

export interface VendorHand {
  readonly signingKeyPem: string
  readonly expiresAtMs: number
  /** The statement before this one, and the public key that must have signed it. */
  readonly previous?: { readonly bytes: Uint8Array; readonly publicKeyPem: string } | undefined
}

/**
 * The vendor's next statement: what the one before it lists, revocations too, and this package.
 * @throws PackageError for a statement that is not the vendor's; AuthoringError authoring_release_listed
 */
export async function signVendor(
  { identity }: Pick<ReleasePackage, 'identity'>,
  { signingKeyPem, expiresAtMs, previous }: VendorHand,
  provider: CryptoProvider,
): Promise<{ readonly bytes: Uint8Array; readonly version: number }> {
  const signer = await loadSigner(provider, signingKeyPem)
  const before =
    previous && (await verifyImageTargets(previous.bytes, await loadVerifier(provider, previous.publicKeyPem)))
  const kept = before === undefined ? [] : listed(before)
  const same = kept.find((one) => targetName(one) === targetName(identity))
  // Whatever runs under this name somewhere would vanish from the list, or come back after it was revoked.
  if (same !== undefined && (same.revoked || same.packageHash !== identity.packageHash))
    throw new AuthoringError('authoring_release_listed', { about: targetName(identity) })
  const packages = same === undefined ? [...kept, identity] : kept
  const version = (before?.version ?? 0) + 1
  return { bytes: await signImageTargets(signer, { version, expiresAtMs, packages }), version }
}

function listed({ targets }: ImageTargets): (PackageIdentity & { readonly revoked: boolean })[] {
  return Object.values(targets).map(({ length, hashes, custom }) => {
    const { modelId, version, releaseCounter, manifestHash, revoked } = custom
    const bytes = { packageHash: hashes.sha256, lengthBytes: length }
    return { modelId, version, releaseCounter, manifestHash, ...bytes, revoked: revoked === 1 }
  })
}

export interface FleetHand {
  readonly signingKeyPem: string
  readonly expiresAtMs: number
  readonly deviceId: string
  /** Of the device, for packages: a point of P-256, uncompressed. */
  readonly devicePublicKey: Uint8Array
  /** Wiped before this returns. */
  readonly contentKey: Uint8Array
}

/**
 * The fleet's statement: this device may open this package, with this key.
 * @throws AuthoringError authoring_key_wrong when the key opens nothing of it: no device could
 */
export async function signFleet(
  release: ReleasePackage,
  hand: FleetHand,
  provider: CryptoProvider,
): Promise<Uint8Array> {
  const { identity } = release
  const { signingKeyPem, expiresAtMs, deviceId, devicePublicKey, contentKey } = hand
  try {
    verifyContentKey(release, contentKey)
    const signer = await loadSigner(provider, signingKeyPem)
    const { manifestHash, releaseCounter } = identity
    const context = { deviceId, manifestHash, releaseCounter, contentKey }
    const wrappedKey = await wrapContentKey(provider, devicePublicKey, context)
    return await signGrant(signer, { version: 1, expiresAtMs, deviceId, package: identity, wrappedKey })
  } finally {
    contentKey.fill(0)
  }
}

/** Opens the smallest file: each has the same key behind it. */
function verifyContentKey({ path, manifest: { files, encryption } }: ReleasePackage, contentKey: Uint8Array): void {
  const wrong = (cause?: unknown) => new AuthoringError('authoring_key_wrong', { cause })
  if (contentKey.length !== KEY_BYTES) throw wrong()
  const [least, ...others] = files.map((file, index) => ({ file, index }))
  const smallest = others.reduce((one, other) => (one && other.file.length >= one.file.length ? one : other), least)
  if (smallest === undefined) throw wrong()
  const file = openRegularFile(path)
  try {
    const { payloadOffset } = readContainer((at, length) => readRange(file.fd, at, length), file.sizeBytes)
    decryptFile({ ...smallest, fd: file.fd, payloadOffset, contentKey, salt: Buffer.from(encryption.salt, 'hex') })
  } catch (cause) {
    if (cause instanceof PackageError) throw wrong(cause)
    throw cause
  } finally {
    file.close()
  }
}
