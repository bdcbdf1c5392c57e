import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Authority } from '../../device/identity/certificate-authority.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { FetchError } from './errors.ts'
import { fetchMetadata } from './fetch-metadata.ts'
import { type HttpsOptions, httpsSource } from './https-source.ts'
import type { ReleaseSource } from './source.ts'
import { going, offerPackage, type PackageOnOffer, quickLimits, spoilt } from './testkit/package-on-offer.ts'
import { makeAuthority, makeCertificate, type ReleaseServer, startReleaseServer } from './testkit/release-server.ts'

const CHUNK_BYTES = 1024 * 1024
let authority: Authority
let server: ReleaseServer
let offer: PackageOnOffer
let bytes: Buffer

beforeAll(async () => {
  authority = await makeAuthority()
  server = await startReleaseServer(await makeCertificate(authority))
  offer = await offerPackage(3 * CHUNK_BYTES + 5)
  bytes = Buffer.from(offer.made.package)
})
afterAll(async () => {
  await server?.close()
  offer?.remove()
})
afterEach(() => {
  server.answer = (_request, _response, serve) => serve()
  server.ranges.length = 0
  server.etag = undefined
  server.files.set('package.wspkg', bytes)
  offer.clear()
})

const source = (changes: Partial<HttpsOptions> = {}): ReleaseSource =>
  httpsSource(server.url, { authority: authority.certificatePem, limits: quickLimits, ...changes })

function offered(): ReleaseSource {
  server.files.set('package.wspkg', bytes)
  return source()
}

/** Sends some of the package and cuts the connection. */
function cutAfter(response: ServerResponse, first: number, end: number): void {
  const headers =
    first === 0
      ? { 'content-length': bytes.length }
      : {
          'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}`,
          'content-length': bytes.length - first,
        }
  response.writeHead(first === 0 ? 200 : 206, headers)
  response.write(bytes.subarray(first, end), () => response.destroy())
}

const firstOf = (range: string | undefined): number => Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0)

describe('a package over https', () => {
  test('arrives whole and is what was signed; its bytes are told as they come', async () => {
    const told: number[] = []
    expect(await offer.fetch(offered(), { progress: (done) => told.push(done) })).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
    expect(told[0]).toBe(0)
    expect(told.at(-1)).toBe(bytes.length)
    expect(told).toEqual([...told].sort((a, b) => a - b))
    expect(server.ranges).toEqual([''])
  })

  test('whose connection is cut again and again goes on where it stopped, and no byte is asked for twice', async () => {
    const cuts = [1000, 700_000, CHUNK_BYTES + 3, 2 * CHUNK_BYTES]
    server.answer = (request, response, serve) => {
      const end = cuts[server.ranges.length - 1]
      if (end === undefined) serve()
      else cutAfter(response, firstOf(request.headers.range), end)
    }
    expect(await offer.fetch(offered(), { limits: { ...quickLimits, attempts: 2 } })).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
    const last = bytes.length - 1
    expect(server.ranges).toEqual(['', ...cuts.map((end) => `bytes=${end}-${last}`)])
  })

  test('that is cut without ever a byte more is given up, and what came stays for the next time', async () => {
    const end = 2 * CHUNK_BYTES + 100_000
    server.answer = (request, response) => cutAfter(response, firstOf(request.headers.range), end)
    expect(await offer.fetch(offered())).toBe('fetch_interrupted')
    expect(server.ranges.length).toBe(1 + quickLimits.attempts - 1)
    server.ranges.length = 0
    server.answer = (_request, _response, serve) => serve()
    expect(await offer.fetch(source())).toBe('fetched')
    expect(firstOf(server.ranges[0])).toBeGreaterThan(CHUNK_BYTES)
    expect(offer.hasArrived()).toBe(true)
  })

  test('from a server that ignores ranges is read over as far as it is there already', async () => {
    server.answer = (request, response, serve) => {
      if (server.ranges.length === 1) cutAfter(response, 0, CHUNK_BYTES + 500_000)
      else {
        delete request.headers.range
        serve()
      }
    }
    expect(await offer.fetch(offered())).toBe('fetched')
    expect(server.ranges).toHaveLength(2)
    expect(offer.hasArrived()).toBe(true)
  })

  test('from a server that gives less of a range than was asked for is asked for further', async () => {
    server.answer = (request, response, serve) => {
      const first = firstOf(request.headers.range)
      if (first === 0) return cutAfter(response, 0, 1000)
      const last = Math.min(first + CHUNK_BYTES, bytes.length - 1)
      if (last === bytes.length - 1) return serve()
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/*` }).end(bytes.subarray(first, last + 1))
    }
    expect(await offer.fetch(offered())).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
  })

  test('that is replaced on the server in between is noticed by its tag, and fetched again only where it differs', async () => {
    server.etag = '"old"'
    const old = spoilt(bytes, CHUNK_BYTES + 400_000)
    server.answer = (request, response, serve) => {
      if (server.ranges.length > 1) return serve()
      expect(request.headers['if-range']).toBeUndefined()
      response.setHeader('etag', '"old"')
      response.writeHead(200, { 'content-length': old.length })
      response.write(old.subarray(0, CHUNK_BYTES + 500_000), () => {
        server.etag = '"new"'
        response.destroy()
      })
    }
    expect(await offer.fetch(offered())).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
    // The second answer has another tag; the third begins at the first byte that was not yet proven.
    expect(server.ranges).toHaveLength(3)
    expect(firstOf(server.ranges[2])).toBeLessThan(CHUNK_BYTES + 400_000)
    expect(firstOf(server.ranges[2])).toBeGreaterThan(CHUNK_BYTES - 1)
  })

  test('whose tag changes with every answer is given up', async () => {
    server.answer = (_request, response, serve) => {
      server.etag = `"${server.ranges.length}"`
      if (server.ranges.length > 1) return serve()
      response.setHeader('etag', server.etag)
      cutAfter(response, 0, 1000)
    }
    expect(await offer.fetch(offered())).toBe('fetch_source_changed')
  })

  test('asked for by range is held to a strong tag with If-Range, never to a weak one', async () => {
    for (const [etag, condition] of [
      ['"strong"', '"strong"'],
      ['W/"weak"', undefined],
    ]) {
      const conditions: unknown[] = []
      server.etag = etag
      server.ranges.length = 0
      offer.clear()
      server.answer = (request, response, serve) => {
        conditions.push(request.headers['if-range'])
        if (conditions.length > 1) return serve()
        response.setHeader('etag', etag ?? '')
        cutAfter(response, 0, 1000)
      }
      expect(await offer.fetch(offered())).toBe('fetched')
      expect(conditions).toEqual([undefined, condition])
    }
  })
})

describe('a server that does not keep to what was asked', () => {
  const afterCut = (answer: (response: ServerResponse, first: number) => void) => {
    server.answer = (request, response) => {
      const first = firstOf(request.headers.range)
      if (server.ranges.length === 1) cutAfter(response, 0, 300_000)
      else answer(response, first)
    }
  }
  const partial = (response: ServerResponse, contentRange: string | undefined, body: Uint8Array) =>
    response.writeHead(206, contentRange === undefined ? {} : { 'content-range': contentRange }).end(body)

  test.each([
    ['of another place', (first: number) => `bytes ${first + 1}-${bytes.length - 1}/${bytes.length}`],
    ['from the start', () => `bytes 0-${bytes.length - 1}/${bytes.length}`],
    ['beyond the end', (first: number) => `bytes ${first}-${bytes.length}/${bytes.length + 1}`],
    ['that ends before it begins', (first: number) => `bytes ${first}-${first - 1}/${bytes.length}`],
    ['in other units', (first: number) => `lines ${first}-${bytes.length - 1}/${bytes.length}`],
    ['with signs', (first: number) => `bytes +${first}-${bytes.length - 1}/${bytes.length}`],
    ['that is left out', () => undefined],
  ])('with a Content-Range %s is refused', async (_what, contentRange) => {
    afterCut((response, first) => partial(response, contentRange(first), bytes.subarray(first)))
    expect(await offer.fetch(offered())).toBe('fetch_answer_wrong')
    expect(server.ranges).toHaveLength(2)
  })

  test('that sends more than its Content-Range says is refused', async () => {
    afterCut((response, first) => {
      response.writeHead(206, { 'content-range': `bytes ${first}-${first + 99}/*` })
      response.end(bytes.subarray(first, first + 200))
    })
    expect(await offer.fetch(offered())).toBe('fetch_answer_wrong')
  })

  test('that sends less than its Content-Range says is asked again, and given up when nothing more comes', async () => {
    afterCut((response, first) =>
      partial(response, `bytes ${first}-${bytes.length - 1}/${bytes.length}`, Buffer.alloc(0)),
    )
    expect(await offer.fetch(offered())).toBe('fetch_interrupted')
  })

  test.each([
    ['longer', 1, 'package_oversized'],
    ['shorter', -1, 'package_truncated'],
  ])('that has a %s package says so by its length, before a byte is written', async (_what, more, code) => {
    const other = Buffer.concat([bytes, Buffer.of(0)]).subarray(0, bytes.length + more)
    const from = offered()
    server.files.set('package.wspkg', other)
    expect(await offer.fetch(from)).toBe(code)
    expect(server.ranges).toHaveLength(1)
    server.ranges.length = 0
    afterCut((response, first) =>
      partial(response, `bytes ${first}-${bytes.length - 1}/${other.length}`, bytes.subarray(first)),
    )
    // Where the length in the range is the shorter one, the range contradicts it.
    expect(await offer.fetch(from)).toBe(more > 0 ? code : 'fetch_answer_wrong')
  })

  test.each([
    ['more', 'package_oversized', () => Buffer.concat([bytes, Buffer.alloc(100_000)])],
    ['less', 'package_truncated', () => bytes.subarray(0, -1)],
  ])('that sends %s than the signed length in a body of no length is refused', async (_what, code, body) => {
    server.answer = (_request, response) => response.writeHead(200).end(body())
    expect(await offer.fetch(offered())).toBe(code)
  })

  test('that sends without end is left at the signed length', async () => {
    let sent = 0
    server.answer = (_request, response) => {
      response.writeHead(200)
      const more = () => {
        sent += bytes.length
        if (!response.destroyed) response.write(bytes, more)
      }
      more()
    }
    expect(await offer.fetch(offered())).toBe('package_oversized')
    expect(sent).toBeLessThan(20 * bytes.length)
  })

  test('whose file ends before the place that is asked for has another package', async () => {
    afterCut((response) => response.writeHead(416, { 'content-range': 'bytes */1000' }).end())
    expect(await offer.fetch(offered())).toBe('package_truncated')
    offer.clear()
    server.ranges.length = 0
    afterCut((response) => response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end())
    expect(await offer.fetch(offered())).toBe('fetch_answer_wrong')
  })

  test.each([
    ['a redirect', 302, { location: 'https://127.0.0.1:1/' }, 'fetch_redirected', 1],
    ['a refusal', 403, {}, 'fetch_forbidden', 1],
    ['nothing there', 404, {}, 'fetch_file_missing', 1],
    ['a range that was not asked for', 206, { 'content-range': 'bytes 0-9/10' }, 'fetch_answer_wrong', 1],
    ['a status from nowhere', 299, {}, 'fetch_answer_wrong', 1],
    ['a compressed body', 200, { 'content-encoding': 'gzip' }, 'fetch_answer_wrong', 1],
    ['a fault of its own', 503, {}, 'fetch_server_failed', 3],
    ['too many requests', 429, { 'retry-after': '0' }, 'fetch_server_failed', 3],
  ])(
    'with %s is answered by its code, and asked again only where that can help',
    async (_what, status, headers, code, asked) => {
      server.answer = (_request, response) => response.writeHead(status, headers).end('x')
      expect(await offer.fetch(offered())).toBe(code)
      expect(server.ranges).toHaveLength(asked)
    },
  )

  test('waits as long as Retry-After says, up to the longest wait', async () => {
    server.answer = (_request, response) => response.writeHead(503, { 'retry-after': '9999' }).end()
    const startedMs = performance.now()
    expect(await offer.fetch(offered(), { limits: { ...quickLimits, maxRetryMs: 60 } })).toBe('fetch_server_failed')
    expect(performance.now() - startedMs).toBeGreaterThan(110)
    expect(performance.now() - startedMs).toBeLessThan(3000)
  })
})

describe('bytes that are not the signed ones', () => {
  test('are asked for once more, from the start of their chunk, and then the package is refused', async () => {
    const bad = spoilt(bytes, 2 * CHUNK_BYTES)
    const from = offered()
    server.files.set('package.wspkg', bad)
    expect(await offer.fetch(from)).toBe('package_chunk_corrupt')
    expect(server.ranges).toHaveLength(2)
    expect(firstOf(server.ranges[1])).toBeGreaterThan(CHUNK_BYTES)
  })

  test('are replaced when the second answer has the right ones', async () => {
    const bad = spoilt(bytes, 2 * CHUNK_BYTES)
    server.answer = (_request, response, serve) => {
      if (server.ranges.length === 1) response.writeHead(200).end(bad)
      else serve()
    }
    expect(await offer.fetch(offered())).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
  })

  test('at a new place after each answer do not go on for ever', async () => {
    const manifestEnd = 16 + bytes.readUInt32BE(12)
    const places = [0, 16, manifestEnd, manifestEnd + CHUNK_BYTES + 16, manifestEnd + 2 * (CHUNK_BYTES + 16)]
    server.answer = (request, response) => {
      const first = firstOf(request.headers.range)
      const bad = spoilt(bytes, places[server.ranges.length - 1] ?? 0)
      const range = { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` }
      response.writeHead(first === 0 ? 200 : 206, first === 0 ? {} : range).end(bad.subarray(first))
    }
    expect(await offer.fetch(offered())).toBe('package_chunk_corrupt')
    expect(server.ranges.map(firstOf)).toEqual([0, 0, 16, manifestEnd])
  })
})

describe('a server that is slow', () => {
  test('to shake hands is unreachable', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined))
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const address = mute.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const limits = { ...quickLimits, connectMs: 50, attempts: 1 }
    const from = httpsSource(`https://127.0.0.1:${port}/`, { authority: authority.certificatePem, limits })
    expect(await offer.fetch(from, { limits })).toBe('fetch_unreachable')
    mute.close()
  })

  test('to answer, or with its header, has stalled', async () => {
    const limits = { ...quickLimits, idleMs: 80, attempts: 1 }
    server.answer = () => undefined
    expect(await offer.fetch(source({ limits }), { limits })).toBe('fetch_stalled')
    server.answer = (_request, response) => {
      const timer = setInterval(() => response.writeProcessing(), 10)
      response.once('close', () => clearInterval(timer))
    }
    expect(await offer.fetch(source({ limits }), { limits })).toBe('fetch_stalled')
  })

  test('with its body has stalled, also when a byte comes now and then', async () => {
    const limits = { ...quickLimits, idleMs: 120, attempts: 1 }
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      let sent = 0
      const timer = setInterval(() => response.write(bytes.subarray(sent, ++sent)), 10)
      response.once('close', () => clearInterval(timer))
    }
    expect(await offer.fetch(source({ limits }), { limits })).toBe('fetch_stalled')
  })

  test('but above the floor is stopped by the time for the whole', async () => {
    const limits = { ...quickLimits, floorBytes: 1, totalMs: 300 }
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      let sent = 0
      const timer = setInterval(() => response.write(bytes.subarray(sent, ++sent)), 10)
      response.once('close', () => clearInterval(timer))
    }
    expect(await offer.fetch(source({ limits }), { limits })).toBe('fetch_timeout')
  })

  test('is let go of at once when the fetch is stopped', async () => {
    const stop = new AbortController()
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 1000), () => stop.abort())
    }
    expect(await offer.fetch(offered(), { signal: stop.signal })).toBe('fetch_cancelled')
    expect(await offer.fetch(offered(), { signal: stop.signal })).toBe('fetch_cancelled')
    expect(server.ranges).toHaveLength(1)
  })

  test('with trouble that outlasts the time is named by both', async () => {
    const limits = { ...quickLimits, totalMs: 100, retryMs: 5000, maxRetryMs: 5000 }
    server.answer = (_request, response) => response.writeHead(500).end()
    const metadata = fetchMetadata(source({ limits }), {
      limits,
      randomness: { bytes: () => Buffer.alloc(4) },
      signal: going,
    })
    await expect(metadata).rejects.toMatchObject({ code: 'fetch_timeout', about: 'fetch_server_failed' })
  })
})

describe('metadata over https', () => {
  const read = (maxBytes = 100, from = source()) =>
    from.readFile('image.json', maxBytes, going).then((found) => Buffer.from(found).toString(), errorCode)

  test('is read up to its limit, whether its length is said or not', async () => {
    server.files.set('image.json', Buffer.from('x'.repeat(100)))
    expect(await read()).toBe('x'.repeat(100))
    expect(await read(99)).toBe('fetch_metadata_too_large')
    server.answer = (_request, response) => response.writeHead(200).end('x'.repeat(100))
    expect(await read()).toBe('x'.repeat(100))
    expect(await read(99)).toBe('fetch_metadata_too_large')
  })

  test('without end is not read to the end', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200)
      const more = () => response.destroyed || response.write('x'.repeat(1000), more)
      more()
    }
    expect(await read()).toBe('fetch_metadata_too_large')
  })

  test('that is missing or cut short is an error, not an empty file', async () => {
    server.files.delete('image.json')
    expect(await read()).toBe('fetch_file_missing')
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 50 })
      response.write('half', () => response.destroy())
    }
    expect(await read()).toBe('fetch_interrupted')
  })

  test('is tried again after a passing trouble, both files', async () => {
    let asked = 0
    server.answer = (_request, response) => {
      asked += 1
      if (asked % 2 === 1) response.writeHead(502).end()
      else response.writeHead(200).end(`{"n":${asked}}`)
    }
    const job = { limits: quickLimits, randomness: { bytes: () => Buffer.alloc(4) }, signal: going }
    const { imageBytes, grantBytes } = await fetchMetadata(source(), job)
    expect([Buffer.from(imageBytes).toString(), Buffer.from(grantBytes).toString()]).toEqual(['{"n":2}', '{"n":4}'])
  })

  test('whose header is too large is not read', async () => {
    server.answer = (_request, response) => response.writeHead(200, { pad: 'x'.repeat(30_000) }).end('{}')
    expect(await read()).toBe('fetch_answer_wrong')
  })
})

describe('who is spoken to', () => {
  const answerOf = (
    url: string,
    options: HttpsOptions = { authority: authority.certificatePem, limits: quickLimits },
  ) =>
    httpsSource(url, options)
      .readFile('image.json', 100, going)
      .then(() => 'read', errorCode)

  async function against(tls: Parameters<typeof startReleaseServer>[0], options: HttpsOptions = {}): Promise<string> {
    const other = await startReleaseServer(tls)
    other.files.set('image.json', Buffer.from('{}'))
    const code = await answerOf(other.url, { authority: authority.certificatePem, limits: quickLimits, ...options })
    await other.close()
    return code
  }

  test('only a folder over https, without names, passwords, queries and fragments', () => {
    const address = (url: string) => () => httpsSource(url, { authority: authority.certificatePem })
    for (const url of [
      'http://127.0.0.1/',
      'file:///etc/',
      'ftp://127.0.0.1/',
      '127.0.0.1',
      '',
      'https://',
      'https://name:password@127.0.0.1/',
      'https://name@127.0.0.1/',
      'https://127.0.0.1/?a=b',
      'https://127.0.0.1/?',
      'https://127.0.0.1/#a',
    ])
      expect(address(url)).toThrow(new FetchError('fetch_url_invalid'))
    expect(address('https://127.0.0.1/a/b')).not.toThrow()
  })

  test('nobody, without an authority', () => {
    expect(() => httpsSource(server.url, {})).toThrow(new FetchError('fetch_authority_missing'))
  })

  test('a server whose certificate another authority issued, is out of date, is for another name or for a client: nobody', async () => {
    const impostor = await makeAuthority()
    expect(await against(await makeCertificate(authority))).toBe('read')
    expect(await against(await makeCertificate(impostor))).toBe('fetch_tls_failed')
    const past = Date.now() - 10 * 86_400_000
    const old = await makeCertificate(await makeAuthority(past), { nowMs: past })
    expect(await against(old)).toBe('fetch_tls_failed')
    expect(await against(await makeCertificate(authority, { ipAddresses: ['127.0.0.2'] }))).toBe('fetch_tls_failed')
    const client = { profile: 'client', organizationalUnit: 'server' } as const
    expect(await against(await makeCertificate(authority, client))).toBe('fetch_tls_failed')
  })

  test('a server that speaks TLS 1.1 at most: nobody', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const
    expect(await against({ ...(await makeCertificate(authority)), ...old })).toBe('fetch_tls_failed')
    expect(await against({ ...(await makeCertificate(authority)), maxVersion: 'TLSv1.2' })).toBe('read')
  })

  test('a server that asks for a certificate sees the one of this device, and without one the door stays shut', async () => {
    const tls = {
      ...(await makeCertificate(authority)),
      ca: authority.certificatePem,
      requestCert: true,
      rejectUnauthorized: true,
    }
    const { key, cert } = await makeCertificate(authority, { profile: 'device', commonName: 'device-1' })
    expect(await against(tls, { clientKey: key, clientCertificate: cert })).toBe('read')
    expect(await against(tls)).toMatch(/^fetch_(tls_failed|unreachable)$/)
  })

  test('a server that is not there is unreachable', async () => {
    const other = await startReleaseServer(await makeCertificate(authority))
    await other.close()
    expect(await answerOf(other.url)).toBe('fetch_unreachable')
  })

  /** A server that speaks TLS, and then says this and hangs up. */
  async function saying(text: string): Promise<string> {
    const odd = createTlsServer(await makeCertificate(authority), (socket) => {
      socket.on('error', () => undefined)
      socket.end(text)
    })
    odd.listen(0, '127.0.0.1')
    await once(odd, 'listening')
    const address = odd.address()
    const code = await answerOf(`https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`)
    odd.close()
    return code
  }

  test('a server that does not speak HTTP, or whose body ends with the connection, is not believed', async () => {
    expect(await saying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')).toBe('read')
    expect(await saying('SSH-2.0-x\r\n\r\n')).toBe('fetch_answer_wrong')
    expect(await saying('HTTP/1.1 200 OK\r\n\r\n{}')).toBe('fetch_answer_wrong')
    expect(await saying('HTTP/1.0 200 OK\r\n\r\n{}')).toBe('fetch_answer_wrong')
    expect(await saying('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}')).toBe(
      'fetch_answer_wrong',
    )
    expect(await saying('')).toBe('fetch_unreachable')
  })
})
