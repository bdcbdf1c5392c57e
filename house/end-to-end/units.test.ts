import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { generateSigningKey } from '../../device/crypto/signing.ts'
import {
  type Authority,
  type CertificateProfile,
  createAuthority,
  issueCertificate,
} from '../../device/identity/certificate-authority.ts'
import { requestIdentity } from '../../device/identity/enrolment.ts'
import { listenForNotices } from '../../device/platform/testkit/notify-listener.ts'
import { readTable, readUnit } from '../../systemd/testkit/unit-file.ts'
import { root } from '../source-tree.ts'

/** A system in a folder, set up by the page "Installing an appliance": its own keys and folders, the examples as they are. */
const system = mkdtempSync(join(tmpdir(), 'wardstone-units-'))
const etc = (name: string) => join(system, 'etc/wardstone', name)
const provider = createCryptoProvider()
const CREDENTIALS = '/run/credentials/wardstone-runtime.service'
const services = ['runtime', 'egress', 'updater'] as const
type Service = (typeof services)[number]
const WATCHDOG_MS = 900

beforeAll(async () => {
  for (const [kind, path = ''] of readTable('tmpfiles.conf')) {
    expect(kind).toBe('d')
    mkdirSync(join(system, path), { recursive: true, mode: 0o700 })
  }
  const keys = ['--plain', '--root', system, '--name', 'box-1.example.org']
  expect(spawnSync('sh', [join(root, 'systemd/keys.sh'), ...keys], { encoding: 'utf8' }).stderr).toBe('')
  const authority = await createAuthority(provider, { commonName: 'Authority', days: 2, nowMs: Date.now() })
  for (const name of ['tls/clients.pem', 'trust/fleet-authority.pem'])
    writeFileSync(etc(name), authority.certificatePem)
  writeFileSync(etc('tls/revoked'), '')
  for (const name of ['vendor', 'fleet'])
    writeFileSync(etc(`trust/${name}.pub`), (await generateSigningKey(provider)).publicPem)
  await certify(authority, etc('tls/server.csr'), 'server', 'box-1.example.org')
  for (const key of ['wardstone/device/identity.key', 'wardstone-egress/egress.key']) {
    const { path } = await requestIdentity(provider, join(system, 'var/lib', key), 'device-1')
    await certify(authority, path, 'device', 'device-1')
  }
  writeFileSync(etc('catalogue.json'), '{"v":1,"models":[]}')
  for (const service of services) writeFileSync(etc(`${service}.json`), exampleHere(service))
})
afterAll(() => rmSync(system, { recursive: true, force: true }))

async function certify(authority: Authority, csr: string, profile: CertificateProfile, commonName: string) {
  const options = { profile, commonName, dnsNames: profile === 'server' ? [commonName] : undefined }
  const request = readFileSync(csr, 'utf8')
  const pem = await issueCertificate(provider, authority, request, { ...options, days: 1, nowMs: Date.now() })
  writeFileSync(csr.replace(/\.csr$/, '.pem'), pem)
}

/** An example with this system in the place of the machine, ports that are free, and no fleet to be found. */
function exampleHere(service: Service): string {
  return readFileSync(join(root, `systemd/examples/${service}.json`), 'utf8')
    .replaceAll(CREDENTIALS, etc('credentials'))
    .replace(/"\/(var|run)\//g, `"${system}/$1/`)
    .replace('"port": 8443', '"port": 0')
    .replace('broker.example.org', '127.0.0.1')
    .replace('"port": 8883', '"port": 1')
    .replace('"required"', '"preferred"')
}

/** Started as its unit starts it: the same words, and of the environment what systemd sets. */
function start(service: Service, notifySocket: string): ChildProcess {
  const [program = '', ...args] = readUnit(`wardstone-${service}.service`)
    .words('ExecStart')
    .map((word) => word.replace('/opt/wardstone/', root).replace('/etc/wardstone', etc('')))
  const env = { NOTIFY_SOCKET: notifySocket, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) }
  return spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Ports of TCP that a process listens on (proc(5): state 0A, and the inode among its descriptors). */
function listening(pid: number): number[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return 'closed meanwhile'
      }
    }),
  )
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && own.has(`socket:[${inode}]`))
      .map(([, address = '']) => Number.parseInt(address.split(':')[1] ?? '', 16)),
  )
}

interface Lived {
  readonly said: readonly string[]
  readonly ports: readonly number[]
  readonly exit: unknown
  readonly errors: string
}

let started = 0

async function live(service: Service): Promise<Lived> {
  const socket = join(system, `notify-${++started}`)
  await using manager = await listenForNotices(socket)
  const child = start(service, socket)
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const gone = once(child, 'exit')
  try {
    const lives = manager.heard('WATCHDOG=1').then(() => 'lives')
    expect([await Promise.race([lives, gone]), errors.match(/\[[a-z_]+\]$/m)?.[0]]).toEqual(['lives', undefined])
    const ports = listening(child.pid ?? 0)
    child.kill('SIGTERM')
    return { said: manager.said, ports, exit: await gone, errors }
  } finally {
    child.kill('SIGKILL')
  }
}

describe('what the units start, from the examples, on a system that was set up by the page', () => {
  it.each([
    ['runtime', 1],
    ['egress', 0],
    ['updater', 0],
  ] as const)(
    '%s says when it serves, that it lives, and when it leaves; it listens on %d ports',
    async (service, ports) => {
      const lived = await live(service)
      expect(lived.said[0]).toMatch(/^(EXTEND_TIMEOUT_USEC=\d+|READY=1)$/)
      expect(lived.said).toEqual(expect.arrayContaining(['READY=1', 'WATCHDOG=1', 'STOPPING=1']))
      expect(lived.ports).toHaveLength(ports)
      expect(lived.exit).toEqual([0, null])
    },
  )

  it('the runtime listens on one port more where gRPC is configured', async () => {
    const config = JSON.parse(readFileSync(etc('runtime.json'), 'utf8'))
    writeFileSync(etc('runtime.json'), JSON.stringify({ ...config, oip: { grpc: { host: '127.0.0.1', port: 0 } } }))
    const { ports } = await live('runtime')
    expect(ports).toHaveLength(2)
  })
})
