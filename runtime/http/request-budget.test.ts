import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { beforeAll, describe, expect, it } from 'vitest'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { defaultLimits } from './limits.ts'
import { examples } from './openapi-examples.ts'
import { RequestBudget } from './request-budget.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause } from './testkit/client.ts'
import { startTestServer } from './testkit/test-server.ts'

const MIB = 1024 * 1024
const body = JSON.stringify(examples.DecisionRequest)
const head = (length: number) =>
  `POST /v1/decisions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

function setUp(change: Partial<typeof defaultLimits> = {}) {
  const clock = new FakeClock()
  const budget = new RequestBudget({ ...defaultLimits, ...change }, clock)
  const isTaken = (client: string, bytes = 0) => {
    try {
      return budget.take(client, bytes)
    } catch {
      return undefined
    }
  }
  return { clock, budget, isTaken }
}

describe('a budget', () => {
  it('holds each client to its requests in work, and others to theirs', () => {
    const { budget, isTaken } = setUp({ maxInFlight: 3 })
    const leases = [budget.take('a', 0), budget.take('a', 0), budget.take('a', 0)]
    expect(() => budget.take('a', 0)).toThrow('too many requests in work')
    expect(isTaken('b')).toBeDefined()
    leases[0]?.hold()
    leases[0]?.release()
    expect(isTaken('a'), 'still held').toBeUndefined()
    leases[0]?.release()
    expect(isTaken('a')).toBeDefined()
    expect(isTaken('a')).toBeUndefined()
  })

  it('holds each client to its bytes in work, and takes one body however large', () => {
    const { isTaken } = setUp({ maxInFlightBytes: 4 * MIB })
    const leases = Array.from({ length: 5 }, () => isTaken('a', MIB))
    expect(leases.map((lease) => lease !== undefined)).toEqual([true, true, true, true, false])
    expect(isTaken('a', 0), 'no byte more').toBeDefined()
    leases[0]?.release()
    expect(isTaken('a', MIB)).toBeDefined()
    expect(setUp({ maxInFlightBytes: 1 }).isTaken('a', MIB)).toBeDefined()
  })

  it('fills at a steady rate up to the burst, and says when to come again', () => {
    const { clock, budget, isTaken } = setUp({ requestsPerSecond: 10, requestBurst: 20 })
    const take = (count: number) =>
      Array.from({ length: count }, () => isTaken('a')).filter((lease) => {
        lease?.release()
        return lease !== undefined
      }).length
    expect(take(30)).toBe(20)
    expect(() => budget.take('a', 0)).toThrow(
      expect.objectContaining({ code: 'request_rate_limited', retryAfterMs: 100 }),
    )
    clock.advance(1000)
    expect(take(30)).toBe(10)
    clock.advance(3_600_000)
    expect(take(30)).toBe(20)
  })

  it('counts a large body as several requests, but never as more than the burst', () => {
    const { isTaken } = setUp({ requestBurst: 100, bytesPerRequest: 16 * 1024 })
    isTaken('a', MIB)?.release()
    expect(isTaken('a', MIB), '64 of 100 are gone').toBeUndefined()
    expect(isTaken('a', 36 * 16 * 1024)).toBeDefined()
    expect(setUp({ requestBurst: 2 }).isTaken('a', MIB)).toBeDefined()
  })

  it('does not count time that the wall clock makes up', () => {
    const { clock, isTaken } = setUp({ requestsPerSecond: 1, requestBurst: 1 })
    isTaken('a')?.release()
    clock.jumpMs(3_600_000)
    expect(isTaken('a')).toBeUndefined()
  })

  it('remembers those who ask, not all who ever asked', () => {
    const { clock, isTaken } = setUp({ requestsPerSecond: 1, requestBurst: 1 })
    isTaken('a')?.release()
    for (let count = 0; count < 5000; count += 1) isTaken(`m-${count}`)?.release()
    expect(isTaken('a'), 'is not forgotten by asking under many names').toBeUndefined()
    clock.advance(60_000)
    expect(isTaken('a')).toBeDefined()
  })
})

describe('one client that asks too much', () => {
  let site: TestSite
  beforeAll(async () => {
    site = await createTestSite()
  })

  it('is told so, counted, and keeps its connection; the others are served', async () => {
    const own = await startTestServer(site, { limits: { requestsPerSecond: 1, requestBurst: 5 } })
    const [greedy, other] = [await own.as('bedside', 'greedy'), await own.as('bedside', 'other')]
    const agent = greedy.agent()
    const sockets = new Set<unknown>()
    const statuses: number[] = []
    for (let count = 0; count < 60; count += 1) {
      const reply = await greedy.call('/v1/decisions', { body, agent })
      statuses.push(reply.status)
      for (const socket of Object.values(agent.freeSockets).flat()) sockets.add(socket)
      if (reply.status === 429) {
        expect(reply.json.error?.code).toBe('request_rate_limited')
        expect(Number(reply.headers['retry-after'])).toBeGreaterThanOrEqual(1)
      }
    }
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200])
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(40)
    expect(sockets.size, 'connections').toBe(1)
    expect((await other.call('/v1/decisions', { body })).status).toBe(200)
    agent.destroy()
    await own.app.close()
    expect(own.ledger.ofKind('refused')).toEqual([])
    const counts = own.ledger.ofKind('counted').filter((leaf) => leaf.refused === 'request_rate_limited')
    expect(counts.reduce((sum, leaf) => sum + Number(leaf.count), 0)).toBeGreaterThan(40)
    expect(counts.every((leaf) => leaf.client === 'greedy')).toBe(true)
  })

  it('cannot have more in work by leaving and coming again', async () => {
    const own = await startTestServer(site, { limits: { maxInFlight: 2 } })
    const finishers: (() => void)[] = []
    own.decisions.onDecide = () => new Promise((resolve) => finishers.push(() => resolve(examples.DecisionAnswer)))
    const client = await own.as('bedside')
    for (let count = 0; count < 2; count += 1) {
      const connection = await client.open()
      connection.write(head(body.length) + body)
      await pause(100)
      connection.socket.destroy()
    }
    await pause(100)
    expect((await client.call('/v1/decisions', { body })).status).toBe(429)
    for (const finish of finishers) finish()
    await pause(50)
    expect((await client.call('/v1/health')).status).toBe(200)
    await own.app.close()
  })

  it('has its place back when a request breaks off or is refused', async () => {
    const own = await startTestServer(site, { limits: { maxInFlight: 1 } })
    const client = await own.as('bedside')
    for (let count = 0; count < 3; count += 1) {
      const half = await client.open()
      half.write(head(500) + body.slice(0, 50))
      await pause(50)
      half.socket.destroy()
      await pause(50)
      expect((await client.call('/nowhere')).status).toBe(404)
      expect((await client.call('/%zz')).status).toBe(404)
      expect((await client.call('/v1/decisions', { body: '{' })).status).toBe(400)
      expect((await client.call('/v1/health')).status).toBe(200)
    }
    await own.app.close()
  })

  it('is refused before its large bodies are read', async () => {
    const own = await startTestServer(site, { limits: { maxInFlightBytes: 2 * MIB } })
    const client = await own.as('bedside')
    const open = async (line: string) => {
      const connection = await client.open()
      connection.write(line)
      return connection
    }
    const waiting = [await open(head(MIB)), await open(head(MIB))]
    await pause(100)
    const refused = await open(head(MIB))
    expect(codeIn(await refused.until('"code"'))).toBe('request_rate_limited')
    const endless = await open(head(1).replace('Content-Length: 1', 'Transfer-Encoding: chunked'))
    expect(codeIn(await endless.closed(3000))).toBe('request_rate_limited')
    for (const connection of [...waiting, refused]) connection.socket.destroy()
    await own.app.close()
  })
})

describe('many connections of one client with many large bodies', () => {
  it('do not keep another client from its answer', { timeout: 90_000 }, async () => {
    const site = await createTestSite()
    const own = await startTestServer(site, { limits: { drainMs: 500 } })
    const greedy = await site.client('bedside', 'greedy')
    const other = await own.as('bedside', 'other')
    const padding = Array(900).fill('x'.repeat(900))
    const large = JSON.stringify({ ...examples.DecisionRequest, inputs: {}, padding })
    const workerData = { ...own.client(greedy).tls, connections: 40, bytes: (head(large.length) + large).repeat(3) }
    const flood = new Worker(new URL('./testkit/body-flood.ts', import.meta.url), { workerData })
    await once(flood, 'message')
    const agent = other.agent()
    const before = process.memoryUsage().rss
    const times: number[] = []
    for (let count = 0; count < 6; count += 1) {
      const startMs = performance.now()
      expect((await other.call('/v1/health', { agent })).status).toBe(200)
      times.push(performance.now() - startMs)
      await pause(50)
    }
    expect(Math.max(...times)).toBeLessThan(8000)
    expect(process.memoryUsage().rss - before).toBeLessThan(700 * MIB)
    agent.destroy()
    await flood.terminate()
    await own.app.close()
    expect(JSON.stringify(own.ledger.leaves)).toContain('request_rate_limited')
  })
})
