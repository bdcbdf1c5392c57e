import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

const CANARY = 'Mustermann-1957'
const good = { ...examples.DecisionRequest, subject: CANARY }
const goodText = JSON.stringify(good)

let site: TestSite
let server: TestServer
let clinician: TestClient
beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
  clinician = await server.as('clinician')
})
afterEach(() => {
  expect(server.logLines.join('')).not.toContain(CANARY)
  expect(JSON.stringify(server.ledger.leaves)).not.toContain(CANARY)
})
afterAll(() => server.app.close())

function head(method: string, path: string, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: box', ...headers, '', ''].join('\r\n')
}

const JSON_HEADER = 'Content-Type: application/json'
const post = (body: string, ...headers: string[]) =>
  head('POST', '/v1/decisions', JSON_HEADER, `Content-Length: ${Buffer.byteLength(body)}`, ...headers) + body

async function refusal(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const decided = server.decisions.requests.length
  const reply = await clinician.call('/v1/decisions', { method: 'POST', body, headers })
  expect(server.decisions.requests.length, 'nothing may be decided').toBe(decided)
  expect(reply.text).not.toContain(CANARY)
  return [reply.status, reply.json.error?.code, reply.json.error?.about]
}

describe('bodies', () => {
  const with_ = (text: string) => goodText.replace('"value":21', text)

  it('a good one is decided', async () => {
    const reply = await clinician.call('/v1/decisions', { body: goodText })
    expect(reply.status).toBe(200)
    expect(Phi.reveal(server.decisions.requests.at(-1)!.subject!)).toBe(CANARY)
  })

  it.each([
    ['nothing', '', 'request_not_json'],
    ['half of it', goodText.slice(0, 40), 'request_not_json'],
    ['a second document', `${goodText}{}`, 'request_not_json'],
    ['a byte order mark', `\uFEFF${goodText}`, 'request_not_json'],
    ['NaN', with_('"value":NaN'), 'request_not_json'],
    ['Infinity', with_('"value":Infinity'), 'request_not_json'],
    ['a number beyond double', with_('"value":1e999'), 'request_number_unrepresentable'],
    ['a number that vanishes', with_('"value":1e-999'), 'request_number_unrepresentable'],
    ['a name twice', with_('"value":21,"value":22'), 'request_name_repeated'],
    ['a name twice, once escaped', with_('"value":21,"v\\u0061lue":22'), 'request_name_repeated'],
    ['two patients', goodText.replace('{', `{"subject":"other",`), 'request_name_repeated'],
    ['a lone surrogate', goodText.replace(CANARY, '\\ud83d'), 'request_not_json'],
    ['a lone surrogate as a name', with_('"\\udc00":1,"value":21'), 'request_not_json'],
    ['a prototype', goodText.replace('{', '{"__proto__":{"alert":true},'), 'request_malformed'],
    ['an escaped prototype', goodText.replace('{', '{"__pr\\u006fto__":{"alert":true},'), 'request_malformed'],
    ['a constructor', goodText.replace('{', '{"constructor":{"prototype":{"x":1}},'), 'request_malformed'],
    ['deep lists', '['.repeat(9) + ']'.repeat(9), 'request_too_deep'],
    ['very deep lists', '['.repeat(200_000) + ']'.repeat(200_000), 'request_too_deep'],
    ['very deep objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 'request_too_deep'],
    [
      'many names',
      JSON.stringify(Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`n${n}`, 1]))),
      'request_too_many_values',
    ],
    ['many items', `[${'1,'.repeat(1000)}1]`, 'request_too_many_values'],
    ['null', 'null', 'request_malformed'],
    ['a list', '[]', 'request_malformed'],
    ['a number', '7', 'request_malformed'],
  ])('%s', async (_, body, code) => {
    expect((await refusal(body)).slice(0, 2)).toEqual([400, code])
    expect(({} as Record<string, unknown>).alert).toBeUndefined()
  })

  it('invalid UTF-8', async () => {
    const bytes = Buffer.from(goodText)
    bytes[bytes.indexOf(CANARY)] = 0xff
    expect((await refusal(bytes)).slice(0, 2)).toEqual([400, 'request_not_json'])
  })

  it('overlong UTF-8 and UTF-16', async () => {
    const overlong = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])
    expect((await refusal(overlong)).slice(0, 2)).toEqual([400, 'request_not_json'])
    expect((await refusal(Buffer.from(goodText, 'utf16le'))).slice(0, 2)).toEqual([400, 'request_not_json'])
  })

  it('too large, announced', async () => {
    const answer = await clinician.raw(head('POST', '/v1/decisions', JSON_HEADER, 'Content-Length: 1048577'))
    expect(codeIn(answer)).toBe('request_too_large')
    expect(answer).toContain('HTTP/1.1 413 ')
  })

  it('too large, in chunks', async () => {
    const connection = await clinician.open()
    connection.write(head('POST', '/v1/decisions', JSON_HEADER, 'Transfer-Encoding: chunked'))
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
    for (let count = 0; count < 20 && !connection.isClosed; count += 1) connection.write(chunk)
    expect(codeIn(await connection.until('"code"'))).toBe('request_too_large')
    await connection.closed(1000)
  })

  it.each([
    ['no type', ''],
    ['a form', 'application/x-www-form-urlencoded'],
    ['text', 'text/plain'],
    ['another charset', 'application/json; charset=utf-16'],
    ['a charset and more', 'application/json; charset=utf-8; charset=utf-16'],
    ['a relative', 'application/json-patch+json'],
    ['rubbish', 'json'],
    ['several parts of something else', 'multipart/mixed; boundary=x'],
    ['XML', 'application/xml'],
    ['DICOM as JSON', 'application/dicom+json'],
  ])('media type: %s', async (_, type) => {
    const headers = type === '' ? [] : [`Content-Type: ${type}`]
    const body = `${goodText}`
    const answer = await clinician.raw(
      head('POST', '/v1/decisions', ...headers, `Content-Length: ${body.length}`, 'Connection: close') + body,
    )
    expect(codeIn(answer)).toBe('request_unsupported_media_type')
  })

  it('a compressed body', async () => {
    expect((await refusal(gzipSync(goodText), { 'content-encoding': 'gzip' })).slice(0, 2)).toEqual([
      415,
      'request_unsupported_media_type',
    ])
    const answer = await clinician.raw(
      `${head('POST', '/v1/decisions', JSON_HEADER, 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
    )
    expect(codeIn(answer)).toBe('request_unsupported_media_type')
  })

  it('a body where none belongs', async () => {
    const answer = await clinician.raw(`${head('GET', '/v1/models', JSON_HEADER, 'Content-Length: 2')}{}`)
    expect(codeIn(answer)).toBe('request_malformed')
  })
})

describe('slow', () => {
  const limits = { headersTimeoutMs: 400, requestTimeoutMs: 700, timeoutCheckMs: 50 }
  let impatient: TestServer
  let clinician: TestClient
  beforeAll(async () => {
    impatient = await startTestServer(site, { limits })
    clinician = await impatient.as('clinician')
  })
  afterAll(() => impatient.app.close())

  it('a body byte by byte is cut in time, and told', async () => {
    const startMs = performance.now()
    const connection = await clinician.open()
    connection.write(head('POST', '/v1/decisions', JSON_HEADER, `Content-Length: ${goodText.length}`))
    const timer = setInterval(() => connection.write(' '), 60)
    const answer = await connection.closed(5000)
    clearInterval(timer)
    expect(performance.now() - startMs).toBeLessThan(10_000)
    expect(answer).toContain('HTTP/1.1 408 ')
    expect(codeIn(answer)).toBe('request_timeout')
  })

  it('headers byte by byte are cut in time, and told', async () => {
    const startMs = performance.now()
    const connection = await clinician.open()
    connection.write('GET /v1/models HTTP/1.1\r\nX-Slow: ')
    const timer = setInterval(() => connection.write('a'), 60)
    expect(codeIn(await connection.closed(5000))).toBe('request_timeout')
    clearInterval(timer)
    expect(performance.now() - startMs).toBeLessThan(10_000)
  })

  it('a connection that says nothing is cut', async () => {
    const connection = await clinician.open()
    await connection.closed(5000)
    expect(connection.isClosed).toBe(true)
  })
})

describe('broken', () => {
  it('a body cut short by its sender', async () => {
    const answer = await clinician.raw(
      `${head('POST', '/v1/decisions', JSON_HEADER, `Content-Length: ${goodText.length}`)}${goodText.slice(0, 50)}`,
      { end: true },
    )
    expect(codeIn(answer)).toBe('request_malformed')
  })

  it('a body whose sender vanishes', async () => {
    const decided = server.decisions.requests.length
    const connection = await clinician.open()
    connection.write(
      head('POST', '/v1/decisions', JSON_HEADER, `Content-Length: ${goodText.length}`) + goodText.slice(0, 50),
    )
    await pause(50)
    connection.socket.destroy()
    await pause(100)
    expect(server.decisions.requests.length).toBe(decided)
  })

  it('headers that are too large', async () => {
    const answer = await clinician.raw(head('GET', '/v1/models', `X-Large: ${'a'.repeat(9000)}`))
    expect(answer).toContain('HTTP/1.1 431 ')
    expect(codeIn(answer)).toBe('request_headers_too_large')
  })
})

describe('requests that two servers would read differently', () => {
  it.each([
    [
      'length and chunks',
      `${head('POST', '/v1/decisions', JSON_HEADER, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    ],
    [
      'chunks and length',
      `${head('POST', '/v1/decisions', JSON_HEADER, 'Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    ],
    ['two lengths', `${head('POST', '/v1/decisions', JSON_HEADER, 'Content-Length: 2', 'Content-Length: 3')}{}`],
    ['a length with a sign', `${head('POST', '/v1/decisions', JSON_HEADER, 'Content-Length: +2')}{}`],
    ['a hidden coding', `${head('POST', '/v1/decisions', JSON_HEADER, 'Transfer-Encoding: xchunked')}0\r\n\r\n`],
    ['a space before the colon', head('GET', '/v1/models', 'X-A : b')],
    ['a folded header', head('GET', '/v1/models', 'X-A: b\r\n c')],
    ['a zero byte', head('GET', '/v1/models', 'X-A: b\0c')],
    ['bare line feeds', 'GET /v1/models HTTP/1.1\nHost: box\n\n'],
    ['a bad chunk size', `${head('POST', '/v1/decisions', JSON_HEADER, 'Transfer-Encoding: chunked')}zz\r\n`],
    ['no host', 'GET /v1/models HTTP/1.1\r\n\r\n'],
    ['two hosts', head('GET', '/v1/models', 'Host: other')],
    ['an old version', 'GET /v1/models HTTP/1.0\r\n\r\n'],
    ['a future version', 'GET /v1/models HTTP/3.7\r\nHost: b\r\n\r\n'],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['rubbish', 'hello\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    const decided = server.decisions.requests.length
    const answer = await clinician.raw(bytes)
    expect(answer).toMatch(/^(?:$|HTTP\/1\.1 (?:400|415|505) )/)
    if (answer !== '')
      expect(codeIn(answer)).toMatch(/^request_malformed|request_unsupported_media_type|http_version_unsupported$/)
    expect(server.decisions.requests.length).toBe(decided)
  })

  it('pipelined requests are answered in order', async () => {
    const answer = await clinician.raw(head('GET', '/v1/models') + head('GET', '/nowhere', 'Connection: close'))
    expect(answer.match(/"models":\[\{"slot":"news2","state":"active"|"route_unknown"/g)?.length).toBe(2)
    expect(answer.indexOf('intendedUse')).toBeLessThan(answer.indexOf('route_unknown'))
  })

  it('an error after a request that still waits is never taken for its answer', async () => {
    let finish = () => {}
    server.decisions.onDecide = () =>
      new Promise((resolve) => {
        finish = () => resolve(examples.DecisionAnswer)
      })
    const connection = await clinician.open()
    connection.write(post(goodText))
    await pause(100)
    connection.write('rubbish\r\n\r\n')
    expect(await connection.closed(2000)).toBe('')
    finish()
    server.decisions.onDecide = async () => examples.DecisionAnswer
  })

  it('more pipelined requests than the limit are cut', async () => {
    const finishers: (() => void)[] = []
    server.decisions.onDecide = () => new Promise((resolve) => finishers.push(() => resolve(examples.DecisionAnswer)))
    const connection = await clinician.open()
    connection.write(post(goodText).repeat(40))
    await connection.closed(2000)
    expect(connection.isClosed).toBe(true)
    expect(finishers.length).toBeLessThanOrEqual(2)
    for (const finish of finishers) finish()
    server.decisions.onDecide = async () => examples.DecisionAnswer
  })
})

describe('addresses and methods', () => {
  it.each([
    ['/index.html', 404, 'route_unknown'],
    ['/v1', 404, 'route_unknown'],
    ['/v1/models/', 403, 'access_denied'],
    ['/v1/whoami/', 404, 'route_unknown'],
    ['//v1/models', 404, 'route_unknown'],
    ['/V1/models', 404, 'route_unknown'],
    ['/v1/../v1/models', 404, 'route_unknown'],
    ['/v1/decisions/../../etc/passwd', 404, 'route_unknown'],
    ['/v1/decisions/%2e%2e%2f%2e%2e', 400, 'request_malformed'],
    [`/v1/decisions/${CANARY}`, 400, 'request_malformed'],
    ['/v1/decisions/0F8C1E52-6F0E-4F5B-9D3C-2B7A51C0E9D4', 400, 'request_malformed'],
    [`/v1/decisions/${'a'.repeat(4000)}`, 400, 'request_malformed'],
    ['/v1/decisions/%00', 400, 'request_malformed'],
    ['/%zz', 404, 'route_unknown'],
    [`/v1/models?subject=${CANARY}`, 400, 'request_malformed'],
    ['/v1/models?', 400, 'request_malformed'],
    [`/${CANARY}`, 404, 'route_unknown'],
  ])('%s', async (path, status, code) => {
    const answer = await clinician.raw(head('GET', path, 'Connection: close'))
    expect(answer).toContain(`HTTP/1.1 ${status} `)
    expect(codeIn(answer)).toBe(code)
    expect(answer).not.toContain(CANARY)
  })

  it.each(['HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH', 'POST', 'PROPFIND', 'QUERY'])(
    '%s on a route to read',
    async (method) => {
      const answer = await clinician.raw(head(method, '/v1/models', 'Connection: close'))
      expect(answer).toContain('HTTP/1.1 405 ')
      expect(answer.toLowerCase()).toContain('\r\nallow: get\r\n')
      if (method !== 'HEAD') expect(codeIn(answer)).toBe('method_not_allowed')
      expect(answer).not.toContain('X-Echo')
    },
  )

  it('CONNECT and unknown methods', async () => {
    expect(await clinician.raw('CONNECT box:1 HTTP/1.1\r\nHost: b\r\n\r\n')).toBe('')
    expect(codeIn(await clinician.raw(head('BREW', '/v1/models')))).toBe('request_malformed')
  })

  it('an upgrade is passed over', async () => {
    const answer = await clinician.raw(head('GET', '/v1/health', 'Connection: close, Upgrade', 'Upgrade: websocket'))
    expect(answer).toContain('HTTP/1.1 200 ')
  })
})

describe('before the body', () => {
  it('a denied caller’s body is not asked for and not parsed', async () => {
    const engineer = await server.as('engineer')
    const expecting = head('POST', '/v1/decisions', JSON_HEADER, 'Content-Length: 2', 'Expect: 100-continue')
    const answer = await engineer.raw(expecting)
    expect(answer).toContain('HTTP/1.1 403 ')
    expect(answer).not.toContain('100 Continue')
    const broken = await engineer.raw(`${head('POST', '/v1/decisions', JSON_HEADER, 'Content-Length: 1')}{`)
    expect(codeIn(broken)).toBe('access_denied')
  })

  it('an allowed caller’s body is', async () => {
    const connection = await clinician.open()
    connection.write(
      head('POST', '/v1/decisions', JSON_HEADER, `Content-Length: ${goodText.length}`, 'Expect: 100-continue'),
    )
    expect(await connection.until('100 Continue')).toContain('HTTP/1.1 100 Continue')
    connection.write(goodText)
    expect(await connection.until('Pseudonym')).toContain('HTTP/1.1 200 ')
    connection.socket.destroy()
  })
})

describe('under load and under fuzz', () => {
  it('100 connections at once', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, (_, index) => server.as('bedside', `monitor-${index}`)))
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, index) => clients[index % 5]!.call('/v1/decisions', { body: goodText })),
    )
    expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 100 }, () => 200))
    expect(new Set(replies.map((reply) => reply.headers['x-request-id'])).size).toBe(100)
  })

  it('any bytes as a body: refused or decided, never a fault, never a hang', async () => {
    const agent = clinician.agent()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 512 }), async (bytes) => {
        const reply = await clinician.call('/v1/decisions', { method: 'POST', body: bytes, agent })
        expect(reply.status).toBeGreaterThanOrEqual(400)
        expect(reply.status).toBeLessThan(500)
        expect(reply.json.error?.code).toMatch(/^request_/)
      }),
      { numRuns: 150 },
    )
    agent.destroy()
  })

  it('any JSON as a body, and any change of a good one', async () => {
    const agent = clinician.agent()
    const changed = fc
      .tuple(fc.nat(goodText.length), fc.nat(6), fc.string({ maxLength: 6 }))
      .map(([at, cut, put]) => goodText.slice(0, at) + put + goodText.slice(at + cut))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), changed), async (body) => {
        const reply = await clinician.call('/v1/decisions', { method: 'POST', body, agent })
        expect([200, 400]).toContain(reply.status)
      }),
      { numRuns: 300 },
    )
    agent.destroy()
  })
})
