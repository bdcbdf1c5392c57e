import { readFileSync } from 'node:fs'
import { listedTargets, loadKeepers, signRelease, signTargets } from '../../../demo/installation.ts'
import type { Site } from '../../../demo/site.ts'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import type { JsonObject } from '../../../device/platform/canonical-json.ts'
import { openChannel } from '../../../device/platform/channel.ts'
import type { PackageDraft } from '../../../models/package/pack.ts'
import type { ActivateAnswer, ProveAnswer, SlotsAnswer } from '../../../models/store/activation-channel.ts'
import { modelStore } from '../../../models/store/layout.ts'
import { placeImageTargets, placeRelease } from '../../../models/store/placement.ts'
import { readSlotPointer, type SlotPointer, writeSlotPointer } from '../../../models/store/pointer.ts'
import { type Leaf, parseLeaf } from '../../../runtime/audit/leaf.ts'
import { openDatabase } from '../../../runtime/storage/database.ts'

const LIMIT_MS = 60_000

/** A draft as another release of its model. */
export function numbered(draft: PackageDraft, releaseCounter: number): PackageDraft {
  return { ...draft, manifest: { ...draft.manifest, releaseCounter, version: `1.0.${releaseCounter}` } }
}

/** What the updater does with the store of a site, without the updater. */
export async function placeInStore(site: Site, draft: PackageDraft): Promise<string> {
  const tools = { provider: createCryptoProvider(), randomness: systemRandomness }
  const store = modelStore(site.path('store'))
  const keepers = await loadKeepers(site, tools.provider)
  const release = await signRelease(site, draft, keepers, tools)
  const { packageHash } = release.identity
  placeRelease(store, { ...release, packageHash })
  const listed = await listedTargets(site, tools.provider)
  placeImageTargets(store, await signTargets(keepers.vendor, listed, [release.identity]))
  return packageHash
}

export function pointAt(site: Site, slot: string, active: string, change: SlotPointer['change']): SlotPointer {
  const event = Buffer.from(systemRandomness.bytes(16)).toString('hex')
  const store = modelStore(site.path('store'))
  const previous = readSlotPointer(store, slot).active
  const pointer: SlotPointer = { v: 1, slot, event, change, active, previous, by: 'engineer' }
  writeSlotPointer(store, pointer)
  return pointer
}

/** The updater's side of the activation channel. */
export class Updater {
  readonly #site: Site
  readonly #channel

  constructor(site: Site) {
    this.#site = site
    this.#channel = openChannel(site.path('run/models.sock'))
  }

  prove(slot: string, packageHash: string, change: SlotPointer['change'] = 'activate'): Promise<ProveAnswer> {
    return this.#ask('prove', { slot, package: packageHash, change, by: 'engineer' })
  }

  activate(slot: string): Promise<ActivateAnswer> {
    return this.#ask('activate', { slot })
  }

  async slots(): Promise<SlotsAnswer['slots']> {
    return (await this.#ask<SlotsAnswer>('slots', {})).slots
  }

  /** Proven, pointed at, activated. */
  async bring(slot: string, packageHash: string, change: SlotPointer['change'] = 'activate'): Promise<SlotPointer> {
    await this.prove(slot, packageHash, change)
    const pointer = pointAt(this.#site, slot, packageHash, change)
    await this.activate(slot)
    return pointer
  }

  close(): void {
    this.#channel.close()
  }

  async #ask<T>(method: string, request: JsonObject): Promise<T> {
    return (await this.#channel.call(method, request, LIMIT_MS)) as T
  }
}

export function leavesOf(site: Site): Leaf[] {
  const key = readFileSync(site.path('keys/database.key'))
  const database = openDatabase({ path: site.path('data/wardstone.db'), key, readonly: true })
  try {
    const rows = database.prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves ORDER BY idx').all()
    return rows.map(({ leaf }) => parseLeaf(leaf))
  } finally {
    database.close()
  }
}
