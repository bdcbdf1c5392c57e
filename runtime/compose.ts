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
    const slots = await startModels(config, files, provider, ledger, parts, started)
    const decisions = createDecisionService({
      slots,
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
    startEgressRelay(config, files, { outbox, device, slots }, parts, started)
    const tls = {
      key: files.text(config.tls.key),
      certificate: files.text(config.tls.certificate),
      clientAuthority: files.text(config.tls.clientAuthority),
    }
    const server = createApiServer({ tls, decisions, device, ledger, clock: parts.clock, log: parts.log })
    started.defer(() => server.close())
    const url = await listen(server, config.listen)
    return { url, stop: () => started.disposeAsync() }
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
  const ledger = await openLedger({ database, subjectKey, signer, verifier, origin: config.log.origin, ...parts })
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
  const active = () => [...slots.values()].filter(({ state }) => state === 'active').length
  const relay = startRelay({
    socket: files.path(config.egress.socket),
    source: createHash('sha256').update(`${config.log.origin}\n${publicKey}`).digest('hex'),
    outbox,
    clock,
    log,
    deviceState: () => {
      const { buckets, posture } = device.report()
      return deviceStateOf({ buckets, posture, modelsActive: active(), modelsDown: slots.size - active() })
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

/** Loads are one after another: while a session is made, a model takes several times its size. */
async function startModels(
  config: RuntimeConfig,
  files: SiteFiles,
  provider: CryptoProvider,
  ledger: LedgerHandle,
  parts: RuntimeParts,
  started: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Slot>> {
  const vendor = await loadVerifier(provider, files.text(config.trust.vendor))
  const fleet = await loadVerifier(provider, files.text(config.trust.fleet))
  const recipient = await loadHpkeRecipient(provider, files.text(config.trust.packageKey))
  const trust = (): PackageTrust => ({
    vendor,
    fleet,
    recipient,
    deviceId: config.deviceId,
    runtimeVersion: RELEASE,
    nowMs: parts.clock.nowMs(),
    floor: (modelId) => ledger.store.floor(modelId),
    wasActivated: (packageHash) => ledger.store.wasActivated(packageHash),
  })
  const loader: SlotLoader = { trust, ledger, settings: config.inference, clock: parts.clock, log: parts.log }
  const slots = new Map<string, Slot>()
  for (const [name, paths] of listStore(files.path(config.store))) {
    const slot = await loadSlot(name, paths, loader)
    slots.set(name, slot)
    if (slot.state === 'active') started.defer(() => slot.model.worker.stop())
  }
  return slots
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

async function listen(server: FastifyInstance, address: RuntimeConfig['listen']): Promise<string> {
  try {
    return await server.listen(address)
  } catch (cause) {
    const about = `${address.host}:${address.port}`
    const inUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    throw new RuntimeError(inUse ? 'runtime_port_in_use' : 'runtime_listen_failed', { cause, about })
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
