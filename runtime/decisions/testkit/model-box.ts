import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { type Clock, systemClock } from '../../../device/platform/clock.ts'
import { type Log, silentLog } from '../../../device/platform/log.ts'
import type { PackageDraft, PackageIdentity } from '../../../models/package/pack.ts'
import { signImageTargets } from '../../../models/package/targets.ts'
import {
  createPackageSite,
  EXPIRES_MS,
  NOW_MS,
  type PackageSite,
  type ReleaseChanges,
  release,
} from '../../../models/package/testkit/package-site.ts'
import { type ModelStore, modelStore } from '../../../models/store/layout.ts'
import { placeImageTargets, placeRelease, prepareStore } from '../../../models/store/placement.ts'
import { type SlotPointer, writeSlotPointer } from '../../../models/store/pointer.ts'
import { parseLeaf } from '../../audit/leaf.ts'
import type { LedgerHandle } from '../../audit/ledger.ts'
import { type LogSite, makeSite, openSite, removeSite } from '../../audit/testkit/ledger-fixture.ts'
import type { Evidence } from '../../audit/types.ts'
import type { Database } from '../../storage/database.ts'
import { changeBudget, refusalBudget } from '../budget.ts'
import { type ActivationPoint, ModelActivation } from '../model-activation.ts'
import { newerImageVersion } from '../newer-targets.ts'
import type { SlotSettings } from '../proven-release.ts'
import { RefusalRecord } from '../refusal-record.ts'
import { SlotRegistry } from '../slot-registry.ts'

/** A store, a log and keepers of its own, with the runtime's model room over them; it can be started again and again. */
export class ModelBox {
  readonly packages: PackageSite
  readonly store: ModelStore
  readonly #log: LogSite
  readonly #packed: (PackageIdentity & { revoked: boolean })[] = []
  #imageVersion = 0
  /** What the wall clock says. */
  nowMs = NOW_MS
  memoryBytes = Number.MAX_SAFE_INTEGER
  settings: SlotSettings = { threads: 1, maxQueue: 64, isolation: 'preferred' }
  log: Log = silentLog
  /** Called instead of a commit, when set. */
  onCommit: ((evidence: Evidence) => Promise<void>) | undefined
  onPoint: ((at: ActivationPoint) => void) | undefined
  registry = new SlotRegistry()
  ledger!: LedgerHandle
  database!: Database
  activation!: ModelActivation
  refusals!: RefusalRecord

  static async make(): Promise<ModelBox> {
    return new ModelBox(await createPackageSite(), await makeSite(mkdtempSync(join(tmpdir(), 'model-box-'))))
  }

  private constructor(packages: PackageSite, log: LogSite) {
    this.packages = packages
    this.#log = log
    this.store = modelStore(join(log.directory, 'store'))
    mkdirSync(this.store.root)
    prepareStore(this.store)
  }

  /** Packs a draft into the store and lists it. @returns its package hash */
  async place(draft: PackageDraft, changes: ReleaseChanges = {}): Promise<string> {
    const made = await release(this.packages, draft, changes)
    const { packageHash } = made.identity
    placeRelease(this.store, { packageHash, package: made.package, grant: made.grant })
    const name = ({ modelId, version }: PackageIdentity) => `${modelId}-${version}`
    const before = this.#packed.findIndex((one) => name(one) === name(made.identity))
    if (before >= 0) this.#packed.splice(before, 1)
    this.#packed.push({ ...made.identity, revoked: false })
    await this.signImage()
    return packageHash
  }

  async revoke(packageHash: string): Promise<void> {
    for (const one of this.#packed) if (one.packageHash === packageHash) one.revoked = true
    await this.signImage()
  }

  async signImage(version = ++this.#imageVersion, packages: readonly PackageIdentity[] = this.#packed): Promise<void> {
    const signer = this.packages.vendor.signer
    placeImageTargets(this.store, await signImageTargets(signer, { version, expiresAtMs: EXPIRES_MS, packages }))
  }

  /** What an updater, or whoever has taken its place, writes. */
  point(active: string, changes: Partial<SlotPointer> = {}): SlotPointer {
    const event = Buffer.from(systemRandomness.bytes(16)).toString('hex')
    const base = { v: 1, slot: 'news2', event, change: 'activate', active, previous: null, by: 'engineer' } as const
    const pointer: SlotPointer = { ...base, ...changes }
    writeSlotPointer(this.store, pointer)
    return pointer
  }

  prove(packageHash: string, change: 'activate' | 'rollback' = 'activate') {
    return this.activation.prove({ slot: 'news2', package: packageHash, change, by: 'engineer' })
  }

  /** As the updater brings a release: proven, pointed at, activated. */
  async bring(packageHash: string, change: 'activate' | 'rollback' = 'activate'): Promise<SlotPointer> {
    await this.prove(packageHash, change)
    const pointer = this.point(packageHash, { change })
    await this.activation.activate('news2')
    return pointer
  }

  async open(): Promise<void> {
    const clock: Clock = { nowMs: () => this.nowMs, monotonicMs: () => systemClock.monotonicMs() }
    const opened = await openSite(this.#log, { clock })
    this.ledger = opened.ledger
    this.database = opened.database
    this.registry = new SlotRegistry()
    const commit = async (evidence: Evidence) => {
      await this.onCommit?.(evidence)
      return this.ledger.commit(evidence)
    }
    const { vendor, fleet, recipient, deviceId, runtimeVersion } = this.packages.trust
    const refusals = refusalBudget(clock)
    const history = this.ledger.store
    const trusted = { store: this.store, trust: { vendor }, history }
    this.refusals = new RefusalRecord({ ledger: { commit }, history, refusals }, () => newerImageVersion(trusted))
    this.activation = new ModelActivation({
      store: this.store,
      registry: this.registry,
      ledger: { commit },
      history,
      refusals,
      changes: changeBudget(clock),
      trust: { vendor, fleet, recipient, deviceId, runtimeVersion },
      settings: this.settings,
      memoryBytes: this.memoryBytes,
      clock,
      log: this.log,
      checkpoint: (at) => this.onPoint?.(at),
    })
  }

  /** Opens what is there and loads what the pointers name, as a start of the runtime does. */
  async start(slots: readonly string[] = ['news2']): Promise<void> {
    await this.open()
    await this.activation.load(slots)
  }

  async close(): Promise<void> {
    await this.activation.stop()
    await this.ledger.close()
  }

  async restart(): Promise<void> {
    await this.close()
    await this.start()
  }

  async remove(): Promise<void> {
    await this.close().catch(() => {})
    this.packages.remove()
    rmSync(this.store.root, { recursive: true, force: true })
    removeSite(this.#log)
  }

  /** Package and fault of what stands in the slot. */
  standing(slot = 'news2'): { readonly package?: string; readonly fault?: string | undefined; readonly state: string } {
    const content = this.registry.slots.get(slot)
    if (content === undefined) return { state: 'unknown' }
    if (content.state !== 'active') return content
    return { state: 'active', package: content.model.packageHash, fault: content.fault }
  }

  leaves(...kinds: readonly string[]) {
    return this.database
      .prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves ORDER BY idx')
      .all()
      .map(({ leaf }) => parseLeaf(leaf))
      .filter(({ kind }) => kinds.includes(kind))
  }
}
