import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ExternalCall, ExternalProtocol, ExternalRoute } from './external-protocol.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { pause, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

const calls: ExternalCall[] = []
let onCall: (call: ExternalCall) => Promise<{ refused?: string }> = async () => ({})

const route = (over: Partial<ExternalRoute>): ExternalRoute => ({
  method: 'POST',
  path: '/v9/models/:model/infer',
  action: 'decision.create',
  evidence: 'own',
  maxBodyBytes: 2 * 1024 * 1024,
  mediaTypes: ['application/json', 'application/octet-stream'],
  handle: async (call) => {
    calls.push(call)
    const more = await onCall(call)
    return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"ok":1}'), ...more }
  },
  ...over,
})

const protocol: ExternalProtocol = {
  prefixes: ['/v9', '/numbers'],
  routes: [
    route({}),
    route({
      method: 'GET',
      path: '/numbers',
      action: 'health.read',
      evidence: 'counted',
      maxBodyBytes: 0,
      mediaTypes: [],
    }),
  ],
  refusal: (code, { message }, status) => ({
    status,
    headers: { 'content-type': 'application/json', 'x-code': code },
    body: Buffer.from(JSON.stringify({ error: `${code}: ${message}` })),
  }),
}

let site: TestSite
let server: TestServer
let clinician: TestClient
beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site, { protocols: [protocol] })
  clinician = await server.as('clinician')
})
afterAll(() => server.app.close())
beforeEach(() => {
  calls.length = 0
  onCall = async () => ({})
})

const infer = '/v9/models/news2/infer'

describe('another protocol on the same listener', () => {
  it('gets the bytes as they came, and who sent them', async () => {
    const bytes = Buffer.from('{"a":1}\u0000\u0001', 'latin1')
    for (const type of ['application/json', 'application/octet-stream', 'application/json; charset=utf-8'])
      expect((await clinician.call(infer, { body: bytes, headers: { 'content-type': type } })).status).toBe(200)
    for (const { body, params, caller } of calls) {
      expect(Buffer.from(body)).toEqual(bytes)
      expect([params, caller.clientId]).toEqual([{ model: 'news2' }, 'clinician-1'])
    }
  })

  it('a body without a type, and one without an end that is known, come through', async () => {
    const head = `POST ${infer} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n`
    const text = await clinician.raw(`${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
    expect(text.slice(9, 12)).toBe('200')
    expect(Buffer.from(calls[0]!.body).toString()).toBe('abc')
  })

  it.each([
    ['a role that may not', 'engineer', {}, 403, 'access_denied'],
    ['another site', 'clinician', { origin: 'https://intranet.example' }, 403, 'request_cross_site'],
    ['another type', 'clinician', { 'content-type': 'text/plain' }, 415, 'request_unsupported_media_type'],
    ['a compressed body', 'clinician', { 'content-encoding': 'gzip' }, 415, 'request_unsupported_media_type'],
  ] as const)('refuses in its own words: %s', async (_, role, headers, status, code) => {
    const reply = await (await server.as(role)).call(infer, { body: '{}', headers })
    expect([reply.status, reply.headers['x-code']]).toEqual([status, code])
    expect(JSON.parse(reply.text)).toEqual({ error: expect.stringContaining(`${code}: `) })
    expect(calls).toEqual([])
  })

  it('holds the length of a body that says it, and of one that does not', async () => {
    const large = Buffer.alloc(2 * 1024 * 1024 + 1)
    expect((await clinician.call(infer, { body: large })).headers['x-code']).toBe('request_too_large')
    const head = `POST ${infer} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`
    expect(await clinician.raw(`${head}${chunk}${chunk}${chunk}0\r\n\r\n`)).toContain('request_too_large')
    expect(calls).toEqual([])
  })

  it('addresses of its own that nobody has are its own to refuse; those of others are not', async () => {
    expect((await clinician.call('/v9/nothing')).headers['x-code']).toBe('route_unknown')
    expect((await clinician.call('/v9')).headers['x-code']).toBe('route_unknown')
    expect((await clinician.call(infer)).headers).toMatchObject({ 'x-code': 'method_not_allowed', allow: 'POST' })
    expect((await clinician.call('/v99')).headers['x-code']).toBeUndefined()
    expect((await clinician.call('/numbers?x=1')).headers['x-code']).toBe('request_malformed')
    const bytes = await clinician.raw('GET /numbers HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx')
    expect(bytes).toContain('request_malformed')
  })

  it('a fault of the box is told under its request id, and stands in the log', async () => {
    onCall = () => Promise.reject(new TypeError('Anna Muster'))
    const reply = await clinician.call(infer, { body: '{}' })
    expect([reply.status, reply.headers['x-code']]).toEqual([500, 'internal'])
    expect(reply.text + server.logLines.join('')).not.toContain('Muster')
    expect(server.logLines.some((line) => line.includes(String(reply.headers['x-request-id'])))).toBe(true)
  })

  it('leaves evidence: what it counts, and what it has refused itself', async () => {
    const own = await startTestServer(site, { protocols: [protocol] })
    const client = await own.as('clinician')
    await client.call('/numbers')
    onCall = async () => ({ refused: 'oip_input_unknown' })
    await client.call(infer, { body: '{}' })
    await own.app.close()
    expect(own.ledger.ofKind('counted')).toMatchObject([
      { route: '/numbers', count: 1 },
      { route: '/v9/models/:model/infer', refused: 'oip_input_unknown', count: 1 },
    ])
  })

  it('is told when its client has left', async () => {
    const gone = Promise.withResolvers<void>()
    onCall = async ({ signal }) => {
      signal.addEventListener('abort', () => gone.resolve())
      await gone.promise
      return {}
    }
    const connection = await clinician.open()
    connection.write(`POST ${infer} HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}`)
    while (calls.length === 0) await pause(5)
    connection.socket.destroy()
    await gone.promise
  })

  it('spends the same budget', async () => {
    const strict = await startTestServer(site, { protocols: [protocol], limits: { maxInFlight: 0 } })
    const reply = await (await strict.as('clinician')).call(infer, { body: '{}' })
    expect([reply.status, reply.headers['x-code']]).toEqual([429, 'request_rate_limited'])
    await strict.app.close()
  })
})
