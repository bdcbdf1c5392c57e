import type { Clock } from '../../device/platform/clock.ts'
import { errorCode, isWardstoneError } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { PackageTrust } from '../../models/package/open.ts'
import { verifyImageVersion } from '../../models/package/policy.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { MAX_GRANT_BYTES, MAX_IMAGE_BYTES } from '../../models/package/targets.ts'
import { verifyMetadata } from '../../models/package/verify.ts'
import { type ModelStore, releasePaths } from '../../models/store/layout.ts'
import type { Ledger } from '../audit/types.ts'
import { ImageError } from '../images/errors.ts'
import type { ImageDecoder } from '../images/image-decoder.ts'
import type { ModelWorker } from '../inference/types.ts'
import type { ActivationHistory } from '../storage/evidence-store.ts'
import { ActivationError } from './activation-errors.ts'
import { refusalEvidence } from './activation-evidence.ts'
import { type Change, floorOf, isAtFloor } from './activation-rules.ts'
import { newerImageVersion } from './newer-targets.ts'
import { instancesOf, type ProvenRelease, proveRelease, type SlotSettings } from './proven-release.ts'

/** What is pinned at enrolment; what has run here is added from the log. */
export type PinnedTrust = Pick<PackageTrust, 'vendor' | 'fleet' | 'recipient' | 'deviceId' | 'runtimeVersion'>

export interface ProverParts {
  readonly store: ModelStore
  readonly ledger: Ledger
  readonly history: ActivationHistory
  readonly trust: PinnedTrust
  readonly settings: SlotSettings
  /** For all models together, in bytes: one that runs and one that is proven beside it count both. */
  readonly memoryBytes: number
  readonly images?: Pick<ImageDecoder, 'prepare'> | undefined
  readonly clock: Clock
  readonly log: Log
}

/** Which release of a slot, and by which change it is to run. */
export interface Wanted {
  readonly slot: string
  readonly packageHash: string
  readonly change: Change
  /** The local account that asked. */
  readonly by: string
}

/** Proves releases of the store under what the log says of this device, and records those that do not pass. */
export class ReleaseProver {
  readonly #parts: ProverParts
  readonly #alive = new Set<ProvenRelease>()
  readonly #workers = new Set<ModelWorker>()
  #isStopping = false

  constructor(parts: ProverParts) {
    this.#parts = parts
  }

  /**
   * @throws what the package is refused with, once that is a durable leaf; ActivationError runtime_memory_short |
   * runtime_stopping and StorageError, which say nothing against the package
   */
  async prove(wanted: Wanted): Promise<ProvenRelease> {
    try {
      return await this.#prove(wanted)
    } catch (error) {
      if (this.#isStopping) throw new ActivationError('runtime_stopping', { cause: error })
      const isOfTheBox = error instanceof ActivationError || error instanceof ImageError
      if (!isOfTheBox) await this.#recordRefusal(wanted, errorCode(error))
      throw error
    }
  }

  /** What was proven an hour ago may have died since, been revoked, or been left behind by the floor. */
  async isStillGood({ model }: ProvenRelease, { slot, packageHash, change }: Wanted): Promise<boolean> {
    if (model.slot !== slot || model.packageHash !== packageHash || model.worker.status().state === 'stopped')
      return false
    const { history } = this.#parts
    const { releaseCounter } = model.manifest
    if (!isAtFloor({ releaseCounter, packageHash }, slot, change, history)) return false
    try {
      const agreed = await this.#verifyMetadata(packageHash)
      return agreed.packageHash === packageHash
    } catch (error) {
      if (isWardstoneError(error)) return false
      throw error
    }
  }

  /** Stops the worker of a release that is not used any more. */
  async letGo(proven: ProvenRelease): Promise<void> {
    this.#alive.delete(proven)
    await proven.model.worker.stop()
    this.#workers.delete(proven.model.worker)
  }

  /** Stops every worker; what is being proven ends with its worker. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#workers].map((worker) => worker.stop()))
  }

  async #prove({ slot, packageHash, change }: Wanted): Promise<ProvenRelease> {
    if (this.#isStopping) throw new ActivationError('runtime_stopping')
    const { store, settings, images, clock, log } = this.#parts
    const started: ModelWorker[] = []
    const loader = {
      settings,
      images,
      clock,
      log,
      admit: (memoryBytes: number) => this.#admit(memoryBytes),
      started: (worker: ModelWorker) => {
        started.push(worker)
        this.#workers.add(worker)
        // One proof starts several workers: the stop that ended one must not let the next run on.
        if (this.#isStopping) throw new ActivationError('runtime_stopping')
      },
    }
    const trust = this.#trust(slot, packageHash, change)
    try {
      const proven = await proveRelease(slot, packageHash, releasePaths(store, packageHash), trust, loader)
      this.#alive.add(proven)
      for (const worker of started) if (worker !== proven.model.worker) this.#workers.delete(worker)
      return proven
    } catch (error) {
      for (const worker of started) this.#workers.delete(worker)
      throw error
    }
  }

  #trust(slot: string, packageHash: string, change: Change): PackageTrust {
    const { trust, history, clock } = this.#parts
    return {
      ...trust,
      nowMs: clock.nowMs(),
      floor: (modelId) => (modelId === slot ? floorOf(slot, packageHash, change, history) : history.floor(modelId)),
      wasActivated: (hash) => history.wasActivated(hash),
      imageVersion: history.imageVersion(),
    }
  }

  async #verifyMetadata(packageHash: string): Promise<{ readonly packageHash: string }> {
    const { store, trust, history, clock } = this.#parts
    const paths = releasePaths(store, packageHash)
    const image = readRegularFile(paths.image, MAX_IMAGE_BYTES)
    const grant = readRegularFile(paths.grant, MAX_GRANT_BYTES)
    const wasActivated = (hash: string) => history.wasActivated(hash)
    const agreed = await verifyMetadata(image, grant, { ...trust, nowMs: clock.nowMs(), wasActivated })
    verifyImageVersion(agreed.image, history.imageVersion())
    return agreed.target
  }

  #admit(memoryBytes: number): void {
    const { settings } = this.#parts
    const bytesOf = ({ model: { manifest } }: ProvenRelease) => manifest.memoryBytes * instancesOf(manifest, settings)
    const held = [...this.#alive].reduce((sum, proven) => sum + bytesOf(proven), 0)
    if (held + memoryBytes > this.#parts.memoryBytes) throw new ActivationError('runtime_memory_short')
  }

  async #recordRefusal({ slot, packageHash, by }: Wanted, code: string): Promise<void> {
    const { ledger, log } = this.#parts
    log.warn('package-refused', { slot, package: packageHash, code })
    await ledger.commit(refusalEvidence(slot, packageHash, code, by, await newerImageVersion(this.#parts)))
  }
}
