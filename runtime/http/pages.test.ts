import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../device/platform/log.ts'
import { roles } from '../access/principal.ts'
import { examples } from './openapi-examples.ts'
import { readPageFiles } from './page-files.ts'
import { PAGE_HEADERS } from './page-headers.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import type { TestClient } from './testkit/client.ts'
import { pagesFolder, pageText } from './testkit/pages.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'
import { FORM_DATA, partsOf, requestPart } from './testkit/uploads.ts'

let site: TestSite
let server: TestServer
let client: TestClient
beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
  // The name in the certificate of the box is not what these tests are about: some say another host.
  const tls = { servername: 'box', checkServerIdentity: () => undefined }
  client = server.client(await site.client('clinician', 'clinician-1'), tls)
})
afterAll(() => server.app.close())

describe('the pages', () => {
  it('come with what a browser has to hold them to', async () => {
    const reply = await client.call('/')
    expect([reply.status, reply.text]).toEqual([200, pageText])
    expect(reply.headers).toMatchObject({
      ...PAGE_HEADERS,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
    })
  })

  it.each([
    ['index-1a2b.js', 'text/javascript; charset=utf-8'],
    ['index-1a2b.css', 'text/css; charset=utf-8'],
  ])('%s is kept by a browser, because its name says what is in it', async (name, type) => {
    const reply = await client.call(`/assets/${name}`)
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      ...PAGE_HEADERS,
      'content-type': type,
      'cache-control': 'public, max-age=31536000, immutable',
    })
  })

  it.each([
    '/assets/notes.txt',
    '/assets/.hidden.js',
    '/assets/..%2fsecret.js',
    '/assets/%2e%2e%2fsecret.js',
    '/assets/..%5csecret.js',
    '/assets/index-1a2b.js%00.css',
    '/assets/constructor',
    '/assets/__proto__',
    '/assets/',
    '/assets/../secret.js',
    '/assets/a/../../secret.js',
    '//secret.js',
    '/secret.js',
    '/index.html',
    `/assets/${'a'.repeat(4000)}`,
  ])('%s is none of them', async (path) => {
    const reply = await client.call(path)
    expect([404, 405]).toContain(reply.status)
    expect(reply.text).not.toContain('outside')
    expect(['page_unknown', 'route_unknown', 'method_not_allowed']).toContain(reply.json.error?.code)
  })

  it('a link among the files makes it no page folder', () => {
    const assets = join(pagesFolder, 'assets')
    if (!existsSync(join(assets, 'link.js'))) symlinkSync('../secret.js', join(assets, 'link.js'))
    expect(() => readPageFiles(pagesFolder, silentLog).file('link.js')).toThrow(/no such page/)
  })

  it('are not there when they were never built, and the rest is', async () => {
    const bare = await startTestServer(site, { pages: '/nowhere' })
    const own = await bare.as('engineer')
    expect((await own.call('/')).json.error?.code).toBe('page_unknown')
    expect((await own.call('/v1/health')).status).toBe(200)
    await bare.app.close()
  })
})

describe('who asks', () => {
  it.each(roles)('%s is told its own actions and no others', async (role) => {
    const reply = await (await server.as(role)).call('/v1/whoami')
    expect(reply.json).toMatchObject({ clientId: `${role}-1`, role })
    const { actions } = reply.json as unknown as { actions: string[] }
    expect(actions.includes('decision.read')).toBe(role === 'clinician' || role === 'officer')
    expect(actions.includes('models.change')).toBe(role === 'engineer')
  })
})

/** What a browser says of a request, and whether it may be answered. */
const own = () => `https://127.0.0.1:${server.port}`

describe('a page of another site', () => {
  const foreign: [string, () => Record<string, string>][] = [
    ['cross-site', () => ({ 'sec-fetch-site': 'cross-site' })],
    ['same-site but not the same origin', () => ({ 'sec-fetch-site': 'same-site' })],
    ['a word that no browser says', () => ({ 'sec-fetch-site': 'Same-Origin' })],
    ['another origin', () => ({ origin: 'https://intranet.example' })],
    ['another port', () => ({ origin: 'https://127.0.0.1:1' })],
    ['plain HTTP', () => ({ origin: own().replace('https', 'http') })],
    ['no origin of its own', () => ({ origin: 'null' })],
    ['two origins', () => ({ origin: `${own()}, https://intranet.example` })],
    ['our name before its own', () => ({ origin: `${own()}.intranet.example` })],
    ['our name as a user', () => ({ origin: `${own()}@intranet.example` })],
    ['a host that names a user', () => ({ origin: own(), host: `x@127.0.0.1:${server.port}` })],
  ]

  it.each(foreign)('reads nothing: %s', async (_, headers) => {
    for (const path of ['/v1/health', '/v1/models', '/v1/nothing', '/v1/whoami'])
      expect((await client.call(path, { headers: headers() })).json.error?.code).toBe('request_cross_site')
  })

  it.each(foreign)('decides nothing, whatever its form: %s', async (_, headers) => {
    const before = server.decisions.requests.length
    const json = await client.post('/v1/decisions', examples.DecisionRequest, { headers: headers() })
    const body = partsOf(requestPart({ model: 'news2' }))
    const parts = await client.call('/v1/decisions', { body, headers: { ...headers(), 'content-type': FORM_DATA } })
    expect([json.status, parts.status]).toEqual([403, 403])
    expect(server.decisions.requests.length).toBe(before)
  })

  it('may link to the page, and to nothing else', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await client.call('/', { headers })).status).toBe(200)
    expect((await client.call('/v1/health', { headers })).status).toBe(403)
    expect((await client.call('/', { headers: { ...headers, 'sec-fetch-mode': 'no-cors' } })).status).toBe(403)
  })

  it.each([
    ['our own page', () => ({ 'sec-fetch-site': 'same-origin', origin: own() })],
    ['an address that was typed', () => ({ 'sec-fetch-site': 'none' })],
    ['a name in capitals', () => ({ origin: 'https://BOX.example', host: 'box.EXAMPLE:443' })],
    ['no browser', () => ({})],
  ] as [string, () => Record<string, string>][])('is not: %s', async (_, headers) => {
    expect((await client.call('/v1/health', { headers: headers() })).status).toBe(200)
  })
})
