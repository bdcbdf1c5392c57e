import { fileURLToPath } from 'node:url'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import { readFileBounded, writeFileAtomic } from '../device/platform/atomic-file.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { startBroker } from './broker.ts'
import { allStarted, type StartedProcess, startProcess } from './child-process.ts'
import { FLEET_SITE, openFleetFolder } from './fleet-folder.ts'
import type { Site } from './site.ts'

/** What a fleet has on its side of the hospital's border, and egress on the box: enough to see records leave and arrive. */
export interface FleetSide {
  /** The fleet manager and egress: what ends by itself is noticed. */
  readonly processes: readonly StartedProcess[]
  stop(): Promise<void>
}

const MANAGER = fileURLToPath(new URL('../updater/bin/wardstone-fleet.ts', import.meta.url))
const EGRESS = fileURLToPath(new URL('../runtime/bin/egress.ts', import.meta.url))
const MAX_PEM_BYTES = 65_536

/**
 * Starts the broker, then the fleet manager and egress side by side.
 * @throws DemoError demo_broker_failed | demo_process_failed
 */
export async function startFleetSide(
  site: Site,
  drafts: readonly PackageDraft[],
  provider: CryptoProvider,
): Promise<FleetSide> {
  await openFleetFolder(site, provider)
  const started = new AsyncDisposableStack()
  try {
    const text = (name: string) => readFileBounded(site.path(`fleet/${name}`), MAX_PEM_BYTES).toString('utf8')
    const tls = { key: text('broker.key'), certificate: text('broker.pem'), clientAuthority: text('authority.pem') }
    const broker = await startBroker({ tls, port: 0 })
    started.defer(() => broker.close())
    writeConfigurations(site, drafts, broker.port)
    const start = async (name: string, command: readonly string[]) => {
      const running = await startProcess({ name, command, logPath: site.path(`data/${name}.log`) })
      started.defer(() => running.stop())
      return running
    }
    const processes = await allStarted([
      start('wardstone-fleet', [MANAGER, 'serve', '--config', site.path('fleet/fleet.json')]),
      start('egress', [EGRESS, '--config', site.path('fleet/egress.json')]),
    ])
    return { processes, stop: () => started.disposeAsync() }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

/** Written at each start: the broker takes whatever port is free. */
function writeConfigurations(site: Site, drafts: readonly PackageDraft[], brokerPort: number): void {
  const write = (name: string, value: object) =>
    writeFileAtomic(site.path(`fleet/${name}`), `${JSON.stringify(value, null, 2)}\n`)
  const models = drafts.map(({ manifest: { modelId, version, releaseCounter } }, index) => ({
    number: index + 1,
    model: modelId,
    release: releaseCounter,
    version,
  }))
  write('catalogue.json', { v: 1, models })
  write('fleet.json', {
    collector: 'fleet',
    broker: `mqtts://127.0.0.1:${brokerPort}`,
    protocol: 4,
    authority: 'authority.pem',
    certificate: 'manager.pem',
    key: 'manager.key',
    database: 'fleet.db',
    devices: 'devices.txt',
    catalogue: 'catalogue.json',
  })
  const tls = { key: 'egress.key', certificate: 'egress.pem', authority: 'authority.pem' }
  write('egress.json', {
    ...{ site: FLEET_SITE, device: site.deviceId, socket: '../run/egress.sock', queue: 'egress.db' },
    catalogue: 'catalogue.json',
    broker: { host: '127.0.0.1', port: brokerPort, ...tls },
  })
}
