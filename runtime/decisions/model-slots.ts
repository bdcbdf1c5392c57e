import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { parseGoldenVectors, verifyGoldenVectors } from '../../models/contract/golden.ts'
import type { GoldenVectors } from '../../models/contract/schema.ts'
import { PackageError } from '../../models/package/errors.ts'
import { type OpenedPackage, openPackage, type PackagePaths, type PackageTrust } from '../../models/package/open.ts'
import type { Ledger } from '../audit/types.ts'
import { createModelWorker } from '../inference/model-worker.ts'
import { selfTest } from '../inference/self-test.ts'
import type { ModelWorker } from '../inference/types.ts'
import { rehearse } from './rehearsal.ts'
import type { ActiveModel, Slot } from './types.ts'

const MAX_GOLDEN_BYTES = 16 * 1024 * 1024

export interface SlotSettings {
  readonly threads: number
  readonly maxQueue: number
  readonly isolation: 'required' | 'preferred'
}

export interface SlotLoader {
  readonly trust: () => PackageTrust
  readonly ledger: Ledger
  readonly settings: SlotSettings
  readonly clock: Clock
  readonly log: Log
  /** Called with each worker as soon as it is started, so that stopping need not wait for a load to end. */
  started(worker: ModelWorker): void
}

/** Loads what stands in a slot; a package that is refused leaves the slot unavailable with its code, and the others alone. */
export async function loadSlot(slot: string, paths: PackagePaths, loader: SlotLoader): Promise<Slot> {
  try {
    return { state: 'active', model: await activate(slot, paths, loader) }
  } catch (error) {
    const fault = errorCode(error)
    loader.log.error('slot-unavailable', { slot, code: fault })
    return { state: 'unavailable', fault }
  }
}

/**
 * Verifies the package from signatures to contents, starts its worker, proves it on its golden vectors, and only then
 * records it as live.
 */
async function activate(slot: string, paths: PackagePaths, loader: SlotLoader): Promise<ActiveModel> {
  const trust = loader.trust()
  const opened = await openPackage(paths, trust)
  const { manifest, packageHash } = opened
  let worker: ModelWorker | undefined
  try {
    if (manifest.modelId !== slot) throw new PackageError('package_target_missing', { about: slot })
    verifyContract(manifest.contract)
    const golden = readGoldenVectors(opened)
    verifyGoldenVectors(golden, manifest.contract)
    worker = startWorker(opened, loader)
    loader.started(worker)
    await worker.ready()
    await selfTest({ manifest, golden, worker }, loader.clock)
    const explanationMs = await rehearse(
      { slot, manifest, packageHash, worker, explanationMs: 0 },
      golden,
      loader.clock,
    )
    if (trust.floor(manifest.modelId)?.packageHash !== packageHash) await recordActivation(slot, opened, loader.ledger)
    loader.log.info('slot-active', { slot, version: manifest.version, package: packageHash })
    return { slot, manifest, packageHash, worker, explanationMs }
  } catch (error) {
    await worker?.stop()
    throw error
  } finally {
    // The worker has its own copy of the key and its own descriptor.
    opened.close()
  }
}

/** @throws PackageError | ContractError; the size is bounded before anything is decrypted */
function readGoldenVectors(opened: OpenedPackage): GoldenVectors {
  const file = opened.manifest.files.find(({ role }) => role === 'golden-vectors')
  if (file !== undefined && file.length > MAX_GOLDEN_BYTES)
    throw new PackageError('package_manifest_invalid', { about: 'golden-vectors' })
  return parseGoldenVectors(opened.readFile('golden-vectors'))
}

function startWorker(opened: OpenedPackage, { settings, clock, log }: SlotLoader): ModelWorker {
  const { manifest, fd, payloadOffset, contentKey } = opened
  const fileIndex = manifest.files.findIndex((file) => file.role === 'model')
  const file = manifest.files[fileIndex]
  if (file === undefined) throw new PackageError('package_file_missing', { about: 'model' })
  const source = {
    modelId: manifest.modelId,
    fd,
    payloadOffset,
    file,
    fileIndex,
    contentKey,
    salt: Buffer.from(manifest.encryption.salt, 'hex'),
  }
  return createModelWorker({ source, ...settings, memoryLimitBytes: manifest.memoryBytes, clock, log })
}

async function recordActivation(slot: string, { manifest, packageHash }: OpenedPackage, ledger: Ledger): Promise<void> {
  const { modelId, version, releaseCounter } = manifest
  await ledger.commit({
    leaf: { kind: 'activated', slot, model: modelId, version, counter: releaseCounter, package: packageHash },
    activation: { slot, modelId, version, packageHash, releaseCounter },
  })
}
