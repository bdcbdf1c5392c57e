import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { pause, type RawConnection, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

const GET = 'GET /v1/health HTTP/1.1\r\nHost: b\r\n\r\n'
const body = JSON.stringify(examples.DecisionRequest)
const POST = `POST /v1/decisions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

let site: TestSite
beforeAll(async () => {
  site = await createTestSite()
})

/** TCP connections that say nothing (or `words`), opened again whenever they are dropped. */
class IdleFlood {
  readonly #sockets = new Set<Socket>()
  readonly #port: number
  readonly #words: Uint8Array
  #isOver = false
  dropped = 0

  constructor(port: number, count: number, words: Uint8Array = Buffer.alloc(0)) {
    this.#port = port
    this.#words = words
    for (let n = 0; n < count; n += 1) this.#open()
  }

  #open(): void {
    const socket = connect({ host: '127.0.0.1', port: this.#port })
    this.#sockets.add(socket)
    socket.on('error', () => {})
    if (this.#words.length > 0) socket.write(this.#words)
    socket.on('data', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.dropped += 1
      if (!this.#isOver) this.#open()
    })
  }

  stop(): void {
    this.#isOver = true
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** What a TLS client says first. */
async function firstWords({ authority }: TestSite): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const listener = createServer((socket) => socket.once('data', resolve))
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done))
  const { port } = listener.address() as AddressInfo
  const client = connectTls({ host: '127.0.0.1', port, ca: authority.certificatePem })
  client.on('error', () => {})
  const words = await promise
  client.destroy()
  listener.close()
  return words
}

async function openMany(client: TestClient, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = []
  for (let n = 0; n < count; n += 1) connections.push(await client.open())
  await pause(50)
  return connections
}

/** What is closed is closed soon, not at once. */
function expectOpen(connections: readonly RawConnection[], expected: readonly boolean[]): Promise<void> {
  const areOpen = () => connections.map(({ isClosed }) => !isClosed)
  return expect.poll(areOpen, { timeout: 10_000 }).toEqual(expected)
}

function shedCounts(server: TestServer): Record<string, number> {
  const leaves = server.ledger.ofKind('counted').filter((leaf) => leaf.refused === 'connection_shed')
  return Object.fromEntries(leaves.map(({ client, count }) => [String(client), Number(count)]))
}

describe('connections without a certificate', () => {
  it.each([
    ['that say nothing', Buffer.alloc(0)],
    ['that begin a handshake and stop', Buffer.from([0x16, 0x03, 0x01])],
  ])('540 %s, opened again when dropped, stop nobody', async (_, words) => {
    const own = await startTestServer(site)
    const client = await own.as('clinician')
    const flood = new IdleFlood(own.port, 540, words)
    await pause(500)
    const times: number[] = []
    for (let count = 0; count < 5; count += 1) {
      const startMs = performance.now()
      const reply = await client.call('/v1/health').catch(() => client.call('/v1/health'))
      expect(reply.status).toBe(200)
      times.push(performance.now() - startMs)
    }
    flood.stop()
    expect(Math.max(...times)).toBeLessThan(8000)
    expect(flood.dropped).toBeGreaterThan(100)
    await pause(200)
    await own.app.close()
    expect(shedCounts(own).anonymous).toBeGreaterThan(100)
    expect(own.ledger.leaves.length).toBeLessThan(20)
    const lines = own.logLines.filter((line) => line.includes('connection-shed'))
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.length).toBeLessThanOrEqual(125)
    expect(own.logLines.join('')).toContain('log-lines-left-out')
  })

  it('in their handshake have a pool of their own; those that speak no TLS go first, the oldest before the others', async () => {
    const own = await startTestServer(site, { limits: { maxHandshakes: 3, handshakeTimeoutMs: 20_000 } })
    const hello = (await firstWords(site)).toString('latin1')
    const closed: number[] = []
    const open = async (name: number, words: string) => {
      const socket = connect({ host: '127.0.0.1', port: own.port })
      socket.on('error', () => {})
      socket.once('close', () => closed.push(name))
      if (words !== '') socket.write(Buffer.from(words, 'latin1'))
      await pause(60)
      return socket
    }
    const sockets = [await open(1, hello), await open(2, '\x16\x03\x01'), await open(3, ''), await open(4, '')]
    sockets.push(await open(5, ''))
    await expect.poll(() => closed, { timeout: 5000 }).toEqual([2, 3])
    expect((await (await own.as('clinician')).call('/v1/health')).status).toBe(200)
    await expect.poll(() => closed, { timeout: 5000 }).toEqual([2, 3, 4])
    for (const socket of sockets) socket.destroy()
    await pause(50)
    await own.app.close()
    expect(shedCounts(own)).toEqual({ anonymous: 3 })
    const failed = own.ledger.ofKind('counted').filter((leaf) => leaf.refused === 'tls_handshake_failed')
    expect(
      failed.map(({ count }) => count),
      'what was cut here has not failed there',
    ).toEqual([2])
  })

  it('are so many per address; an idle connection gives way, one in work does not', async () => {
    const own = await startTestServer(site, { limits: { maxConnectionsPerAddress: 3 } })
    let finish = () => {}
    own.decisions.onDecide = () =>
      new Promise((resolve) => {
        finish = () => resolve(examples.DecisionAnswer)
      })
    const client = await own.as('clinician')
    const [busy, idle, other] = await openMany(client, 3)
    busy?.write(POST)
    await pause(100)
    const late = await client.open()
    await pause(100)
    await expectOpen([busy!, idle!, other!, late], [true, false, true, true])
    finish()
    expect(await busy?.until('Pseudonym')).toContain('HTTP/1.1 200 ')
    for (const one of [busy, other, late]) one?.socket.destroy()
    await own.app.close()
  })
})

describe('connections with a certificate', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer(site, { limits: { maxConnections: 10, maxConnectionsPerCertificate: 6 } })
  })
  afterAll(() => server.app.close())

  it('are so many: the one that was idle longest goes, and is counted under its name', async () => {
    const own = await startTestServer(site, { limits: { maxConnectionsPerCertificate: 4 } })
    const client = await own.as('bedside', 'hoarder')
    const connections = await openMany(client, 4)
    connections[0]?.write(GET)
    await connections[0]?.until('ready')
    connections.push(...(await openMany(client, 2)))
    await expectOpen(connections, [true, false, false, true, true, true])
    expect((await (await own.as('bedside', 'other')).call('/v1/health')).status).toBe(200)
    for (const { socket } of connections) socket.destroy()
    await own.app.close()
    expect(shedCounts(own)).toEqual({ hoarder: 2 })
    expect(own.logLines.filter((line) => line.includes('connection-shed') && line.includes('hoarder')).length).toBe(2)
  })

  it('are 32 unless configured', async () => {
    const own = await startTestServer(site)
    const client = await own.as('bedside', 'hoarder')
    const connections = await openMany(client, 40)
    await expectOpen(connections, [...Array(8).fill(false), ...Array(32).fill(true)])
    for (const { socket } of connections) socket.destroy()
    await own.app.close()
  })

  it('that all work keep their places: the newcomer of that certificate goes', async () => {
    const own = await startTestServer(site, { limits: { maxConnectionsPerCertificate: 2 } })
    const finishers: (() => void)[] = []
    own.decisions.onDecide = () => new Promise((resolve) => finishers.push(() => resolve(examples.DecisionAnswer)))
    const client = await own.as('bedside', 'busy')
    const connections = await openMany(client, 2)
    for (const connection of connections) connection.write(POST)
    await pause(100)
    const late = await client.open()
    await expectOpen([...connections, late], [true, true, false])
    for (const finish of finishers) finish()
    for (const connection of connections) expect(await connection.until('Pseudonym')).toContain('200')
    for (const { socket } of connections) socket.destroy()
    await own.app.close()
  })

  it('under pressure are taken from the client that holds most, the oldest idle one first', async () => {
    const [many, few, last] = [
      await server.as('bedside', 'many'),
      await server.as('bedside', 'few'),
      await server.as('bedside', 'last'),
    ]
    const ofFew = await openMany(few, 4)
    const ofMany = await openMany(many, 6)
    const ofLast = await openMany(last, 2)
    await expectOpen(ofMany, [false, false, true, true, true, true])
    // The older, but fewer.
    await expectOpen(ofFew, [true, true, true, true])
    await expectOpen(ofLast, [true, true])
    for (const { socket } of [...ofFew, ...ofMany, ...ofLast]) socket.destroy()
  })
})
