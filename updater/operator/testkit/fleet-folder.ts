import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { verifierKeyText } from '../../../device/checkpoint/signed-note.ts'
import { deviceLine } from '../device-list.ts'
import { type FleetReader, openFleetReader } from '../reading.ts'
import { FleetCertificates, writeParty } from './fleet-certificates.ts'
import { Mosquitto } from './mosquitto.ts'
import { TestDevice, TestLog } from './test-device.ts'

const ENTRY = fileURLToPath(new URL('../../bin/wardstone-fleet.ts', import.meta.url))

/** Resolves when `is` holds; a test that waits for what never comes says what it waited for. */
export async function until(what: string, is: () => boolean, limitMs = 60_000): Promise<void> {
  const end = Date.now() + limitMs
  while (!is()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await sleep(20)
  }
}

export interface CollectorProcess {
  readonly child: ChildProcess
  /** The end of what it has written to standard error. */
  words(): string
}

/** A fleet in a folder: broker, certificates, list of devices, and collectors as processes of their own. */
export class FleetFolder {
  readonly folder: string
  readonly certificates: FleetCertificates
  readonly broker: Mosquitto
  readonly logs: ReadonlyMap<string, TestLog>
  readonly #processes: ChildProcess[] = []
  readonly #devices: TestDevice[] = []

  private constructor(
    folder: string,
    certificates: FleetCertificates,
    broker: Mosquitto,
    logs: ReadonlyMap<string, TestLog>,
  ) {
    this.folder = folder
    this.certificates = certificates
    this.broker = broker
    this.logs = logs
  }

  static async create(devices: readonly string[]): Promise<FleetFolder> {
    const folder = mkdtempSync(join(tmpdir(), 'wardstone-fleet-'))
    const certificates = await FleetCertificates.create()
    const broker = await Mosquitto.start(folder, certificates)
    const logs = new Map<string, TestLog>()
    for (const device of devices) logs.set(device, await TestLog.create(`log.test/${device.replace('/', '-')}`))
    const lines = [...logs].map(([device, { origin, verifier }]) =>
      deviceLine(device, verifierKeyText({ name: origin, publicKey: verifier.publicKey })),
    )
    writeFileSync(join(folder, 'devices.txt'), lines.join(''))
    return new FleetFolder(folder, certificates, broker, logs)
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Writes a collector's configuration and certificate. @returns the path of the configuration */
  async configure(collector: string, extra: Readonly<Record<string, unknown>> = {}): Promise<string> {
    writeParty(this.folder, collector, await this.certificates.issue(collector))
    const config = {
      collector,
      broker: this.broker.url,
      authority: 'authority.pem',
      certificate: `${collector}.pem`,
      key: `${collector}.key`,
      database: 'fleet.db',
      devices: 'devices.txt',
      ...extra,
    }
    writeFileSync(this.path(`${collector}.json`), JSON.stringify(config))
    return this.path(`${collector}.json`)
  }

  /** Starts a collector and waits until it listens, unless it is not expected to. */
  async serve(config: string, { ready = true } = {}): Promise<CollectorProcess> {
    const child = spawn(process.execPath, [ENTRY, 'serve', '--config', config, '--stop-with-parent'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#processes.push(child)
    let words = ''
    let said = ''
    child.stderr?.on('data', (part: Buffer) => {
      words = (words + part.toString()).slice(-4000)
    })
    child.stdout?.on('data', (part: Buffer) => {
      said += part.toString()
    })
    if (ready) {
      await until(`collector: ${words}`, () => said.includes('ready') || child.exitCode !== null)
      if (child.exitCode !== null) throw new Error(`the collector ended: ${words}`)
    }
    return { child, words: () => words }
  }

  async device(name: string, stream: number, protocol: 4 | 5 = 5): Promise<TestDevice> {
    const [site = '', id = ''] = name.split('/')
    const device = new TestDevice(site, id, {
      url: this.broker.url,
      party: await this.certificates.issue(id),
      stream,
      protocol,
    })
    this.#devices.push(device)
    return device
  }

  read<T>(work: (reader: FleetReader) => T): T {
    const reader = openFleetReader(this.path('fleet.db'))
    try {
      return work(reader)
    } finally {
      reader.close()
    }
  }

  async remove(): Promise<void> {
    for (const device of this.#devices) await device.close()
    for (const child of this.#processes) await kill(child)
    await this.broker.down('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
  return child.exitCode
}
