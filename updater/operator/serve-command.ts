import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { createLog } from '../../device/platform/log.ts'
import { startCollector } from './collector.ts'
import type { FleetIo } from './command-io.ts'
import { loadFleetConfig, loadFleetTrust } from './config.ts'
import { openFleetStore } from './store.ts'

/** Collects until it is asked to stop. Says `ready` once the broker has accepted the subscriptions. */
export async function serve(
  configPath: string,
  { clock, randomness, stdout, stderr, stopAsked }: FleetIo,
): Promise<number> {
  const config = loadFleetConfig(configPath)
  const trust = await loadFleetTrust(config, createCryptoProvider())
  const store = openFleetStore(config.database)
  const log = createLog(clock, (line) => stderr.write(line))
  log.info('collecting', { collector: config.collector, devices: trust.devices.size })
  const collector = startCollector(config, trust, { store, clock, randomness, log })
  const isReady = await Promise.race([collector.ready.then(() => true), stopAsked.then(() => false)])
  if (isReady) {
    stdout.write('ready\n')
    await stopAsked
  }
  log.info('stopping')
  await collector.stop()
  store.close()
  return 0
}
