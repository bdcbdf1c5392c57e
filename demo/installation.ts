import type { CryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { loadSigner, loadVerifier, type Signer } from '../device/crypto/signing.ts'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import { type PackageDraft, type PackageIdentity, packageIdentity, packModel } from '../models/package/pack.ts'
import {
  type ImageTargets,
  MAX_IMAGE_BYTES,
  signGrant,
  signImageTargets,
  targetName,
  verifyImageTargets,
  wrapContentKey,
} from '../models/package/targets.ts'
import { modelStore } from '../models/store/layout.ts'
import { placeImageTargets, placeRelease, prepareStore } from '../models/store/placement.ts'
import { readSlotPointer, type SlotPointer, writeSlotPointer } from '../models/store/pointer.ts'
import { type Site, type SiteTools, siteWriteError } from './site.ts'

const GRANT_DAYS = 365
const EVENT_BYTES = 16

/** Who signs on a development site: it plays vendor, fleet and device at once. */
export interface Keepers {
  readonly vendor: Signer
  readonly fleet: Signer
  readonly devicePublicKey: Uint8Array
}

/** A release as its keepers hand it out. */
export interface SignedRelease {
  readonly identity: PackageIdentity
  readonly package: Uint8Array
  readonly grant: Uint8Array
}

type Tools = Omit<SiteTools, 'install'>

/**
 * Packs, signs, encrypts and grants each draft, places it in the store and points its slot at it. A slot that names this release
 * of a model, or a later one, is left as it is.
 * @returns the slots of the drafts
 */
export async function installModels(
  site: Site,
  drafts: readonly PackageDraft[],
  tools: Tools,
): Promise<readonly string[]> {
  const slots = drafts.map(({ manifest }) => manifest.modelId)
  const listed = await listedTargets(site, tools.provider)
  const missing = drafts.filter(({ manifest }) => !isInstalled(site, manifest, listed))
  if (missing.length === 0) return slots
  const keepers = await loadKeepers(site, tools.provider)
  try {
    const releases: SignedRelease[] = []
    for (const draft of missing) {
      tools.progress(`Packing, signing and encrypting ${draft.manifest.modelId} ${draft.manifest.version}`)
      releases.push(await signRelease(site, draft, keepers, tools))
    }
    await fillStore(site, releases, listed, keepers.vendor, tools.randomness)
  } catch (cause) {
    throw siteWriteError(cause, site.root)
  }
  return slots
}

export async function loadKeepers(site: Site, provider: CryptoProvider): Promise<Keepers> {
  return {
    vendor: await loadSigner(provider, textOf(site, 'signing/vendor.key')),
    fleet: await loadSigner(provider, textOf(site, 'signing/fleet.key')),
    devicePublicKey: Buffer.from(textOf(site, 'device/package.pub'), 'base64'),
  }
}

/** Packs a draft, and grants it to the device of the site. */
export async function signRelease(
  site: Site,
  draft: PackageDraft,
  { fleet, devicePublicKey }: Keepers,
  { provider, randomness }: Pick<Tools, 'provider' | 'randomness'>,
): Promise<SignedRelease> {
  const packed = packModel(draft, randomness)
  const identity = packageIdentity(packed)
  const { releaseCounter, manifestHash } = identity
  const context = { deviceId: site.deviceId, manifestHash, releaseCounter, contentKey: packed.contentKey }
  const wrappedKey = await wrapContentKey(provider, devicePublicKey, context)
  packed.contentKey.fill(0)
  const { deviceId } = site
  const grant = await signGrant(fleet, {
    version: 1,
    expiresAtMs: expiryMs(),
    deviceId,
    package: identity,
    wrappedKey,
  })
  return { identity, package: packed.bytes, grant }
}

/** The vendor's statement over all packages of the site: those that are listed, and the new ones. */
export function signTargets(
  vendor: Signer,
  listed: ImageTargets | undefined,
  added: readonly PackageIdentity[],
): Promise<Uint8Array> {
  const names = new Set(added.map(targetName))
  const kept = Object.entries(listed?.targets ?? {}).flatMap(([name, entry]) => {
    const { modelId, version, releaseCounter, manifestHash, revoked } = entry.custom
    const identity = { modelId, version, releaseCounter, manifestHash }
    const bytes = { packageHash: entry.hashes.sha256, lengthBytes: entry.length }
    return names.has(name) ? [] : [{ ...identity, ...bytes, revoked: revoked === 1 }]
  })
  const version = (listed?.version ?? 0) + 1
  return signImageTargets(vendor, { version, expiresAtMs: expiryMs(), packages: [...kept, ...added] })
}

async function fillStore(
  site: Site,
  releases: readonly SignedRelease[],
  listed: ImageTargets | undefined,
  vendor: Signer,
  randomness: Randomness,
): Promise<void> {
  const store = modelStore(site.path('store'))
  prepareStore(store)
  for (const release of releases) placeRelease(store, { ...release, packageHash: release.identity.packageHash })
  const identities = releases.map(({ identity }) => identity)
  placeImageTargets(store, await signTargets(vendor, listed, identities))
  for (const { modelId, packageHash } of identities) {
    const event = Buffer.from(randomness.bytes(EVENT_BYTES)).toString('hex')
    const previous = pointerOf(site, modelId)?.active ?? null
    const pointer = { v: 1, slot: modelId, event, change: 'activate', active: packageHash, previous } as const
    writeSlotPointer(store, { ...pointer, by: 'development-site' })
  }
}

/** What the vendor has signed for the site so far. What cannot be read is left to the runtime, which names the fault. */
export async function listedTargets(site: Site, provider: CryptoProvider): Promise<ImageTargets | undefined> {
  try {
    const vendor = await loadVerifier(provider, textOf(site, 'signing/vendor.pub'))
    return await verifyImageTargets(readFileBounded(modelStore(site.path('store')).image, MAX_IMAGE_BYTES), vendor)
  } catch {
    return undefined
  }
}

function isInstalled(
  site: Site,
  { modelId, releaseCounter }: PackageDraft['manifest'],
  listed: ImageTargets | undefined,
): boolean {
  const pointer = pointerOf(site, modelId)
  if (pointer === undefined) return false
  if (listed === undefined) return true
  const runs = Object.values(listed.targets).find(({ hashes }) => hashes.sha256 === pointer.active)
  return runs === undefined || runs.custom.releaseCounter >= releaseCounter
}

function pointerOf(site: Site, slot: string): SlotPointer | undefined {
  try {
    return readSlotPointer(modelStore(site.path('store')), slot)
  } catch {
    return undefined
  }
}

function expiryMs(): number {
  return Date.now() + GRANT_DAYS * 86_400_000
}

function textOf(site: Site, name: string): string {
  return readFileBounded(site.path(name), 65_536).toString('utf8')
}
