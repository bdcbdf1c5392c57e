import { renameSync, writeFileSync } from 'node:fs'
import { createServer, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FleetCertificates, type Party } from '../../updater/operator/testkit/fleet-certificates.ts'
import { Mosquitto } from '../../updater/operator/testkit/mosquitto.ts'
import type { Child } from './testkit/child.ts'
import { Collector } from './testkit/collector.ts'
import { DEVICE, EgressSite, until } from './testkit/egress-site.ts'

const DAY_MS = 86_400_000

let site: EgressSite
const open: { close(): Promise<unknown> }[] = []

beforeEach(async () => {
  site = await EgressSite.create()
})

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
  site.remove()
})

async function keep(starting: Promise<Child>): Promise<Child> {
  const child = await starting
  open.push({ close: () => child.kill() })
  return child
}

/** A server that shows a certificate and writes down what it is told. */
async function listener(party: Party): Promise<{ connections(): number; heard(): number }> {
  let [connections, heard] = [0, 0]
  const sockets = new Set<TLSSocket>()
  const server = createServer({ key: party.key, cert: party.cert, ca: party.ca, requestCert: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (part) => {
      heard += part.length
    })
  })
  server.on('connection', () => {
    connections += 1
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  site.configure(typeof address === 'object' && address !== null ? address.port : 0)
  open.push({
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return { connections: () => connections, heard: () => heard }
}

const nowhere = { dnsNames: ['elsewhere.test'], ipAddresses: ['127.0.0.9'] }
const brokers: readonly [string, () => Promise<Party>][] = [
  [
    'that another authority vouches for',
    async () => (await FleetCertificates.create('Another authority')).issue('broker', 'server'),
  ],
  [
    'with an expired certificate',
    () => site.certificates.issue('broker', 'server', { nowMs: Date.now() - 30 * DAY_MS }),
  ],
  ['with a certificate of another host', () => site.certificates.issue('broker', 'server', { hosts: nowhere })],
  ['with the certificate of a device', () => site.certificates.issue('box-2')],
]

describe('a broker', () => {
  it.each(brokers)('%s is told nothing, even where TLS was switched off from outside', async (_what, issue) => {
    const broker = await listener(await issue())
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    const egress = await keep(site.startEgress()).finally(() => {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    })
    await until('a second try', () => broker.connections() >= 2)
    expect(egress.words).toMatch(/egress-connect-failed[^\n]*egress_connection_failed/)
    expect(egress.words).not.toContain('egress-connected')
    expect(broker.heard()).toBe(0)
  })
})

describe('a certificate that is renewed', () => {
  /** As whoever renews it does: each file whole, one after the other. */
  const replace = (name: string, content: string) => {
    writeFileSync(site.path('new'), content, { mode: 0o600 })
    renameSync(site.path('new'), site.path(name))
  }

  it('is taken without a restart, once key and certificate fit, and nothing is lost between', async () => {
    const broker = await Mosquitto.start(site.folder, site.certificates)
    open.push({ close: () => broker.down('SIGKILL') })
    site.configure(Number(new URL(broker.url).port))
    const collector = new Collector(broker.url, site.fleet)
    open.push(collector)
    const egress = await keep(site.startEgress())
    await keep(site.startRuntime(1500, 400))
    await until('records', () => collector.records.length > 100)
    const next = await site.certificates.issue(DEVICE)
    replace('egress.key', next.key)
    await egress.says(/egress-certificate-unusable/, 5000)
    const before = collector.records.length
    await until('the old one goes on', () => collector.records.length > before)
    replace('egress.pem', next.cert)
    await egress.says(/egress-certificate-renewed[\s\S]*egress-connected/, 10_000)
    await until('all records', () => collector.records.length === 1500)
    expect([collector.faults, collector.streams.size]).toEqual([[], 1])
    const births = collector.states.filter(({ status }) => status === 'online').map(({ boot }) => boot)
    expect([...new Set(births)]).toEqual([1, 2])
    expect(collector.states.some(({ status }) => status === 'offline')).toBe(false)
    // A file that is gone or none changes nothing; and each is named once.
    replace('egress.pem', 'no certificate')
    await until('the word for it', () => egress.words.match(/egress-certificate-unusable/g)?.length === 2)
    expect(egress.process.exitCode).toBe(null)
  })
})
