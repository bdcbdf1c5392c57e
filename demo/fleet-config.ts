import { fileURLToPath } from 'node:url'
import { writeFileAtomic } from '../device/platform/atomic-file.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import type { EgressLimits } from '../runtime/egress/config.ts'
import { FLEET_SITE } from './fleet-folder.ts'
import type { Site } from './site.ts'

const MANAGER = fileURLToPath(new URL('../updater/bin/wardstone-fleet.ts', import.meta.url))
const EGRESS = fileURLToPath(new URL('../runtime/bin/egress.ts', import.meta.url))

/** How the fleet manager is started on this site. */
export function managerCommand(site: Site): readonly string[] {
  return [MANAGER, 'serve', '--config', site.path('fleet/fleet.json')]
}

export function egressCommand(site: Site): readonly string[] {
  return [EGRESS, '--config', site.path('fleet/egress.json')]
}

/** Written at each start: the broker takes whatever port is free. */
export function writeFleetConfigurations(
  site: Site,
  drafts: readonly PackageDraft[],
  brokerPort: number,
  limits: Partial<EgressLimits> = {},
): void {
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
    limits,
  })
}
