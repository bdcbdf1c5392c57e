import type { CryptoProvider } from '../device/crypto/provider.ts'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { startBroker } from './broker.ts'
import { allStarted, type StartedProcess, startProcess } from './child-process.ts'
import { egressCommand, managerCommand, writeFleetConfigurations } from './fleet-config.ts'
import { openFleetFolder } from './fleet-folder.ts'
import type { Site } from './site.ts'

/** What a fleet has on its side of the hospital's border, and egress on the box: enough to see records leave and arrive. */
export interface FleetSide {
  /** The fleet manager and egress: what ends by itself is noticed. */
  readonly processes: readonly StartedProcess[]
  stop(): Promise<void>
}

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
    writeFleetConfigurations(site, drafts, broker.port)
    const start = async (name: string, command: readonly string[]) => {
      const running = await startProcess({ name, command, logPath: site.path(`data/${name}.log`) })
      started.defer(() => running.stop())
      return running
    }
    const processes = await allStarted([
      start('wardstone-fleet', managerCommand(site)),
      start('egress', egressCommand(site)),
    ])
    return { processes, stop: () => started.disposeAsync() }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}
