import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FleetCertificates, type Party, writeParty } from '../../../updater/operator/testkit/fleet-certificates.ts'
import { Child } from './child.ts'
import { markedCatalogue } from './marked-rows.ts'

const EGRESS = fileURLToPath(new URL('../../bin/egress.ts', import.meta.url))
const STAND_IN = fileURLToPath(new URL('runtime-stand-in.ts', import.meta.url))

export const SITE = 'north'
export const DEVICE = 'box-1'

/** A box in a folder: the egress process with its configuration, and a runtime that has rows for it. */
export class EgressSite {
  readonly folder: string
  readonly certificates: FleetCertificates
  readonly fleet: Party
  readonly broker: Party

  private constructor(folder: string, certificates: FleetCertificates, fleet: Party, broker: Party) {
    this.folder = folder
    this.certificates = certificates
    this.fleet = fleet
    this.broker = broker
  }

  static async create(): Promise<EgressSite> {
    const folder = mkdtempSync(join(tmpdir(), 'egress-'))
    const certificates = await FleetCertificates.create()
    writeParty(folder, 'egress', await certificates.issue(DEVICE))
    mkdirSync(join(folder, 'run'), { mode: 0o700 })
    writeFileSync(join(folder, 'database.key'), Buffer.alloc(32, 7))
    writeFileSync(join(folder, 'catalogue.json'), JSON.stringify(markedCatalogue))
    return new EgressSite(
      folder,
      certificates,
      await certificates.issue('fleet'),
      await certificates.issue('broker', 'server'),
    )
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  configure(port: number, limits: Record<string, number> = {}): void {
    const config = {
      site: SITE,
      device: DEVICE,
      socket: 'run/egress.sock',
      queue: 'egress.db',
      catalogue: 'catalogue.json',
      broker: { host: '127.0.0.1', port, key: 'egress.key', certificate: 'egress.pem', authority: 'authority.pem' },
      limits: { recordsPerSecond: 5000, ackTimeoutMs: 700, reconnectMaxMs: 300, ...limits },
    }
    writeFileSync(this.path('egress.json'), JSON.stringify(config))
  }

  startEgress(): Promise<Child> {
    return Child.start(EGRESS, ['--config', this.path('egress.json')])
  }

  startRuntime(total: number, rowsPerSecond: number): Promise<Child> {
    const paths = [this.path('runtime.db'), this.path('database.key'), this.path('run/egress.sock')]
    return Child.start(STAND_IN, [...paths, String(total), String(rowsPerSecond)])
  }

  /** Everything that egress has on disk. */
  queueBytes(): Buffer {
    const names = readdirSync(this.folder).filter((name) => name.startsWith('egress.db'))
    return Buffer.concat(names.map((name) => readFileSync(this.path(name))))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Resolves when `is` holds. */
export async function until(what: string, is: () => boolean, limitMs = 20_000): Promise<void> {
  for (const end = performance.now() + limitMs; !is(); ) {
    if (performance.now() > end) throw new TypeError(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
