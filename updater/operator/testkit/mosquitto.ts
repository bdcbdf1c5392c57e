import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type FleetCertificates, writeParty } from './fleet-certificates.ts'

const EXAMPLE = fileURLToPath(new URL('../mosquitto.example.conf', import.meta.url))
const ACCESS_LIST = fileURLToPath(new URL('../fleet.example.acl', import.meta.url))
const START_LIMIT_MS = 10_000

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The real mosquitto under the configuration and access list that we ship, with only paths, port and user changed. */
export class Mosquitto {
  readonly url: string
  readonly #config: string
  readonly #port: number
  #child: ChildProcess | undefined
  #words = ''

  private constructor(config: string, port: number) {
    this.#config = config
    this.#port = port
    this.url = `mqtts://127.0.0.1:${port}`
  }

  static async start(folder: string, certificates: FleetCertificates): Promise<Mosquitto> {
    const port = await freePort()
    mkdirSync(join(folder, 'persistence'), { recursive: true })
    writeParty(folder, 'broker', await certificates.issue('broker', 'server'))
    const config = readFileSync(EXAMPLE, 'utf8')
      .replace('listener 8883', `listener ${port} 127.0.0.1`)
      .replaceAll('/etc/mosquitto/wardstone/fleet.example.acl', ACCESS_LIST)
      .replaceAll('/etc/mosquitto/wardstone/', `${folder}/`)
      .replace('/var/lib/mosquitto/', `${folder}/persistence/`)
    writeFileSync(join(folder, 'mosquitto.conf'), `${config}\nuser ${userInfo().username}\n`)
    const broker = new Mosquitto(join(folder, 'mosquitto.conf'), port)
    await broker.up()
    return broker
  }

  /** What it has written to standard error. */
  get words(): string {
    return this.#words
  }

  async up(): Promise<void> {
    const path = `${process.env.PATH ?? ''}:/usr/sbin`
    const child = spawn('mosquitto', ['-c', this.#config], {
      env: { PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.on('data', (part: Buffer) => {
      this.#words = (this.#words + part.toString('utf8')).slice(-20_000)
    })
    this.#child = child
    const limit = Date.now() + START_LIMIT_MS
    while (!(await answers(this.#port))) {
      if (Date.now() > limit || child.exitCode !== null) throw new Error(`mosquitto did not start: ${this.#words}`)
      await sleep(20)
    }
  }

  async down(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
