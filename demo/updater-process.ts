import { fileURLToPath } from 'node:url'
import { writeFileAtomic } from '../device/platform/atomic-file.ts'
import { type StartedProcess, startProcess } from './child-process.ts'
import type { Site } from './site.ts'

const ENTRY = fileURLToPath(new URL('../updater/bin/updater.ts', import.meta.url))

/** How the updater is started on this site. */
export function updaterCommand(site: Site): readonly string[] {
  return [ENTRY, '--config', site.path('updater.json')]
}

/** The updater as a process of its own. @throws DemoError demo_process_failed */
export function startUpdaterProcess(site: Site): Promise<StartedProcess> {
  writeUpdaterConfiguration(site)
  return startProcess({ name: 'updater', command: updaterCommand(site), logPath: site.path('data/updater.log') })
}

export function writeUpdaterConfiguration(site: Site): void {
  const config = {
    deviceId: site.deviceId,
    store: 'store',
    trust: { vendor: 'signing/vendor.pub', fleet: 'signing/fleet.pub' },
    runtime: { socket: 'run/models.sock' },
    control: { socket: 'run/updater.sock' },
  }
  writeFileAtomic(site.path('updater.json'), `${JSON.stringify(config, null, 2)}\n`)
}
