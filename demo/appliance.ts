import type { CryptoProvider } from '../device/crypto/provider.ts'
import { errorCode } from '../device/platform/errors.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { acquireInstanceLock } from '../runtime/storage/instance-lock.ts'
import type { StartedProcess } from './child-process.ts'
import { DemoError } from './errors.ts'
import { startFleetSide } from './fleet-side.ts'
import { startRuntimeProcess } from './runtime-process.ts'
import type { Site } from './site.ts'
import { startUpdaterProcess } from './updater-process.ts'

/** Everything that runs on a development site: the box, and the fleet on its other side. */
export interface RunningAppliance {
  readonly url: string
  /** Host and port of gRPC; a site that was made before there was any has none. */
  readonly grpc: string | undefined
  /** Resolves with the name of the first process that ends by itself. */
  readonly ended: Promise<string>
  /** Those that started last stop first. */
  stop(): Promise<void>
}

export interface ApplianceOptions {
  /** Of the API; undefined takes the configured one, 0 a free one. */
  readonly port: number | undefined
  /** Every model that may run here: the fleet's catalogue. */
  readonly drafts: readonly PackageDraft[]
  readonly provider: CryptoProvider
}

/** @throws DemoError of the process that could not start; the others are stopped then */
export async function startAppliance(site: Site, options: ApplianceOptions): Promise<RunningAppliance> {
  const started = new AsyncDisposableStack()
  try {
    // Before anything is written: a second start must not take the configurations away from under the first.
    const lock = lockSite(site)
    started.defer(() => lock.release())
    const withStop = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
      const running = await starting
      started.defer(() => running.stop())
      return running
    }
    // Each finds the others when they are there: none needs another to start.
    const starting = [
      withStop(startFleetSide(site, options.drafts, options.provider)),
      withStop(startRuntimeProcess(site.path('runtime.json'), site.path('data/runtime.log'), options.port)),
      withStop(startUpdaterProcess(site)),
    ] as const
    await Promise.allSettled(starting)
    const [fleet, runtime, updater] = await Promise.all(starting)
    const ended = firstToEnd([runtime, updater, ...fleet.processes])
    return { url: runtime.url, grpc: runtime.grpc, ended, stop: () => started.disposeAsync() }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

/** @throws DemoError demo_site_in_use, StorageError */
function lockSite(site: Site): ReturnType<typeof acquireInstanceLock> {
  try {
    return acquireInstanceLock(site.path('demo.lock'))
  } catch (cause) {
    if (errorCode(cause) === 'storage_locked') throw new DemoError('demo_site_in_use', { cause, about: site.root })
    throw cause
  }
}

function firstToEnd(processes: readonly StartedProcess[]): Promise<string> {
  return Promise.race(processes.map(({ name, ended }) => ended.then(() => name)))
}
