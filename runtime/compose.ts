import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { type CryptoProvider, createCryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { loadSigner, loadVerifier } from '../device/crypto/signing.ts'
import { serveChannel } from '../device/platform/channel.ts'
import type { Clock } from '../device/platform/clock.ts'
import type { Log } from '../device/platform/log.ts'
import { createDeviceWatch, type DeviceWatch } from '../device/posture/device-watch.ts'
import { createRevocationList } from './access/revocation.ts'
import { type LedgerHandle, openLedger } from './audit/ledger.ts'
import { operatorMethods } from './audit/operator-event.ts'
import { auditSocketOf, deviceDefaults, type RuntimeConfig } from './config.ts'
import type { ActivationPoint } from './decisions/model-activation.ts'
import { PendingExplanations } from './decisions/pending-explanations.ts'
import { createDecisionService } from './decisions/service.ts'
import type { Slot } from './decisions/types.ts'
import { deviceStateOf } from './egress/device-state.ts'
import { linkFaults } from './egress/link-faults.ts'
import { type Relay, startRelay } from './egress/relay.ts'
import { RuntimeError } from './errors.ts'
import { uploadLimitsOf } from './http/limits.ts'
import { createApiServer } from './http/server.ts'
import { createImageDecoder, type ImageDecoder } from './images/image-decoder.ts'
import { startModels } from './models.ts'
import { RELEASE } from './release.ts'
import { SiteFiles } from './site-files.ts'
import { openDatabase } from './storage/database.ts'
import { acquireInstanceLock } from './storage/instance-lock.ts'
import { createOutbox, type Outbox } from './storage/outbox.ts'

export interface RuntimeParts {
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  /** Called between the steps of a change of models; a test may end the process there. */
  readonly checkpoint?: ((at: ActivationPoint) => void) | undefined
}

export interface Runtime {
  readonly url: string
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
    const { models, loaded, faults } = await startModels(config, files, provider, ledger, { ...parts, images }, started)
    const relay = startEgressRelay(config, files, { outbox, device, slots: models.slots }, parts, started)
    const { clock, log } = parts
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
      release: RELEASE,
      logSize: () => ledger.position().size,
      otherFaults: () => [
        ...faults(),
        ...device.healthFaults(),
        ...(relay === undefined ? [] : linkFaults(relay.link())),
      ],
    })
    const tls = {
      key: files.text(config.tls.key),
      certificate: files.text(config.tls.certificate),
      clientAuthority: files.text(config.tls.clientAuthority),
    }
    const { revoked } = config.tls
    const revocation =
      revoked === undefined ? {} : { isRevoked: createRevocationList(files.path(revoked), parts.clock) }
    const server = createApiServer({
      tls,
      decisions,
      device,
      ledger,
      clock: parts.clock,
      log: parts.log,
      limits: uploadLimitsOf(config.images),
      ...revocation,
    })
    started.defer(() => server.close())
    const url = await listen(server, config.listen)
    return { url, loaded, stop: () => started.disposeAsync() }
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

const NOT_LISTENABLE = ['EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND', 'EAFNOSUPPORT']

async function listen(server: FastifyInstance, address: RuntimeConfig['listen']): Promise<string> {
  try {
    // A copy: fastify writes into what it is given, and the configuration is frozen.
    return await server.listen({ ...address })
  } catch (cause) {
    const about = `${address.host}:${address.port}`
    const { code = '' } = cause as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new RuntimeError('runtime_port_in_use', { cause, about })
    if (NOT_LISTENABLE.includes(code)) throw new RuntimeError('runtime_listen_failed', { cause, about })
    throw cause
  }
}
