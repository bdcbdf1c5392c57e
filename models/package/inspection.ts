import type { Verifier } from '../../device/crypto/signing.ts'
import { PackageError } from './errors.ts'
import { hashFile } from './file-hash.ts'
import { CONTAINER_VERSION, readContainer } from './header.ts'
import { chunkFinding, verifyLayout } from './layout.ts'
import { type Manifest, parseManifest } from './manifest.ts'
import { openRegularFile, type RegularFile, readRange, readRegularFile } from './regular-file.ts'
import { MAX_GRANT_BYTES, MAX_IMAGE_BYTES, targetName, verifyGrant, verifyImageTargets } from './targets.ts'

/** A keeper's statement to hold the package to, and the key to hold the statement to. */
export interface StatementSource {
  readonly path: string
  readonly verifier: Verifier
}

export interface StatementReport {
  readonly signedBy: string
  readonly expires: string
  /** Whom a grant is for; null for image targets. */
  readonly deviceId: string | null
}

/** What can be said of a package without opening it. */
export interface Inspection {
  readonly package: {
    readonly containerVersion: number
    readonly bytes: number
    readonly payloadBytes: number
    readonly chunks: number
    readonly sha256: string
    readonly manifestSha256: string
  }
  /** null: not given, so not checked; `refused`: given, but not a statement of that keeper. */
  readonly image: StatementReport | 'refused' | null
  readonly grant: StatementReport | 'refused' | null
  /** The first reason why a device would refuse this package, as far as was looked; null when there is none. */
  readonly refusal: { readonly code: string; readonly message: string } | null
  readonly manifest: Manifest
}

type Facts = Pick<Inspection, 'package' | 'manifest'>

/**
 * Reads a package without any key of the device: structure, every ciphertext chunk against the manifest, and the
 * statements that were given. Nothing is decrypted.
 * @throws PackageError when it cannot be read as a package at all; later findings are in `refusal`.
 */
export async function inspectPackage(
  path: string,
  statements: { readonly image?: StatementSource | undefined; readonly grant?: StatementSource | undefined },
  nowMs: number,
): Promise<Inspection> {
  const file = openRegularFile(path)
  try {
    const { facts, finding } = await readFacts(file)
    const image = await tryStatement(() => imageReport(statements.image, facts, nowMs))
    const grant = await tryStatement(() => grantReport(statements.grant, facts, nowMs))
    const refused = finding ?? image.refusal ?? grant.refusal
    const refusal = refused === undefined ? null : { code: refused.code, message: refused.message }
    return { ...facts, image: image.report, grant: grant.report, refusal }
  } finally {
    file.close()
  }
}

async function readFacts(file: RegularFile): Promise<{ facts: Facts; finding: PackageError | undefined }> {
  const read = (position: number, length: number) => readRange(file.fd, position, length)
  const { manifestBytes, manifestHash, payloadOffset, payloadBytes } = readContainer(read, file.sizeBytes)
  const manifest = parseManifest(manifestBytes)
  verifyLayout(manifest.files, payloadBytes)
  const chunks = manifest.files.reduce((sum, { chunks }) => sum + chunks.length, 0)
  const sha256 = await hashFile(file.fd, file.sizeBytes)
  const sizes = { bytes: file.sizeBytes, payloadBytes, chunks }
  const facts = {
    package: { containerVersion: CONTAINER_VERSION, ...sizes, sha256, manifestSha256: manifestHash },
    manifest,
  }
  return { facts, finding: chunkFinding(read, payloadOffset, manifest.files) }
}

interface StatementOutcome {
  readonly report: StatementReport | 'refused' | null
  readonly refusal: PackageError | undefined
}

async function imageReport(
  source: StatementSource | undefined,
  facts: Facts,
  nowMs: number,
): Promise<StatementOutcome> {
  if (source === undefined) return { report: null, refusal: undefined }
  const image = await verifyImageTargets(readRegularFile(source.path, MAX_IMAGE_BYTES), source.verifier)
  const report = { signedBy: source.verifier.keyId, expires: image.expires, deviceId: null }
  const entry = image.targets[targetName(facts.manifest)]
  if (entry === undefined) return { report, refusal: new PackageError('package_target_missing') }
  const revoked = entry.custom.revoked === 1 ? new PackageError('package_revoked') : undefined
  return { report, refusal: difference(entry, facts) ?? revoked ?? expiry(image.expires, 'image targets', nowMs) }
}

async function grantReport(
  source: StatementSource | undefined,
  facts: Facts,
  nowMs: number,
): Promise<StatementOutcome> {
  if (source === undefined) return { report: null, refusal: undefined }
  const grant = await verifyGrant(readRegularFile(source.path, MAX_GRANT_BYTES), source.verifier)
  const report = { signedBy: source.verifier.keyId, expires: grant.expires, deviceId: grant.entry.custom.deviceId }
  const missing = grant.name === targetName(facts.manifest) ? undefined : new PackageError('package_target_missing')
  return { report, refusal: missing ?? difference(grant.entry, facts) ?? expiry(grant.expires, 'grant', nowMs) }
}

async function tryStatement(report: () => Promise<StatementOutcome>): Promise<StatementOutcome> {
  try {
    return await report()
  } catch (error) {
    if (error instanceof PackageError) return { report: 'refused', refusal: error }
    throw error
  }
}

interface SignedEntry {
  readonly length: number
  readonly hashes: { readonly sha256: string }
  readonly custom: { readonly manifestHash: string; readonly releaseCounter: number }
}

/** How the package differs from what was signed about it. */
function difference(entry: SignedEntry, facts: Facts): PackageError | undefined {
  const { bytes, sha256, manifestSha256 } = facts.package
  if (bytes < entry.length) return new PackageError('package_truncated')
  if (bytes > entry.length) return new PackageError('package_oversized')
  if (manifestSha256 !== entry.custom.manifestHash) return new PackageError('package_manifest_corrupt')
  if (sha256 !== entry.hashes.sha256) return new PackageError('package_hash_mismatch')
  if (facts.manifest.releaseCounter !== entry.custom.releaseCounter)
    return new PackageError('package_identity_mismatch', { about: 'releaseCounter' })
  return undefined
}

function expiry(expires: string, about: string, nowMs: number): PackageError | undefined {
  return nowMs < Date.parse(expires) ? undefined : new PackageError('package_grant_expired', { about })
}
