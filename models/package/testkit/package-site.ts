import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../../../device/crypto/bulk.ts'
import { generateHpkeKey, type HpkeRecipient, loadHpkeRecipient } from '../../../device/crypto/hpke.ts'
import { type CryptoProvider, createCryptoProvider } from '../../../device/crypto/provider.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import {
  generateSigningKey,
  loadSigner,
  loadVerifier,
  type Signer,
  type Verifier,
} from '../../../device/crypto/signing.ts'
import { PackageError, type PackageErrorCode } from '../errors.ts'
import { encodeHeader } from '../header.ts'
import { type OpenedPackage, openPackage, type PackagePaths, type PackageTrust } from '../open.ts'
import { type PackageDraft, type PackageIdentity, packageIdentity, packModel } from '../pack.ts'
import { signGrant, signImageTargets, wrapContentKey } from '../targets.ts'

export const NOW_MS = Date.parse('2030-06-01T00:00:00Z')
export const EXPIRES_MS = Date.parse('2031-01-01T00:00:00Z')
export const DEVICE_ID = 'device-1'

export interface Keeper {
  readonly signer: Signer
  readonly verifier: Verifier
  readonly publicPem: string
}

/** The two keepers, a device, and a folder for the three files of a package. */
export interface PackageSite {
  readonly provider: CryptoProvider
  readonly vendor: Keeper
  readonly fleet: Keeper
  readonly recipient: HpkeRecipient
  readonly folder: string
  readonly paths: PackagePaths
  readonly trust: PackageTrust
  remove(): void
}

/** The bytes of a package with both statements. */
export interface Release {
  readonly package: Uint8Array
  readonly image: Uint8Array
  readonly grant: Uint8Array
  readonly identity: PackageIdentity
  readonly contentKey: Uint8Array
}

export interface ReleaseChanges {
  readonly imageVersion?: number
  readonly imageExpiresMs?: number
  readonly grantExpiresMs?: number
  readonly deviceId?: string
  readonly revoked?: boolean
  /** What the fleet signs, where it differs from what the vendor signs. */
  readonly granted?: Partial<PackageIdentity>
  /** What both sign, where it differs from the truth. */
  readonly signed?: Partial<PackageIdentity>
}

export async function createKeeper(provider: CryptoProvider): Promise<Keeper> {
  const { privatePem, publicPem } = await generateSigningKey(provider)
  return {
    signer: await loadSigner(provider, privatePem),
    verifier: await loadVerifier(provider, publicPem),
    publicPem,
  }
}

export async function createPackageSite(): Promise<PackageSite> {
  const provider = createCryptoProvider()
  const [vendor, fleet] = [await createKeeper(provider), await createKeeper(provider)]
  const recipient = await loadHpkeRecipient(provider, (await generateHpkeKey(provider)).privatePem)
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-package-'))
  const at = (name: string) => join(folder, name)
  const paths = { package: at('p.wspkg'), image: at('image.json'), grant: at('grant.json') }
  const trust: PackageTrust = {
    vendor: vendor.verifier,
    fleet: fleet.verifier,
    deviceId: DEVICE_ID,
    recipient,
    runtimeVersion: '0.1.0',
    nowMs: NOW_MS,
    floor: () => undefined,
    wasActivated: () => false,
    imageVersion: 0,
  }
  const remove = () => rmSync(folder, { recursive: true, force: true })
  return { provider, vendor, fleet, recipient, folder, paths, trust, remove }
}

/** Packs a draft and has both keepers sign it. */
export function release(site: PackageSite, draft: PackageDraft, changes: ReleaseChanges = {}): Promise<Release> {
  const packed = packModel(draft, systemRandomness)
  return releaseOf(site, packed.bytes, packageIdentity(packed), packed.contentKey, changes)
}

/** Has both keepers sign a package written by hand: what a careless or hostile vendor could bring. */
export function releaseForged(site: PackageSite, manifest: string | Uint8Array, payload: Uint8Array): Promise<Release> {
  const manifestBytes = Buffer.from(manifest)
  const bytes = Buffer.concat([encodeHeader(manifestBytes.length), manifestBytes, payload])
  const hex = (data: Uint8Array) => sha256(data).toString('hex')
  const named = { modelId: 'sample', version: '1.0.0', releaseCounter: 3 }
  const identity = { ...named, manifestHash: hex(manifestBytes), packageHash: hex(bytes), lengthBytes: bytes.length }
  return releaseOf(site, bytes, identity, Buffer.alloc(32, 7), {})
}

async function releaseOf(
  site: PackageSite,
  bytes: Uint8Array,
  truth: PackageIdentity,
  contentKey: Uint8Array,
  changes: ReleaseChanges,
): Promise<Release> {
  const identity = { ...truth, ...changes.signed }
  const granted = { ...identity, ...changes.granted }
  const { imageExpiresMs = EXPIRES_MS, grantExpiresMs = EXPIRES_MS, deviceId = DEVICE_ID, revoked = false } = changes
  const { manifestHash, releaseCounter } = granted
  const context = { deviceId, manifestHash, releaseCounter, contentKey }
  const wrappedKey = await wrapContentKey(site.provider, site.recipient.publicKey, context)
  const packages = [{ ...identity, revoked }]
  const version = changes.imageVersion ?? 1
  const image = await signImageTargets(site.vendor.signer, { version, expiresAtMs: imageExpiresMs, packages })
  const grantInput = { version: 1, expiresAtMs: grantExpiresMs, deviceId, package: granted, wrappedKey }
  return { package: bytes, image, grant: await signGrant(site.fleet.signer, grantInput), identity, contentKey }
}

/** Writes what is given, leaving the other files as they are. */
export function install(site: PackageSite, files: Partial<Pick<Release, 'package' | 'image' | 'grant'>>): void {
  for (const part of ['package', 'image', 'grant'] as const) {
    const bytes = files[part]
    if (bytes !== undefined) writeFileSync(site.paths[part], bytes)
  }
}

export function open(site: PackageSite, changes: Partial<PackageTrust> = {}): Promise<OpenedPackage> {
  return openPackage(site.paths, { ...site.trust, ...changes })
}

/**
 * The code with which opening was refused; `accepted` when it was not. Any error that is not a PackageError is thrown
 * on, so a test that compares the outcome fails on it.
 */
export async function outcome(
  site: PackageSite,
  changes: Partial<PackageTrust> = {},
): Promise<PackageErrorCode | 'accepted'> {
  try {
    const opened = await open(site, changes)
    opened.close()
    return 'accepted'
  } catch (error) {
    if (error instanceof PackageError) return error.code
    throw error
  }
}
