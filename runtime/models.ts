import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { loadHpkeRecipient } from '../device/crypto/hpke.ts'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import { loadVerifier } from '../device/crypto/signing.ts'
import { serveChannel } from '../device/platform/channel.ts'
import type { Clock } from '../device/platform/clock.ts'
import { errorCode } from '../device/platform/errors.ts'
import type { Log } from '../device/platform/log.ts'
import { type ModelStore, modelStore, SLOT_NAME } from '../models/store/layout.ts'
import type { LedgerHandle } from './audit/ledger.ts'
import type { RuntimeConfig } from './config.ts'
import { activationMethods } from './decisions/activation-methods.ts'
import type { RaisedAlarm } from './decisions/alarms.ts'
import { changeBudget, refusalBudget } from './decisions/budget.ts'
import { loadingOrder } from './decisions/loading-order.ts'
import { type ActivationPoint, ModelActivation } from './decisions/model-activation.ts'
import { newerImageVersion } from './decisions/newer-targets.ts'
import { RefusalRecord } from './decisions/refusal-record.ts'
import type { PinnedTrust } from './decisions/release-prover.ts'
import { watchRevocation } from './decisions/revocation-watch.ts'
import { type Models, SlotRegistry } from './decisions/slot-registry.ts'
import { RuntimeError } from './errors.ts'
import type { ImageDecoder } from './images/image-decoder.ts'
import { CoreShares } from './inference/core-shares.ts'
import { availableMemoryBytes } from './inference/isolation.ts'
import { RELEASE } from './release.ts'
import type { SiteFiles } from './site-files.ts'

/** Slots that a store may have; what lies there beyond them is not looked at. */
const MAX_SLOTS = 64
const POINTER = '.json'
/** A request is a few names; the answer about every slot stays far below. */
const MAX_MESSAGE_BYTES = 65_536

interface ModelParts {
  readonly images: ImageDecoder
  readonly clock: Clock
  readonly log: Log
  readonly checkpoint?: ((at: ActivationPoint) => void) | undefined
}

export interface StartedModels {
  readonly models: Models
  readonly loaded: Promise<void>
  /** What somebody has to see to that the slots do not say themselves. */
  faults(): readonly string[]
  alarms(): readonly RaisedAlarm[]
}

/**
 * Begins to load what the store's pointers name, behind the running service, and serves the updater. What the log says was live
 * and the store no longer names is a slot out of use: a model does not vanish without a word.
 * @returns the slots, and when each has its model or its fault
 * @throws RuntimeError runtime_store_unreadable | runtime_file_unreadable, CryptoError, ChannelError
 */
export async function startModels(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
  ledger: LedgerHandle,
  { images, clock, log, checkpoint }: ModelParts,
  started: AsyncDisposableStack,
): Promise<StartedModels> {
  const store = modelStore(files.path(config.store))
  const history = ledger.store
  const registry = new SlotRegistry()
  const refusals = refusalBudget(clock)
  const trust = await pinnedTrust(config, files, provider)
  const activation = new ModelActivation({
    store,
    ledger,
    history,
    registry,
    refusals,
    changes: changeBudget(clock),
    trust,
    settings: { ...config.inference, cores: coreShares(config.inference.reservedCores) },
    memoryBytes: availableMemoryBytes(),
    images,
    clock,
    log,
    checkpoint,
  })
  // What ran here before comes first: a store full of other pointers must not keep it waiting.
  const known = history.activatedSlots()
  const slots = new Set([...known, ...(known.length === 0 ? pointedSlots(store) : pointedSlotsNow(store, log))])
  if (config.updater !== undefined) {
    const imageVersion = () => newerImageVersion({ store, trust, history })
    const record = new RefusalRecord({ ledger, history, refusals }, imageVersion)
    const handlers = activationMethods(activation, record, registry)
    const path = files.path(config.updater.activation)
    const channel = await serveChannel({ path, access: 'group', handlers, maxMessageBytes: MAX_MESSAGE_BYTES, log })
    started.defer(() => channel.close())
  }
  const loaded = activation.load(loadingOrder([...slots], store))
  started.defer(async () => {
    await activation.stop()
    await loaded
  })
  const revocation = watchRevocation({
    image: store.image,
    vendor: trust.vendor,
    imageVersion: () => history.imageVersion(),
    log,
  })
  started.defer(() => revocation.stop())
  await revocation.look()
  return {
    models: registry,
    loaded,
    faults: () => revocation.faults(registry.slots),
    alarms: () => revocation.alarms(registry.slots),
  }
}

/** The cores of the machine, or of our part of it. One is kept for the bedside where there is another, unless it is said. */
function coreShares(reservedCores: number | undefined): CoreShares {
  const cores = availableParallelism()
  return new CoreShares({ cores, reserved: reservedCores ?? (cores > 1 ? 1 : 0) })
}

/** @throws RuntimeError runtime_file_unreadable, CryptoError */
export async function pinnedTrust(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
): Promise<PinnedTrust> {
  return {
    vendor: await loadVerifier(provider, files.text(config.trust.vendor)),
    fleet: await loadVerifier(provider, files.text(config.trust.fleet)),
    recipient: await loadHpkeRecipient(provider, files.text(config.trust.packageKey)),
    deviceId: config.deviceId,
    runtimeVersion: RELEASE,
  }
}

/** On a box that was at work before, whoever can spoil the store must not take its log and its answers away as well. */
function pointedSlotsNow(store: ModelStore, log: Log): string[] {
  try {
    return pointedSlots(store)
  } catch (error) {
    log.error('store-unreadable', { code: errorCode(error) })
    return []
  }
}

/** A store that no updater has filled yet has no slots; one that is not there is a mistake. */
function pointedSlots(store: ModelStore): string[] {
  try {
    const names = readdirSync(store.root).includes(basename(store.slots)) ? readdirSync(store.slots) : []
    return names
      .filter((name) => name.endsWith(POINTER) && SLOT_NAME.test(name.slice(0, -POINTER.length)))
      .map((name) => name.slice(0, -POINTER.length))
      .sort()
      .slice(0, MAX_SLOTS)
  } catch (cause) {
    throw new RuntimeError('runtime_store_unreadable', { cause })
  }
}
