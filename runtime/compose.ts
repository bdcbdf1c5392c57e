import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type CryptoProvider, createCryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { loadSigner, loadVerifier } from '../device/crypto/signing.ts'
import { serveChannel } from '../device/platform/channel.ts'
import type { Clock } from '../device/platform/clock.ts'
import type { Log } from '../device/platform/log.ts'
import { createDeviceWatch, type DeviceWatch } from '../device/posture/device-watch.ts'
import { type LedgerHandle, openLedger } from './audit/ledger.ts'
import { operatorMethods } from './audit/operator-event.ts'
import { auditSocketOf, deviceDefaults, type RuntimeConfig } from './config.ts'
import { boxAlarms } from './decisions/alarms.ts'
import { LiveDecisions } from './decisions/live-decisions.ts'
import type { ActivationPoint } from './decisions/model-activation.ts'
import { PendingExplanations } from './decisions/pending-explanations.ts'
import { createDecisionService } from './decisions/service.ts'
import type { Slot } from './decisions/types.ts'
import { deviceStateOf } from './egress/device-state.ts'
import { linkConcerns, linkFaults } from './egress/link-faults.ts'
import { type Relay, startRelay } from './egress/relay.ts'
import { createImageDecoder, type ImageDecoder } from './images/image-decoder.ts'
import { type Listening, startListeners } from './listeners.ts'
import { startModels } from './models.ts'
import { RELEASE } from './release.ts'
import { SiteFiles } from './site-files.ts'
import { openDatabase } from './storage/database.ts'
import { acquireInstanceLock } from './storage/instance-lock.ts'
import { createOutbox, type Outbox } from './storage/outbox.ts'

const HEALTH_LOOK_MS = 10_000

export interface RuntimeParts {
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  /** Called between the steps of a change of models; a test may end the process there. */
  readonly checkpoint?: ((at: ActivationPoint) => void) | undefined
}

export interface Runtime extends Listening {
  /** Resolves when every slot has its model or its fault; until then a slot answers `model_loading`. */
  readonly loaded: Promise<void>
  /** Stops in the reverse of the order of starting: no new request, the last answers, the workers, the log, the lock. */
  stop(): Promise<void>
}

/**
 * Builds the graph and starts it in order. What fails half-way undoes what was started.
 * @param base the folder that relative paths of the configuration start from
 * @throws StorageError, RuntimeError, AuditError, PlatformError: the runtime cannot start; a model that cannot is only a slot out of use
 */
export async function startRuntime(config: RuntimeConfig, base: string, parts: RuntimeParts): Promise<Runtime> {
  const started = new AsyncDisposableStack()
  try {
    const files = new SiteFiles(base)
    const provider = createCryptoProvider()
    const { ledger, outbox } = await startLedger(config, files, provider, parts, started)
    const channel = { path: files.path(auditSocketOf(config)), handlers: operatorMethods(ledger), log: parts.log }
    const auditCommands = await serveChannel(channel)
    started.defer(() => auditCommands.close())
    const device = await startDevice(config, files, provider, parts, started)
    const images = startImageDecoder(config, parts, started)
    const { models, loaded, faults, alarms } = await startModels(
      config,
      files,
      provider,
      ledger,
      { ...parts, images },
      started,
    )
    const relay = startEgressRelay(config, files, { outbox, device, slots: models.slots }, parts, started)
    const { clock, log } = parts
    const live = new LiveDecisions(parts.randomness)
    const recorded = { ledger, store: ledger.store, clock, log, newId: randomUUID }
    const explanations = new PendingExplanations({ ...recorded, models })
    started.defer(() => explanations.stop())
    const decisions = createDecisionService({
      ...recorded,
      models,
      explanations,
      subjects: ledger.subjects,
      alerts: ledger.store,
      images,
      live,
      release: RELEASE,
      logSize: () => ledger.position().size,
      otherFaults: () => [
        ...faults(),
        ...device.healthFaults(),
        ...(relay === undefined ? [] : linkFaults(relay.link())),
      ],
      otherAlarms: () => [
        ...alarms(),
        ...boxAlarms([...device.concerns(), ...(relay === undefined ? [] : linkConcerns(relay.link()))]),
      ],
    })
    // Looked at also when nobody asks, so that an alarm knows since when it stands.
    const looking = setInterval(() => decisions.health(), HEALTH_LOOK_MS).unref()
    started.defer(() => clearInterval(looking))
    const listening = await startListeners(
      config,
      files,
      { ...parts, ledger, decisions, device, live, slots: models.slots },
      started,
    )
    return { ...listening, loaded, stop: () => started.disposeAsync() }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

async function startLedger(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
  parts: RuntimeParts,
  started: AsyncDisposableStack,
): Promise<{ readonly ledger: LedgerHandle; readonly outbox: Outbox }> {
  const path = files.path(config.database.path)
  const lock = acquireInstanceLock(`${path}.lock`)
  started.defer(() => lock.release())
  const database = openDatabase({ path, key: files.key(config.database.key) })
  started.defer(() => void database.close())
  const signer = await loadSigner(provider, files.text(config.log.key))
  const subjectKey = files.key(config.subjectsKey)
  const verifier = await loadVerifier(provider, files.text(config.log.publicKey))
  const { origin, checkpoint } = config.log
  const keptCheckpoint = checkpoint === undefined ? undefined : files.path(checkpoint)
  const ledger = await openLedger({ database, subjectKey, signer, verifier, origin, keptCheckpoint, ...parts })
  started.defer(() => ledger.close())
  return { ledger, outbox: createOutbox(database) }
}

/** What decodes images stands behind the same walls as the models do. */
function startImageDecoder(
  config: RuntimeConfig,
  { clock, log }: RuntimeParts,
  started: AsyncDisposableStack,
): ImageDecoder {
  const { isolation } = config.inference
  const images = createImageDecoder({ isolation, clock, log, ...config.images })
  started.defer(() => images.stop())
  return images
}

/** Without the section nothing is handed over; the rows wait in the outbox. */
function startEgressRelay(
  config: RuntimeConfig,
  files: SiteFiles,
  { outbox, device, slots }: { outbox: Outbox; device: DeviceWatch; slots: ReadonlyMap<string, Slot> },
  { clock, log }: RuntimeParts,
  started: AsyncDisposableStack,
): Relay | undefined {
  if (config.egress === undefined) return undefined
  const publicKey = files.text(config.log.publicKey)
  const count = (wanted: Slot['state']) => [...slots.values()].filter(({ state }) => state === wanted).length
  const relay = startRelay({
    socket: files.path(config.egress.socket),
    source: createHash('sha256').update(`${config.log.origin}\n${publicKey}`).digest('hex'),
    outbox,
    clock,
    log,
    deviceState: () => {
      const { buckets, posture } = device.report()
      return deviceStateOf({ buckets, posture, modelsActive: count('active'), modelsDown: count('unavailable') })
    },
  })
  started.defer(() => relay.stop())
  return relay
}

/** The usual place of the identity; a configuration that names no other and a site without it have none. */
const IDENTITY = { key: 'device/identity.key', certificate: 'device/identity.pem' }

async function startDevice(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
  parts: RuntimeParts,
  started: AsyncDisposableStack,
): Promise<DeviceWatch> {
  const settings = config.device ?? deviceDefaults
  const isThere = settings.identity !== undefined || existsSync(files.path(IDENTITY.certificate))
  const names = settings.identity ?? { ...IDENTITY, authority: config.tls.clientAuthority }
  const authorityPem = isThere ? files.text(names.authority) : ''
  const paths = { key: files.path(names.key), certificate: files.path(names.certificate) }
  const dataPath = dirname(files.path(config.database.path))
  const device = createDeviceWatch({
    clock: parts.clock,
    dataPath,
    paths: [dataPath, files.path(config.store)],
    sampleIntervalMs: settings.sampleSeconds * 1000,
    nvidiaSmi: settings.nvidiaSmi,
    identity: isThere ? { ...parts, ...paths, provider, authorityPem } : undefined,
  })
  started.defer(() => device.stop())
  await device.start()
  return device
}
