import { setImmediate as breath } from 'node:timers/promises'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { parseGoldenVectors, verifyGoldenVectors } from '../../models/contract/golden.ts'
import type { GoldenVectors } from '../../models/contract/schema.ts'
import { PackageError } from '../../models/package/errors.ts'
import { type OpenedPackage, openPackage, type PackagePaths, type PackageTrust } from '../../models/package/open.ts'
import { createModelWorker } from '../inference/model-worker.ts'
import { selfTest } from '../inference/self-test.ts'
import type { ModelWorker } from '../inference/types.ts'
import { rehearse } from './rehearsal.ts'
import type { ActiveModel } from './types.ts'

const MAX_GOLDEN_BYTES = 16 * 1024 * 1024

export interface SlotSettings {
  readonly threads: number
  readonly maxQueue: number
  readonly isolation: 'required' | 'preferred'
}

export interface ReleaseLoader {
  readonly settings: SlotSettings
  readonly clock: Clock
  readonly log: Log
  /** @throws ActivationError runtime_memory_short when the box has no room for so much beside what runs */
  admit(memoryBytes: number): void
  /** Called with each worker as soon as it is started, so that stopping need not wait for a load to end. */
  started(worker: ModelWorker): void
}

/** A release that does here what its package says, with its worker warm. */
export interface ProvenRelease {
  readonly model: ActiveModel
  /** Version of the image targets that list it. */
  readonly imageVersion: number
  readonly goldenVectors: number
  readonly loadMs: number
}

/**
 * How a package comes to life: it is verified from signatures to contents, its worker is started, and it is proven on its golden
 * vectors and along the path of a decision. It decides nothing yet. When anything fails nothing is left.
 * @param packageHash the release that is meant: the store's folders are named by anybody who can write there
 * @throws PackageError, ContractError, InferenceError, ActivationError runtime_memory_short
 */
export async function proveRelease(
  slot: string,
  packageHash: string,
  paths: PackagePaths,
  trust: PackageTrust,
  loader: ReleaseLoader,
): Promise<ProvenRelease> {
  const { clock } = loader
  const startedMs = clock.monotonicMs()
  const opened = await openPackage(paths, trust)
  const { manifest, imageVersion } = opened
  let worker: ModelWorker | undefined
  try {
    if (opened.packageHash !== packageHash) throw new PackageError('package_hash_mismatch', { about: 'release' })
    if (manifest.modelId !== slot) throw new PackageError('package_target_missing', { about: slot })
    verifyContract(manifest.contract)
    const golden = readGoldenVectors(opened)
    // What is long in one piece is parted, so that the decisions that came meanwhile get their turn between the pieces.
    await breath()
    verifyGoldenVectors(golden, manifest.contract)
    await breath()
    loader.admit(manifest.memoryBytes)
    worker = startWorker(opened, loader)
    loader.started(worker)
    await worker.ready()
    await selfTest({ manifest, golden, worker }, clock)
    const unrehearsed = { slot, manifest, packageHash, worker, explanationMs: 0 }
    const explanationMs = await rehearse(unrehearsed, golden, clock)
    const model = { ...unrehearsed, explanationMs }
    const loadMs = Math.round(clock.monotonicMs() - startedMs)
    return { model, imageVersion, goldenVectors: golden.vectors.length, loadMs }
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

function startWorker(opened: OpenedPackage, { settings, clock, log }: ReleaseLoader): ModelWorker {
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
