import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { loadHpkeRecipient } from '../device/crypto/hpke.ts'
import { type CryptoProvider, createCryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { loadSigner, loadVerifier } from '../device/crypto/signing.ts'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import { serveChannel } from '../device/platform/channel.ts'
import type { Clock } from '../device/platform/clock.ts'
import type { Log } from '../device/platform/log.ts'
import { createDeviceWatch, type DeviceWatch } from '../device/posture/device-watch.ts'
import type { PackagePaths, PackageTrust } from '../models/package/open.ts'
import { createRevocationList } from './access/revocation.ts'
import { type LedgerHandle, openLedger } from './audit/ledger.ts'
import { operatorMethods } from './audit/operator-event.ts'
import { auditSocketOf, deviceDefaults, type RuntimeConfig } from './config.ts'
import { loadSlot, type SlotLoader } from './decisions/model-slots.ts'
import { createDecisionService } from './decisions/service.ts'
import type { Slot } from './decisions/types.ts'
import { deviceStateOf } from './egress/device-state.ts'
import { startRelay } from './egress/relay.ts'
import { RuntimeError } from './errors.ts'
import { createApiServer } from './http/server.ts'
import type { ModelWorker } from './inference/types.ts'
import { RELEASE } from './release.ts'
import { openDatabase } from './storage/database.ts'
import { acquireInstanceLock } from './storage/instance-lock.ts'
import { createOutbox, type Outbox } from './storage/outbox.ts'

export interface RuntimeParts {
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
}

export interface Runtime {
  readonly url: string
  /** Resolves when every slot has its model or its fault; until then a slot answers `model_loading`. */
  readonly loaded: Promise<void>
  /** Stops in the reverse of the order of starting: no new request, the last answers, the workers, the log, the lock. */
  stop(): Promise<void>
}

const MAX_KEY_FILE_BYTES = 64 * 1024

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
    const models = await startModels(config, files, provider, ledger, parts)
    started.defer(() => models.stop())
    const decisions = createDecisionService({
      slots: models.slots,
      ledger,
      subjects: ledger.subjects,
      store: ledger.store,
      clock: parts.clock,
      log: parts.log,
      release: RELEASE,
      newId: randomUUID,
      logSize: () => ledger.position().size,
      otherFaults: () => device.healthFaults(),
    })
    startEgressRelay(config, files, { outbox, device, slots: models.slots }, parts, started)
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
      ...revocation,
    })
    started.defer(() => server.close())
    const url = await listen(server, config.listen)
    return { url, loaded: models.loaded, stop: () => started.disposeAsync() }
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

/** Without the section nothing is handed over; the rows wait in the outbox. */
function startEgressRelay(
  config: RuntimeConfig,
  files: SiteFiles,
  { outbox, device, slots }: { outbox: Outbox; device: DeviceWatch; slots: ReadonlyMap<string, Slot> },
  { clock, log }: RuntimeParts,
  started: AsyncDisposableStack,
): void {
  if (config.egress === undefined) return
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

/** The models of the store, loading behind the running service. */
interface LoadingModels {
  readonly slots: ReadonlyMap<string, Slot>
  readonly loaded: Promise<void>
  stop(): Promise<void>
}

/** Loads are one after another: while a session is made, a model takes several times its size. */
async function startModels(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
  ledger: LedgerHandle,
  parts: RuntimeParts,
): Promise<LoadingModels> {
  const trust = await packageTrust(config, files, provider, ledger, parts.clock)
  const workers = new Set<ModelWorker>()
  const { clock, log } = parts
  const started = (worker: ModelWorker) => void workers.add(worker)
  const loader: SlotLoader = { trust, ledger, settings: config.inference, clock, log, started }
  const store = listStore(files.path(config.store))
  const slots = new Map<string, Slot>(store.map(([name]) => [name, { state: 'loading' }]))
  let isStopping = false
  const load = async () => {
    for (const [name, paths] of store) if (!isStopping) slots.set(name, await loadSlot(name, paths, loader))
  }
  const loaded = load()
  const stop = async () => {
    isStopping = true
    await Promise.all([...workers].map((worker) => worker.stop()))
    await loaded
  }
  return { slots, loaded, stop }
}

async function packageTrust(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
  ledger: LedgerHandle,
  clock: Clock,
): Promise<() => PackageTrust> {
  const vendor = await loadVerifier(provider, files.text(config.trust.vendor))
  const fleet = await loadVerifier(provider, files.text(config.trust.fleet))
  const recipient = await loadHpkeRecipient(provider, files.text(config.trust.packageKey))
  return () => ({
    vendor,
    fleet,
    recipient,
    deviceId: config.deviceId,
    runtimeVersion: RELEASE,
    nowMs: clock.nowMs(),
    floor: (modelId) => ledger.store.floor(modelId),
    wasActivated: (packageHash) => ledger.store.wasActivated(packageHash),
  })
}

const SLOT_NAME = /^[a-z][a-z0-9-]{0,63}$/

function listStore(store: string): [string, PackagePaths][] {
  try {
    return readdirSync(store)
      .filter((name) => SLOT_NAME.test(name))
      .sort()
      .map((name) => {
        const file = (leaf: string) => join(store, name, leaf)
        return [name, { package: file('package.wspkg'), image: file('image.json'), grant: file('grant.json') }]
      })
  } catch (cause) {
    throw new RuntimeError('runtime_store_unreadable', { cause })
  }
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

/** The files that the configuration names. */
class SiteFiles {
  readonly #base: string

  constructor(base: string) {
    this.#base = base
  }

  path(name: string): string {
    return resolve(this.#base, name)
  }

  text(name: string): string {
    return this.#read(name).toString('utf8')
  }

  /** A raw 256-bit key. */
  key(name: string): Uint8Array {
    const key = this.#read(name)
    if (key.length !== 32) throw new RuntimeError('runtime_file_unreadable', { about: name })
    return key
  }

  #read(name: string): Buffer {
    const path = this.path(name)
    if (!existsSync(path)) throw new RuntimeError('runtime_file_unreadable', { about: name })
    try {
      return readFileBounded(path, MAX_KEY_FILE_BYTES)
    } catch (cause) {
      throw new RuntimeError('runtime_file_unreadable', { cause, about: name })
    }
  }
}
