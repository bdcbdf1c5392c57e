import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { loadVerifier, type Verifier } from '../device/crypto/signing.ts'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import { serveChannel } from '../device/platform/channel.ts'
import type { Clock } from '../device/platform/clock.ts'
import { errorCode } from '../device/platform/errors.ts'
import type { Log } from '../device/platform/log.ts'
import type { Source } from '../models/store/control-channel.ts'
import { type ModelStore, modelStore } from '../models/store/layout.ts'
import { controlHandlers } from './activate/control.ts'
import { UpdaterError } from './activate/errors.ts'
import type { Checkpoint, JobParts } from './activate/job-parts.ts'
import { Journal } from './activate/journal.ts'
import { RuntimeLink } from './activate/runtime-link.ts'
import { Slots } from './activate/slots.ts'
import { makeStoreFolders, sweepTemporaryFiles } from './activate/store-folders.ts'
import { lockStore } from './activate/store-lock.ts'
import { Turns } from './activate/turns.ts'
import { Updates } from './activate/updates.ts'
import type { UpdaterConfig, UpdaterLimits } from './config.ts'
import { directorySource } from './fetch/directory-source.ts'
import { type HttpsOptions, httpsSource } from './fetch/https-source.ts'
import { defaultFetchLimits, type FetchLimits, type ReleaseSource } from './fetch/source.ts'
import { usbSource } from './fetch/usb-source.ts'
import { sweepReleases } from './stage/releases.ts'

export interface UpdaterParts {
  readonly provider: CryptoProvider
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  /** Called at each step of a job; nothing by default. Tests end the process there. */
  readonly checkpoint?: (at: Checkpoint) => void
}

export interface Updater {
  /** Begins nothing more, leaves jobs where they stand (they go on at the next start), lets go of the store. */
  stop(): Promise<void>
}

const MAX_PEM_BYTES = 65_536

/**
 * Starts the updater: the store and its lock, the jobs that were under way, the control socket. What the pointers name the
 * runtime is asked to activate, as soon as it answers, so that store and log agree whatever happened in between.
 * @param base the folder that relative paths of the configuration start from
 * @throws UpdaterError, ChannelError, CryptoError for a key that is none
 */
export async function startUpdater(config: UpdaterConfig, base: string, parts: UpdaterParts): Promise<Updater> {
  const path = (name: string) => resolve(base, name)
  const { clock, randomness, log, checkpoint = () => {} } = parts
  const { limits } = config
  const started = new AsyncDisposableStack()
  try {
    const verifier = (name: string) => readVerifier(path(name), name, parts.provider)
    const vendor = await verifier(config.trust.vendor)
    const trust = { vendor, fleet: await verifier(config.trust.fleet), deviceId: config.deviceId }
    const fetchLimits = fetchLimitsOf(limits)
    const openSource = sourceOpener(config, path, fetchLimits, clock)

    const store = modelStore(path(config.store))
    makeStoreFolders(store)
    const lock = lockStore(store)
    started.defer(() => lock.release())
    sweepTemporaryFiles([store.root, store.slots, ...jobFolders(store)])
    sweepReleases(store)

    const journal = new Journal(store, { keepPartialMs: limits.keepPartialMs, log })
    const slots = new Slots(store, randomness, log)
    const stopping = new AbortController()
    const runtime = openRuntime(path(config.runtime.socket), limits, parts)
    started.defer(() => runtime.close())
    const reconcile = reconciler(runtime, stopping.signal, log)
    const jobParts: JobParts = {
      ...{ store, trust, journal, slots, runtime, turns: new Turns(), openSource, fetchLimits },
      ...{ runtimeWaitMs: limits.runtimeWaitMs, clock, randomness, log, checkpoint, reconcile },
      stopping: stopping.signal,
    }
    const updates = new Updates(jobParts, { maxJobs: limits.maxJobs })
    started.defer(() => updates.settled())
    started.defer(() => stopping.abort(new UpdaterError('updater_stopping')))

    const { socket, access } = config.control
    const server = await serveChannel({ path: path(socket), access, handlers: controlHandlers(updates), log })
    started.defer(() => server.close())
    updates.resume()
    for (const { slot } of slots.all()) reconcile(slot)
    return { stop: () => started.disposeAsync() }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

/** What else lies there is the journal's to clear away. */
function jobFolders({ jobs }: ModelStore): string[] {
  const entries = readdirSync(jobs, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(jobs, name))
}

function openRuntime(socket: string, limits: UpdaterLimits, parts: UpdaterParts): RuntimeLink {
  const { proveMs, answerMs, retryMinMs, retryMaxMs } = limits
  return new RuntimeLink(socket, { proveMs, answerMs, retryMinMs, retryMaxMs }, parts)
}

/** Has the runtime asked until it answers: it follows the pointer, or says why it does not. */
function reconciler(runtime: RuntimeLink, signal: AbortSignal, log: Log): (slot: string) => void {
  const wait = { signal, limitMs: Number.POSITIVE_INFINITY, waits: () => {} }
  return (slot) => {
    runtime.activate(slot, wait).then(
      ({ event }) => log.info('slot-agreed', { slot, change: event }),
      (error: unknown) => {
        if (!signal.aborted) log.error('slot-not-activated', { slot, code: errorCode(error) })
      },
    )
  }
}

function sourceOpener(
  config: UpdaterConfig,
  path: (name: string) => string,
  limits: FetchLimits,
  clock: Clock,
): (source: Source, name: string | null) => Promise<ReleaseSource> {
  const identity = config.https === undefined ? undefined : readHttpsIdentity(config.https, path)
  return async (source, name) => {
    if (source.kind === 'directory') return directorySource(source.path, 'directory', limits, clock)
    if (source.kind === 'usb') return (await usbSource(source.path, name, limits)).source
    return httpsSource(source.url, { ...identity, limits, clock })
  }
}

function readHttpsIdentity(https: NonNullable<UpdaterConfig['https']>, path: (name: string) => string): HttpsOptions {
  const text = (name: string | undefined) =>
    name === undefined ? undefined : readFile(path(name), name).toString('utf8')
  return {
    authority: text(https.authority),
    clientKey: text(https.clientKey),
    clientCertificate: text(https.clientCertificate),
  }
}

function fetchLimitsOf(limits: UpdaterLimits): FetchLimits {
  const { maxPackageBytes, fetchMs: totalMs, fetchIdleMs: idleMs, fetchRetryMs: retryMs, reserveBytes } = limits
  return { ...defaultFetchLimits, maxPackageBytes, totalMs, idleMs, retryMs, reserveBytes }
}

async function readVerifier(file: string, name: string, provider: CryptoProvider): Promise<Verifier> {
  return loadVerifier(provider, readFile(file, name).toString('utf8'))
}

/** @param name as the configuration says it */
function readFile(file: string, name: string): Buffer {
  try {
    return readFileBounded(file, MAX_PEM_BYTES)
  } catch (cause) {
    throw new UpdaterError('updater_file_unreadable', { cause, about: name })
  }
}
