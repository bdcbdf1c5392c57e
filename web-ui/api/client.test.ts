import { describe, expect, it } from 'vitest'
import { createClient, faultFrom } from './client.ts'

const answering = (response: Response) =>
  createClient(
    async () => response,
    () => Date.parse('2026-01-05T10:00:00Z'),
  )

describe('the client of the pages', () => {
  it('gives the body of a success', async () => {
    expect(await answering(Response.json({ a: 1 })).json('/v1/health')).toEqual({ value: { a: 1 } })
  })

  it('tells a box that is silent from one that refuses and from one that fails', async () => {
    const broken = createClient(
      () => Promise.reject(new TypeError('fetch failed')),
      () => 0,
    )
    expect((await broken.json('/v1/health')).fault?.kind).toBe('unreachable')
    expect((await answering(new Response('<html>', { status: 502 })).json('/v1/health')).fault).toMatchObject({
      kind: 'failed',
      code: 'status 502',
    })
    expect((await answering(new Response('not JSON')).json('/v1/health')).fault?.kind).toBe('failed')
  })

  it.each([
    [401, 'access_revoked', 'denied'],
    [403, 'access_denied', 'denied'],
    [404, 'route_unknown', 'not-offered'],
    [405, 'method_not_allowed', 'not-offered'],
    [404, 'decision_unknown', 'refused'],
    [409, 'change_not_confirmed', 'refused'],
    [503, 'server_stopping', 'failed'],
  ])('takes status %i with %s as %s', (status, code, kind) => {
    const fault = faultFrom(status, JSON.stringify({ error: { code, message: 'Words.', requestId: 'r' } }))
    expect(fault).toEqual({ kind, code, message: 'Words.', requestId: 'r' })
  })

  it('does not take words that are no text from a body', () => {
    expect(faultFrom(500, '{"error":{"code":7,"message":["x"]}}')).toMatchObject({ code: 'status 500' })
    expect(faultFrom(500, 'null')).toMatchObject({ kind: 'failed' })
  })

  it('keeps time by the clock of the box, not by that of the browser', async () => {
    const client = answering(Response.json({}, { headers: { date: 'Mon, 05 Jan 2026 11:30:00 GMT' } }))
    await client.json('/v1/health')
    expect(new Date(client.nowMs()).toISOString()).toBe('2026-01-05T11:30:00.000Z')
  })
})
