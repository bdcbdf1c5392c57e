import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { loadSigner, type Signer } from '../device/crypto/signing.ts'
import { readFileBounded, syncDirectory, writeFileAtomic } from '../device/platform/atomic-file.ts'
import { type PackageDraft, packageIdentity, packModel } from '../models/package/pack.ts'
import { MAX_IMAGE_BYTES, signGrant, signImageTargets, wrapContentKey } from '../models/package/targets.ts'
import { packageFiles, type Site, type SiteTools, siteWriteError } from './site.ts'

const GRANT_DAYS = 365

/** Who signs on a development site: it plays vendor, fleet and device at once. */
interface Keepers {
  readonly vendor: Signer
  readonly fleet: Signer
  readonly devicePublicKey: Uint8Array
}

/**
 * Packs, signs, encrypts and grants each draft, and puts it into its slot of the store. A slot that is already filled
 * with this release is left as it is.
 */
export async function installModels(
  site: Site,
  drafts: readonly PackageDraft[],
  { provider, randomness, progress }: Omit<SiteTools, 'install'>,
): Promise<readonly string[]> {
  const slots = drafts.map(({ manifest }) => manifest.modelId)
  const missing = drafts.filter(({ manifest }) => !isInstalled(site, manifest.modelId, manifest.releaseCounter))
  if (missing.length === 0) return slots
  const keepers = await loadKeepers(site, provider)
  for (const draft of missing) {
    progress(`Packing, signing and encrypting ${draft.manifest.modelId} ${draft.manifest.version}`)
    try {
      await installModel(site, draft, keepers, provider, randomness)
    } catch (cause) {
      throw siteWriteError(cause, site.root)
    }
  }
  return slots
}

async function loadKeepers(site: Site, provider: CryptoProvider): Promise<Keepers> {
  const text = (name: string) => readFileBounded(site.path(name), 65_536).toString('utf8')
  return {
    vendor: await loadSigner(provider, text('signing/vendor.key')),
    fleet: await loadSigner(provider, text('signing/fleet.key')),
    devicePublicKey: Buffer.from(text('device/package.pub'), 'base64'),
  }
}

async function installModel(
  site: Site,
  draft: PackageDraft,
  { vendor, fleet, devicePublicKey }: Keepers,
  provider: CryptoProvider,
  randomness: Randomness,
): Promise<void> {
  const packed = packModel(draft, randomness)
  const identity = packageIdentity(packed)
  const { modelId, releaseCounter, manifestHash } = identity
  const expiresAtMs = Date.now() + GRANT_DAYS * 86_400_000
  const context = { deviceId: site.deviceId, manifestHash, releaseCounter, contentKey: packed.contentKey }
  const wrappedKey = await wrapContentKey(provider, devicePublicKey, context)
  packed.contentKey.fill(0)
  const image = await signImageTargets(vendor, { version: 1, expiresAtMs, packages: [identity] })
  const grant = await signGrant(fleet, {
    version: 1,
    expiresAtMs,
    deviceId: site.deviceId,
    package: identity,
    wrappedKey,
  })
  const [packageFile, imageFile, grantFile] = packageFiles
  fillSlot(site, modelId, {
    [packageFile]: packed.bytes,
    [imageFile]: image,
    [grantFile]: grant,
  })
}

/** Written beside the slot and renamed into it, so that a slot is whole or not there. */
function fillSlot(site: Site, slot: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  const making = site.path(`store/.${slot}`)
  const place = site.path(`store/${slot}`)
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { mode: 0o700 })
  try {
    for (const [name, content] of Object.entries(files)) writeFileAtomic(`${making}/${name}`, content)
    rmSync(place, { recursive: true, force: true })
    renameSync(making, place)
    syncDirectory(site.path('store'))
  } catch (cause) {
    rmSync(making, { recursive: true, force: true })
    throw cause
  }
}

/** By what the vendor signed for the slot. What cannot be read is left to the runtime, which names the fault. */
function isInstalled(site: Site, slot: string, releaseCounter: number): boolean {
  const image = site.path(`store/${slot}/${packageFiles[1]}`)
  if (!existsSync(image)) return false
  try {
    const { signed } = JSON.parse(readFileBounded(image, MAX_IMAGE_BYTES).toString('utf8'))
    const entries = Object.values(signed.targets) as { custom: { releaseCounter: number } }[]
    return entries.every(({ custom }) => custom.releaseCounter >= releaseCounter)
  } catch {
    return true
  }
}
