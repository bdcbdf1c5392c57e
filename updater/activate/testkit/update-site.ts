import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateHpkeKey, type HpkeRecipient, loadHpkeRecipient } from '../../../device/crypto/hpke.ts'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { openChannel } from '../../../device/platform/channel.ts'
import { type PackageIdentity, packageIdentity, packModel } from '../../../models/package/pack.ts'
import { signGrant, signImageTargets, wrapContentKey } from '../../../models/package/targets.ts'
import { createKeeper, DEVICE_ID, EXPIRES_MS, type Keeper } from '../../../models/package/testkit/package-site.ts'
import { sampleDraft } from '../../../models/package/testkit/sample-draft.ts'
import { type JobAnswer, jobAnswer, type ListAnswer, listAnswer } from '../../../models/store/control-channel.ts'
import { GRANT_FILE, IMAGE_FILE, type ModelStore, modelStore, PACKAGE_FILE } from '../../../models/store/layout.ts'
import { readSlotPointer, type SlotPointer } from '../../../models/store/pointer.ts'
import type { UpdaterConfig } from '../../config.ts'
import { updaterConfigSchema } from '../../config.ts'

const provider = createCryptoProvider()
const LIMIT_MS = 25_000

export interface SampleRelease {
  readonly identity: PackageIdentity
  readonly bytes: Uint8Array
  readonly contentKey: Uint8Array
}

/** Keepers, a device and a fast configuration; releases are folders in `outside`. */
export interface UpdateSite {
  readonly folder: string
  readonly configPath: string
  readonly config: UpdaterConfig
  readonly store: ModelStore
  readonly runtimeSocket: string
  readonly controlSocket: string
  readonly leavesPath: string
  readonly vendor: Keeper
  readonly fleet: Keeper
  readonly recipient: HpkeRecipient
  remove(): void
}

export async function createUpdateSite(limits: Partial<UpdaterConfig['limits']> = {}): Promise<UpdateSite> {
  const folder = mkdtempSync(join(tmpdir(), 'updater-'))
  const at = (name: string) => join(folder, name)
  const [vendor, fleet] = [await createKeeper(provider), await createKeeper(provider)]
  const recipient = await loadHpkeRecipient(provider, (await generateHpkeKey(provider)).privatePem)
  writeFileSync(at('vendor.pub'), vendor.publicPem)
  writeFileSync(at('fleet.pub'), fleet.publicPem)
  const raw = {
    deviceId: DEVICE_ID,
    store: 'store',
    trust: { vendor: 'vendor.pub', fleet: 'fleet.pub' },
    runtime: { socket: 'run/runtime.sock' },
    control: { socket: 'run/updater.sock' },
    limits: { runtimeWaitMs: 10_000, retryMinMs: 5, retryMaxMs: 20, fetchRetryMs: 5, reserveBytes: 0, ...limits },
  }
  writeFileSync(at('updater.json'), JSON.stringify(raw))
  return {
    folder,
    configPath: at('updater.json'),
    config: updaterConfigSchema.parse(raw),
    store: modelStore(at('store')),
    runtimeSocket: at('run/runtime.sock'),
    controlSocket: at('run/updater.sock'),
    leavesPath: at('leaves'),
    vendor,
    fleet,
    recipient,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export function sampleRelease(releaseCounter: number, modelId = 'sample', modelBytes = 200_000): SampleRelease {
  const named = { modelId, version: `${releaseCounter}.0.0`, releaseCounter }
  const model = Buffer.alloc(modelBytes, releaseCounter)
  const packed = packModel(sampleDraft({ model, card: 'A card.' }, named), systemRandomness)
  return { identity: packageIdentity(packed), bytes: packed.bytes, contentKey: packed.contentKey }
}

export interface Publication {
  readonly release: SampleRelease
  /** What the vendor lists, the release itself included. */
  readonly listed: readonly (SampleRelease & { readonly revoked?: boolean })[]
  readonly imageVersion: number
  readonly grantVersion?: number
  readonly deviceId?: string
  readonly expiresAtMs?: number
  readonly imageExpiresMs?: number
}

/** @returns the folder of the release */
export async function publish(site: UpdateSite, name: string, what: Publication): Promise<string> {
  const { release, listed, imageVersion, grantVersion = 1, deviceId = DEVICE_ID, expiresAtMs = EXPIRES_MS } = what
  const { imageExpiresMs = EXPIRES_MS } = what
  const { manifestHash, releaseCounter } = release.identity
  const context = { deviceId, manifestHash, releaseCounter, contentKey: release.contentKey }
  const wrappedKey = await wrapContentKey(provider, site.recipient.publicKey, context)
  const packages = listed.map(({ identity, revoked = false }) => ({ ...identity, revoked }))
  const folder = join(site.folder, 'outside', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, PACKAGE_FILE), release.bytes)
  const image = await signImageTargets(site.vendor.signer, {
    version: imageVersion,
    expiresAtMs: imageExpiresMs,
    packages,
  })
  writeFileSync(join(folder, IMAGE_FILE), image)
  const grant = { version: grantVersion, expiresAtMs, deviceId, package: release.identity, wrappedKey }
  writeFileSync(join(folder, GRANT_FILE), await signGrant(site.fleet.signer, grant))
  return folder
}

/** One question over the control socket. */
export async function ask(site: UpdateSite, method: string, body: Record<string, unknown> = {}): Promise<unknown> {
  const channel = openChannel(site.controlSocket)
  try {
    return await channel.call(method, body as Parameters<typeof channel.call>[1], LIMIT_MS)
  } finally {
    channel.close()
  }
}

export async function install(site: UpdateSite, folder: string, activate = true): Promise<JobAnswer> {
  const source = { kind: 'directory', path: folder }
  return jobAnswer.parse(await ask(site, 'install', { source, name: null, activate, by: 'engineer' }))
}

export async function jobOf(site: UpdateSite, job: string): Promise<JobAnswer> {
  return jobAnswer.parse(await ask(site, 'job', { job }))
}

export async function listOf(site: UpdateSite): Promise<ListAnswer> {
  return listAnswer.parse(await ask(site, 'list'))
}

export async function ended(site: UpdateSite, job: string): Promise<JobAnswer> {
  return eventually(
    () => jobOf(site, job),
    ({ state }) => state !== 'running',
  )
}

/** Asks until the answer is as expected. */
export async function eventually<T>(read: () => Promise<T> | T, isExpected: (answer: T) => boolean): Promise<T> {
  for (const end = performance.now() + LIMIT_MS; ; ) {
    const answer = await read()
    if (isExpected(answer)) return answer
    if (performance.now() > end) throw new NotInTime(JSON.stringify(answer))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** What was waited for did not come; the message is what was there instead. */
export class NotInTime extends TypeError {}

export function pointerOf(site: UpdateSite, slot = 'sample'): SlotPointer {
  return readSlotPointer(site.store, slot)
}

/** Every name in the store, folders with a slash: nothing may be there that is not accounted for. */
export function storeTree(store: ModelStore): string[] {
  return readdirSync(store.root, { recursive: true, withFileTypes: true })
    .map(
      (entry) => `${join(entry.parentPath, entry.name).slice(store.root.length + 1)}${entry.isDirectory() ? '/' : ''}`,
    )
    .filter((name) => !name.startsWith('updater.lock'))
    .sort()
}

export function jobOnDisk(site: UpdateSite, job: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(site.store.jobs, job, 'job.json'), 'utf8')) as Record<string, unknown>
}
