import { isUtf8 } from 'node:buffer'
import { setImmediate as breath } from 'node:timers/promises'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { type GoldenCases, parseGoldenVectors, verifyGoldenVectors } from '../../models/contract/golden.ts'
import { outputSteps } from '../../models/contract/output-ops/output-steps.ts'
import type { GoldenVectors } from '../../models/contract/schema.ts'
import { PackageError } from '../../models/package/errors.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { type OpenedPackage, openPackage, type PackagePaths, type PackageTrust } from '../../models/package/open.ts'
import type { ImageDecoder } from '../images/image-decoder.ts'
import { batchDifference } from '../inference/batch-test.ts'
import type { CoreShares } from '../inference/core-shares.ts'
import { InferenceError } from '../inference/errors.ts'
import { createModelWorker } from '../inference/model-worker.ts'
import { chooseProvider } from '../inference/provider-choice.ts'
import { findProvider, thisSite } from '../inference/provider-site.ts'
import { selfTest, warmUpInputs } from '../inference/self-test.ts'
import type { ModelWorker, ProviderOrder, ScheduledWorker, WorkerOptions } from '../inference/types.ts'
import { prepareGolden } from './golden-images.ts'
import { type ExplanationProbe, judgeDependence, probeExplanation } from './randomisation-check.ts'
import { rehearse } from './rehearsal.ts'
import { coalitionSpec } from './shapley-explanation.ts'
import type { ActiveModel } from './types.ts'

const MAX_GOLDEN_BYTES = 16 * 1024 * 1024
const MAX_PROVING_MS = 20 * 60_000

/** What the site says of its models; `instances` and `idleMinutes` by slot. */
export interface SlotSettings {
  readonly threads: number
  readonly maxQueue: number
  readonly isolation: 'required' | 'preferred'
  readonly instances?: Readonly<Record<string, number>> | undefined
  readonly idleMinutes?: Readonly<Record<string, number>> | undefined
  /** The cores that all models share; without it each runs when it is asked. */
  readonly cores?: CoreShares | undefined
}

export interface ReleaseLoader {
  readonly settings: SlotSettings
  readonly clock: Clock
  readonly log: Log
  /** Where images are decoded; without it no model that takes one can be proven. */
  readonly images?: Pick<ImageDecoder, 'prepare'> | undefined
  /** @throws ActivationError runtime_memory_short when the box has no room for so much beside what runs */
  admit(memoryBytes: number): void
  /** Called with each worker as soon as it is started, so that stopping need not wait for a load to end. @throws ActivationError runtime_stopping */
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
  given: ReleaseLoader,
): Promise<ProvenRelease> {
  const { clock } = given
  const startedMs = clock.monotonicMs()
  using limit = provingLimit(given)
  const { loader } = limit
  const opened = await openPackage(paths, trust)
  const { manifest, imageVersion } = opened
  let worker: ModelWorker | undefined
  try {
    if (opened.packageHash !== packageHash) throw new PackageError('package_hash_mismatch', { about: 'release' })
    if (manifest.modelId !== slot) throw new PackageError('package_target_missing', { about: slot })
    verifyContract(manifest.contract)
    const vectors = readGoldenVectors(opened)
    // What is long in one piece is parted, so that the decisions that came meanwhile get their turn between the pieces.
    await breath()
    verifyGoldenVectors(vectors, manifest.contract)
    const golden = await prepareGolden(vectors, manifest.contract, { ...loader, verifyTime: limit.verifyTime })
    loader.admit(manifest.memoryBytes * instancesOf(manifest, loader.settings))
    // First, so that there is never more than one of its workers at a time.
    const randomised = await probeRandomised(opened, golden, loader)
    const site = thisSite()
    const find = (provider: ProviderOrder['provider']) => findProvider(provider, site)
    worker = await chooseProvider(manifest, find, (order) => proveWorker(opened, golden, order, loader))
    const own = await probeExplanation(golden, manifest.contract, worker, clock)
    const explanationDependsOnModel = verifyDependence(own, randomised, manifest, loader)
    const unrehearsed = { slot, manifest, packageHash, worker, explanationMs: 0 }
    const explanationMs = await rehearse(unrehearsed, golden, clock)
    const loadMs = Math.round(clock.monotonicMs() - startedMs)
    const goldenVectors = golden.vectors.length
    const { provider } = await worker.ready()
    const proof = {
      at: new Date(clock.nowMs()).toISOString(),
      goldenVectors,
      largestDifference: null,
      tolerance: manifest.tolerance[provider] ?? 0,
      explanationDependsOnModel,
      loadMs,
      card: readCard(opened),
    }
    return { model: { ...unrehearsed, explanationMs, proof }, imageVersion, goldenVectors, loadMs }
  } catch (error) {
    await worker?.stop()
    throw error
  } finally {
    // The worker has its own copy of the key and its own descriptor.
    opened.close()
  }
}

/**
 * Ten thousand vectors of ten minutes each would keep the other slots waiting for weeks: when the time is up, what is being
 * proven loses its worker, and fails by that.
 */
function provingLimit(given: ReleaseLoader): Disposable & { readonly loader: ReleaseLoader; verifyTime(): void } {
  const workers: ModelWorker[] = []
  let isOver = false
  const verifyTime = () => {
    if (isOver) throw new InferenceError('inference_self_test_failed', { about: 'time' })
  }
  const timer = setTimeout(() => {
    isOver = true
    given.log.warn('model.proving-late', { workers: workers.length })
    for (const worker of workers) void worker.stop()
  }, MAX_PROVING_MS)
  const started = (worker: ModelWorker) => {
    workers.push(worker)
    given.started(worker)
    // What was decoded before there was a worker took all of it.
    verifyTime()
  }
  return { loader: { ...given, started }, verifyTime, [Symbol.dispose]: () => clearTimeout(timer) }
}

/**
 * What the explanations are when the model has other parameters: all of them, or where the graph does not work then, only
 * those of which there are many.
 */
async function probeRandomised(
  opened: OpenedPackage,
  golden: GoldenCases,
  loader: ReleaseLoader,
): Promise<ExplanationProbe> {
  const { contract } = opened.manifest
  if (contract.explanation.method === 'none') return []
  for (const randomised of ['all', 'large'] as const) {
    const worker = createModelWorker({ ...workerOptions(opened, loader), randomised }, { loadAttempts: 1 })
    try {
      loader.started(worker)
      await worker.ready()
      const probe = await probeExplanation(golden, contract, worker, loader.clock)
      if (probe.some((one) => one !== undefined)) return probe
    } catch (error) {
      // What is wrong with the package is found, and said by name, with its own parameters.
      if (!(error instanceof InferenceError)) throw error
    } finally {
      await worker.stop()
    }
  }
  return []
}

const MAX_CARD_BYTES = 256 * 1024

/** A model is no worse for a card that nobody can show; one that is damaged is refused like every damaged file. */
function readCard(opened: OpenedPackage): string | null {
  const file = opened.manifest.files.find(({ role }) => role === 'card')
  if (file === undefined || file.length > MAX_CARD_BYTES) return null
  const bytes = opened.readFile('card')
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

/**
 * @returns true where it depends, null where there is none or it could not be told
 * @throws InferenceError inference_explanation_independent
 */
function verifyDependence(
  own: ExplanationProbe,
  randomised: ExplanationProbe,
  { modelId, contract }: OpenedPackage['manifest'],
  { log }: ReleaseLoader,
): true | null {
  if (contract.explanation.method === 'none') return null
  const found = judgeDependence(own, randomised)
  if (found === 'independent') throw new InferenceError('inference_explanation_independent')
  if (found !== 'unknown') return true
  log.warn('inference.randomisation-inconclusive', { model: modelId })
  return null
}

/** A worker on one provider that is warm and agrees with the golden vectors; none is left when it does not. */
async function proveWorker(
  opened: OpenedPackage,
  golden: GoldenCases,
  order: ProviderOrder,
  loader: ReleaseLoader,
): Promise<ModelWorker> {
  const { manifest } = opened
  const worker = startWorker(opened, golden, order, loader)
  try {
    loader.started(worker)
    await worker.ready()
    await selfTest({ manifest, golden, worker }, loader.clock)
    await allowBatches(manifest, golden, worker, loader)
    return worker
  } catch (error) {
    await worker.stop()
    throw error
  }
}

/** @throws PackageError | ContractError; the size is bounded before anything is decrypted */
function readGoldenVectors(opened: OpenedPackage): GoldenVectors {
  const file = opened.manifest.files.find(({ role }) => role === 'golden-vectors')
  if (file !== undefined && file.length > MAX_GOLDEN_BYTES)
    throw new PackageError('package_manifest_invalid', { about: 'golden-vectors' })
  return parseGoldenVectors(opened.readFile('golden-vectors'))
}

function startWorker(
  opened: OpenedPackage,
  golden: GoldenCases,
  provider: ProviderOrder,
  loader: ReleaseLoader,
): ScheduledWorker {
  const warmUp = warmUpInputs(golden, opened.manifest.contract, loader.clock)
  const { manifest } = opened
  const { settings } = loader
  const idleMinutes = settings.idleMinutes?.[manifest.modelId]
  return createModelWorker({
    ...workerOptions(opened, loader),
    provider,
    warmUp,
    warmUpRows: manifest.batching?.sizes ?? [],
    instances: instancesOf(manifest, settings),
    ...(idleMinutes === undefined ? {} : { idleUnloadMs: idleMinutes * 60_000 }),
  })
}

/** A slot has the name of its model. */
export function instancesOf({ modelId }: Manifest, { instances = {} }: Pick<SlotSettings, 'instances'>): number {
  return Object.hasOwn(instances, modelId) ? (instances[modelId] ?? 1) : 1
}

/** A package whose batches say something else than single requests is served by single requests. */
async function allowBatches(
  manifest: Manifest,
  golden: GoldenCases,
  worker: ScheduledWorker,
  { clock, log }: ReleaseLoader,
): Promise<void> {
  const { batching, modelId } = manifest
  if (batching === undefined) return
  const difference = await batchDifference({ manifest, golden, worker }, batching, clock)
  if (difference === undefined) worker.useBatches(batching)
  else log.warn('inference.batches-refused', { model: modelId, about: difference })
}

function workerOptions(opened: OpenedPackage, { settings, clock, log }: ReleaseLoader): WorkerOptions {
  const { manifest, fd, payloadOffset, contentKey } = opened
  const fileIndex = manifest.files.findIndex((file) => file.role === 'model')
  const file = manifest.files[fileIndex]
  if (file === undefined) throw new PackageError('package_file_missing', { about: 'model' })
  const salt = Buffer.from(manifest.encryption.salt, 'hex')
  const source = { modelId: manifest.modelId, fd, payloadOffset, file, fileIndex, contentKey, salt }
  const steps = outputSteps(manifest.contract)
  const coalitions = coalitionSpec(manifest.contract)
  const { maxQueue, isolation, cores } = settings
  const threads = Math.min(settings.threads, cores?.widest ?? settings.threads)
  const site = { threads, maxQueue, isolation, ...(cores === undefined ? {} : { cores }) }
  const model = { source, memoryLimitBytes: manifest.memoryBytes, outputSteps: steps }
  return { ...site, ...model, ...(coalitions === undefined ? {} : { coalitions }), clock, log }
}
