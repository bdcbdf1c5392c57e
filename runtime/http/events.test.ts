import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ActiveModel, Decision } from '../decisions/types.ts'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { pause } from './testkit/client.ts'
import { type EventClient, openEvents } from './testkit/event-client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

const model = { slot: 'news2', manifest: { display: 'NEWS2', version: '1.0.0', clinicalStatus: 'advisory' } }
const fast = { eventTickMs: 40, eventKeepMs: 80, eventStallMs: 400 }

let site: TestSite
let server: TestServer
const open: EventClient[] = []
beforeAll(async () => {
  site = await createTestSite()
})
afterEach(async () => {
  for (const events of open.splice(0)) events.close()
  await server.app.close()
})

/** A decision in which everything about the patient carries a mark. */
function decision(number: number, over: Partial<Decision> = {}): Decision {
  const id = `${number.toString(16).padStart(8, '0')}-6f0e-4f5b-9d3c-2b7a51c0e9d4`
  const { decision: example } = examples.DecisionAnswer
  const output = { display: 'Marked output', unit: '1', values: [7777 + number], label: null }
  return {
    ...example,
    decisionId: id,
    subjectPseudonym: `P-MARK-${number}`,
    narrative: `Marked narrative ${number}`,
    assessment: {
      outputs: {
        total: { ...output, role: 'score' },
        raw: { ...output, role: 'tensor', dims: [1] },
      },
      threshold: null,
      alert: number % 2 === 1,
    },
    ...over,
  }
}

const decide = (number: number, over: Partial<Decision> = {}) =>
  server.live.add(decision(number, over), model as unknown as ActiveModel)

async function watch(role: 'clinician' | 'officer' | 'engineer', headers: Record<string, string> = {}) {
  const events = await openEvents(await server.as(role), headers)
  open.push(events)
  return events
}

describe('a stream', () => {
  it('says hello, how the box is, what was decided and what is being decided', async () => {
    server = await startTestServer(site, { limits: fast })
    decide(1)
    const events = (await watch('clinician')).read()
    expect([events.status, events.headers['content-type'], events.headers['cache-control']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      'no-store',
    ])
    await events.until(() => events.events('decision').length === 1)
    decide(2)
    await events.until(() => events.events('decision').length === 2 && events.text.includes(': keep'))
    expect(events.events('hello')).toEqual([{ id: undefined, data: { resumed: false } }])
    expect(events.events('health')).toEqual([{ id: undefined, data: examples.HealthAnswer }])
    const [first, second] = events.events('decision')
    expect(first).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{8}-1$/),
      data: {
        slot: 'news2',
        alert: true,
        provider: 'cpu',
        read: { subjectPseudonym: 'P-MARK-1', outputs: { total: { values: [7778] } } },
      },
    })
    expect(Object.keys((first!.data.read as { outputs: object }).outputs)).toEqual(['total'])
    expect(second?.id?.endsWith('-2')).toBe(true)
  })

  it('says how the box is again when that has changed, and not otherwise', async () => {
    server = await startTestServer(site, { limits: fast })
    const events = (await watch('officer')).read()
    await pause(200)
    expect(events.events('health')).toHaveLength(1)
    server.decisions.onHealth = () => ({ ...examples.HealthAnswer, status: 'degraded' })
    expect(await events.until(() => events.events('health').length === 2)).toBe(true)
    server.decisions.onHealth = () => {
      throw new TypeError('x')
    }
    decide(1)
    expect(await events.until(() => events.events('decision').length === 1)).toBe(true)
  })

  it('goes on after what its reader has seen', async () => {
    server = await startTestServer(site, { limits: fast })
    for (let number = 1; number <= 3; number++) decide(number)
    const first = (await watch('clinician')).read()
    await first.until(() => first.events('decision').length === 3)
    const ids = first.events('decision').map(({ id }) => id!)
    const again = (await watch('clinician', { 'last-event-id': ids[1]! })).read()
    await again.until(() => again.events('decision').length === 1)
    expect(again.events('hello')[0]?.data).toEqual({ resumed: true })
    expect(again.events('decision').map(({ id }) => id)).toEqual([ids[2]])
    const newest = (await watch('clinician', { 'last-event-id': ids[2]! })).read()
    await newest.until(() => newest.events('health').length === 1)
    expect(newest.events('hello')[0]?.data).toEqual({ resumed: true })
    decide(4)
    await newest.until(() => newest.events('decision').length === 1)
    expect(newest.events('decision')[0]?.data).toMatchObject({ read: { subjectPseudonym: 'P-MARK-4' } })
  })

  it.each(['', '0', '-1', 'zzzzzzzz-1', '00000000-1', 'x'.repeat(4000), '99999999999999999999-1', '%00', '../1'])(
    'begins anew for the last id %j',
    async (lastId) => {
      server = await startTestServer(site, { limits: fast })
      decide(1)
      const events = (await watch('clinician', { 'last-event-id': lastId })).read()
      await events.until(() => events.events('decision').length === 1)
      expect(events.events('hello')[0]?.data).toEqual({ resumed: false })
    },
  )

  it('begins anew for an id of the future, and for one that has left the ring', async () => {
    server = await startTestServer(site, { limits: fast })
    for (let number = 1; number <= 205; number++) decide(number)
    const events = (await watch('clinician')).read()
    await events.until(() => events.events('decision').length === 200)
    const [first] = events.events('decision')
    expect(first?.id?.endsWith('-6')).toBe(true)
    const process = first?.id?.slice(0, 8)
    for (const lost of [5, 206, 1e12]) {
      const again = (await watch('clinician', { 'last-event-id': `${process}-${lost}` })).read()
      await again.until(() => again.events('decision').length === 200)
      expect(again.events('hello')[0]?.data).toEqual({ resumed: false })
      again.close()
      await again.until(() => again.isOver)
    }
  })
})

describe('an engineer', () => {
  it('never learns whose, what or which: the bytes hold none of it', async () => {
    server = await startTestServer(site, { limits: fast })
    for (let number = 1; number <= 20; number++) decide(number)
    const refusal = { code: 'input_missing', about: 'respiratory-rate', message: 'An input is missing.' }
    decide(21, { outcome: 'refused', refusal, assessment: null, explanation: null, validUntil: null })
    const events = (await watch('engineer')).read()
    await events.until(() => events.events('decision').length === 21)
    decide(22)
    await events.until(() => events.events('decision').length === 22)
    for (let number = 1; number <= 22; number++) {
      const { decisionId, subjectPseudonym, narrative } = decision(number)
      for (const hidden of [decisionId, subjectPseudonym, narrative, String(7777 + number)])
        expect(events.text).not.toContain(hidden)
    }
    expect(events.text).not.toMatch(/MARK|Marked|2b7a51c0e9d4/)
    expect(events.events('decision').map(({ data }) => data.read)).toEqual(Array(22).fill(null))
    expect(events.events('decision')[20]?.data).toMatchObject({ outcome: 'refused', alert: null, refusal })
  })
})

describe('who may not stay', () => {
  it('a certificate that is withdrawn hears no more, at once, and that is recorded', async () => {
    let revoked = false
    server = await startTestServer(site, { limits: fast, isRevoked: () => revoked })
    const events = (await watch('clinician')).read()
    await events.until(() => events.text.includes('event: health'))
    revoked = true
    decide(1)
    expect(await events.until(() => events.isOver)).toBe(true)
    expect(events.text).not.toContain('event: decision')
    await pause(50)
    expect(server.ledger.ofKind('refused')).toMatchObject([{ code: 'access_revoked', route: '/v1/events' }])
  })

  it('a list of withdrawn certificates that cannot be read keeps nobody in', async () => {
    let fails = false
    const isRevoked = () => {
      if (fails) throw new TypeError('x')
      return false
    }
    server = await startTestServer(site, { limits: fast, isRevoked })
    const events = (await watch('officer')).read()
    await events.until(() => events.text.includes('event: health'))
    fails = true
    expect(await events.until(() => events.isOver)).toBe(true)
  })

  it('more than four of one client are refused; others still come, and a place that is left is free', async () => {
    server = await startTestServer(site, { limits: fast })
    const all = await Promise.all(Array.from({ length: 12 }, () => watch('clinician')))
    expect(all.map(({ status }) => status).sort()).toEqual([...Array(4).fill(200), ...Array(8).fill(429)])
    expect(all.find(({ status }) => status === 429)?.headers['retry-after']).toBe('5')
    expect((await watch('officer')).status).toBe(200)
    for (const events of all) events.close()
    await pause(100)
    expect((await watch('clinician')).status).toBe(200)
  })

  it('a thousand that come and go leave nothing behind, and hold no place of requests', async () => {
    server = await startTestServer(site, { limits: { ...fast, maxInFlight: 2 } })
    const client = await server.as('clinician')
    const head = 'GET /v1/events HTTP/1.1\r\nHost: b\r\n\r\n'
    const statuses: string[] = []
    for (let round = 0; round < 50; round++) {
      const connections = await Promise.all(Array.from({ length: 20 }, () => client.open()))
      for (const connection of connections) connection.write(head)
      await Promise.all(connections.map((connection) => connection.until('\r\n\r\n', 1000)))
      statuses.push(...connections.map(({ received }) => received.slice(9, 12)))
      for (const { socket } of connections) socket.destroy()
    }
    expect(statuses.filter((status) => status === '200').length).toBeGreaterThan(0)
    expect(statuses.filter((status) => !['200', '429', ''].includes(status))).toEqual([])
    await pause(200)
    const held = await Promise.all([watch('clinician'), watch('clinician'), watch('clinician'), watch('clinician')])
    expect(held.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect((await client.call('/v1/health')).status).toBe(200)
  }, 60_000)

  it('a reader that does not read is cut, and keeps nobody waiting', async () => {
    server = await startTestServer(site, { limits: fast })
    const deaf = await (await server.as('clinician')).open()
    deaf.socket.pause()
    deaf.write('GET /v1/events HTTP/1.1\r\nHost: b\r\n\r\n')
    const good = (await watch('officer')).read()
    let number = 0
    const narrative = 'x'.repeat(60_000)
    const end = performance.now() + 8000
    let held = await countOf(server)
    while (held > 1 && performance.now() < end) {
      number += 1
      decide(number, { narrative })
      await pause(5)
      held = await countOf(server)
    }
    expect(held).toBe(1)
    await good.until(() => good.events('decision').length === number)
    expect(good.events('decision')).toHaveLength(number)
  }, 20_000)

  it('a box that stops does not wait for those who watch', async () => {
    server = await startTestServer(site, { limits: fast })
    const events = (await watch('clinician')).read()
    await events.until(() => events.text.includes('event: health'))
    const start = performance.now()
    await server.app.close()
    expect(performance.now() - start).toBeLessThan(2000)
    expect(await events.until(() => events.isOver)).toBe(true)
  })

  it('is counted when it opens, and once a minute and client while it is open', async () => {
    let nowMs = Math.floor(Date.now() / 60_000) * 60_000
    const minutes = [nowMs, nowMs + 60_000].map((ms) => `${new Date(ms).toISOString().slice(0, 16)}Z`)
    const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now() }
    server = await startTestServer(site, { limits: fast, clock })
    await Promise.all([watch('clinician'), watch('clinician'), watch('engineer')])
    nowMs += 60_000
    await pause(120)
    await server.app.close()
    const counted = server.ledger.ofKind('counted').map(({ client, minute, count }) => [client, minute, count])
    expect(counted.sort()).toEqual([
      ['clinician-1', minutes[0], 2],
      ['clinician-1', minutes[1], 1],
      ['engineer-1', minutes[0], 1],
      ['engineer-1', minutes[1], 1],
    ])
  })
})

function countOf({ app }: TestServer): Promise<number> {
  return new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))
}
