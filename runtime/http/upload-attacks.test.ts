import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DecisionRequest } from '../decisions/types.ts'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'
import { BOUNDARY, filePart, partsOf, RELATED, readImage, requestPart } from './testkit/uploads.ts'

const CANARY = 'Mustermann-1957'
const MIB = 1024 * 1024
const ONE = '/v1/decisions?model=chest-qc'
const PARTS = '/v1/decisions'
const limits = {
  maxUploadBytes: 8 * MIB,
  maxUploadFiles: 64,
  uploadTimeoutMs: 3000,
  uploadSilenceMs: 500,
  uploadGraceMs: 800,
  minUploadBytesPerSecond: 100_000,
  requestTimeoutMs: 600,
  maxUnreadBytes: 16 * MIB,
  unreadTimeoutMs: 500,
  timeoutCheckMs: 50,
}

let site: TestSite
let server: TestServer
let clinician: TestClient

beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site, { limits })
  server.decisions.onDecide = async (request: DecisionRequest) => {
    await readImage(request.image)
    return examples.DecisionAnswer
  }
  clinician = await server.as('clinician')
})
afterEach(async () => {
  expect(server.logLines.join('')).not.toContain(CANARY)
  expect(JSON.stringify(server.ledger.leaves)).not.toContain(CANARY)
  const reply = await clinician.call(ONE, { body: 'DICM', headers: { 'content-type': 'application/dicom' } })
  expect(reply.status, 'everybody else is served').toBe(200)
})
afterAll(() => server.app.close())

function head(path: string, ...headers: string[]): string {
  return [`POST ${path} HTTP/1.1`, 'Host: box', ...headers, '', ''].join('\r\n')
}
const DICOM = 'Content-Type: application/dicom'
const TYPE = `Content-Type: ${RELATED}`
const request = requestPart({ model: 'brain', subject: CANARY })
const first = Buffer.from(`--${BOUNDARY}\r\nContent-Type: application/json\r\n\r\n`)

/** Sends in chunks, as long as it is taken; what the server said by then. */
async function flood(
  path: string,
  type: string,
  pieces: Iterable<Uint8Array>,
): Promise<{ answer: string; sent: number }> {
  const connection = await clinician.open()
  connection.write(head(path, type, 'Transfer-Encoding: chunked'))
  let sent = 0
  for (const piece of pieces) {
    if (connection.isClosed || connection.received !== '') break
    connection.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))
    sent += piece.length
    while (connection.socket.writableLength > MIB && !connection.isClosed && connection.received === '') await pause(2)
  }
  connection.write('0\r\n\r\n')
  const answer = await connection.until('"code"', 5000)
  connection.socket.destroy()
  return { answer, sent }
}

function* repeated(piece: Uint8Array, times: number, before: Uint8Array = Buffer.alloc(0)): Generator<Uint8Array> {
  if (before.length > 0) yield before
  for (let count = 0; count < times; count += 1) yield piece
}

describe('too much', () => {
  it('an announced length beyond the limit is refused before the body, and before it is asked for', async () => {
    const answer = await clinician.raw(head(ONE, DICOM, `Content-Length: ${9 * MIB}`, 'Expect: 100-continue'))
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(codeIn(answer)).toBe('request_too_large')
  })

  it('an endless file', async () => {
    const { answer, sent } = await flood(ONE, DICOM, repeated(Buffer.alloc(MIB), 200))
    expect(codeIn(answer)).toBe('request_too_large')
    expect(sent).toBeLessThan(24 * MIB)
  })

  it('a JSON part of 100 MB', async () => {
    const { answer, sent } = await flood(PARTS, TYPE, repeated(Buffer.alloc(MIB, ' '), 100, first))
    expect(codeIn(answer)).toBe('request_too_large')
    expect(answer).toContain('"about":"request"')
    expect(sent).toBeLessThan(24 * MIB)
  })

  it('a million tiny parts', async () => {
    const tiny = Buffer.from(`--${BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\nx\r\n`.repeat(1000))
    const opening = partsOf(request).subarray(0, -BOUNDARY.length - 6)
    const startMs = performance.now()
    const { answer } = await flood(PARTS, TYPE, repeated(tiny, 1000, opening))
    expect(codeIn(answer)).toBe('request_too_large')
    expect(answer).toContain('"about":"parts"')
    expect(performance.now() - startMs).toBeLessThan(3000)
  })

  it('a million headers of one part', async () => {
    const opening = Buffer.from(`--${BOUNDARY}\r\n`)
    const { answer, sent } = await flood(PARTS, TYPE, repeated(Buffer.from('A: 1\r\n'.repeat(10_000)), 100, opening))
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(sent).toBeLessThan(4 * MIB)
  })

  it('text before the first part', async () => {
    const { answer } = await flood(PARTS, TYPE, repeated(Buffer.alloc(MIB, 'a'), 100))
    expect(codeIn(answer)).toBe('request_malformed')
  })

  it('a boundary of 1 MB', async () => {
    const answer = await clinician.raw(head(PARTS, `Content-Type: multipart/related; boundary=${'b'.repeat(MIB)}`))
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('requests at a rate: one image counts, but not by its length', async () => {
    const own = await startTestServer(site, { limits: { requestsPerSecond: 1, requestBurst: 20 } })
    own.decisions.onDecide = server.decisions.onDecide
    const client = await own.as('bedside')
    const headers = { 'content-type': 'application/dicom' }
    const statuses: number[] = []
    for (let count = 0; count < 3; count += 1) {
      statuses.push((await client.call(ONE, { body: Buffer.alloc(4 * MIB), headers })).status)
    }
    expect(statuses).toEqual([200, 429, 429])
    await own.app.close()
  })
})

describe('too slow', () => {
  const whole = partsOf(request, filePart('x'.repeat(5000)))
  const places: [string, string, Uint8Array][] = [
    ['before the first byte of a file', head(ONE, DICOM, 'Content-Length: 100000'), Buffer.alloc(0)],
    ['in a file', head(ONE, DICOM, 'Content-Length: 100000'), Buffer.alloc(5000)],
    ['in a file in chunks', head(ONE, DICOM, 'Transfer-Encoding: chunked'), Buffer.from('5\r\nabcde\r\n')],
    ['in the first boundary', head(PARTS, TYPE, 'Content-Length: 100000'), whole.subarray(0, 3)],
    ['in the headers of a part', head(PARTS, TYPE, 'Content-Length: 100000'), whole.subarray(0, 20)],
    ['in the JSON', head(PARTS, TYPE, 'Content-Length: 100000'), whole.subarray(0, whole.indexOf('brain'))],
    ['in a file in parts', head(PARTS, TYPE, 'Content-Length: 100000'), whole.subarray(0, -2000)],
    ['before the last boundary', head(PARTS, TYPE, 'Content-Length: 100000'), whole.subarray(0, -BOUNDARY.length - 4)],
  ]
  it.each(places)('silence %s', async (_, before, bytes) => {
    const startMs = performance.now()
    const connection = await clinician.open()
    connection.write(before)
    connection.write(bytes)
    const answer = await connection.until('"code"', 4000)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(codeIn(answer)).toBe('request_timeout')
    expect(performance.now() - startMs).toBeLessThan(3500)
    const saidMs = performance.now()
    await connection.closed(3000)
    expect(connection.isClosed).toBe(true)
    expect(performance.now() - saidMs, 'who was too slow is not waited for again').toBeLessThan(400)
  })

  it.each(places.slice(1))('one byte now and then %s', async (_, before, bytes) => {
    const startMs = performance.now()
    const connection = await clinician.open()
    connection.write(before)
    connection.write(bytes)
    const drip = before.includes('chunked') ? '1\r\nx\r\n' : '\r'
    const timer = setInterval(() => connection.write(drip), 100)
    const answer = await connection.until('"code"', 5000)
    clearInterval(timer)
    expect(answer).toMatch(/^HTTP\/1\.1 4(?:08|00|31) /)
    expect(performance.now() - startMs).toBeLessThan(4500)
    connection.socket.destroy()
  })

  it('a body that comes just fast enough ends at the longest time all the same', async () => {
    const startMs = performance.now()
    const connection = await clinician.open()
    connection.write(head(ONE, DICOM, `Content-Length: ${8 * MIB}`))
    const timer = setInterval(() => connection.write(Buffer.alloc(20_000)), 100)
    const answer = await connection.until('"code"', 8000)
    clearInterval(timer)
    expect(codeIn(answer)).toBe('request_timeout')
    expect(performance.now() - startMs).toBeGreaterThan(2500)
    expect(performance.now() - startMs).toBeLessThan(6000)
    connection.socket.destroy()
  })

  it('the time of JSON is not that of images, nor the other way round', async () => {
    const connection = await clinician.open()
    connection.write(head(PARTS, 'Content-Type: application/json', 'Content-Length: 100000'))
    const timer = setInterval(() => connection.write(' '.repeat(100)), 100)
    expect(codeIn(await connection.until('"code"', 3000))).toBe('request_timeout')
    clearInterval(timer)
    await connection.closed(1000)
  })
})

describe('lies', () => {
  it('a length that is too small: the rest is no request', async () => {
    const answer = await clinician.raw(`${head(ONE, DICOM, 'Content-Length: 4')}DICMmore that is no request\r\n\r\n`)
    // Or nothing: an error after a request that still waits would be taken for its answer.
    expect(answer).toMatch(/^(?:$|HTTP\/1\.1 (?:200|400) )/)
    expect(answer).not.toContain('"code":"internal"')
  })

  it('a length that is too large, and then the end', async () => {
    const decided = server.decisions.requests.length
    const answer = await clinician.raw(`${head(ONE, DICOM, 'Content-Length: 4000')}DICM`, { end: true })
    expect(codeIn(answer)).toBe('request_malformed')
    await expect.poll(() => server.decisions.requests.length).toBe(decided + 1)
  })

  it.each([
    ['chunks of nothing', head(ONE, DICOM, 'Transfer-Encoding: chunked'), '0\r\n\r\n', 'request_malformed'],
    ['chunks of nothing in parts', head(PARTS, TYPE, 'Transfer-Encoding: chunked'), '0\r\n\r\n', 'request_malformed'],
    ['chunks that are none', head(ONE, DICOM, 'Transfer-Encoding: chunked'), 'zz\r\n', 'request_malformed'],
    ['an empty file', head(ONE, DICOM, 'Content-Length: 0'), '', 'request_malformed'],
    ['no length', head(ONE, DICOM), '', 'request_malformed'],
    ['two types', head(ONE, DICOM, 'Content-Type: application/json', 'Content-Length: 4'), 'DICM', 'request_malformed'],
    [
      'compression',
      head(ONE, DICOM, 'Content-Encoding: gzip', 'Content-Length: 4'),
      'DICM',
      'request_unsupported_media_type',
    ],
    [
      'compression in transfer',
      head(ONE, DICOM, 'Transfer-Encoding: gzip, chunked'),
      '4\r\nDICM\r\n0\r\n\r\n',
      'request_unsupported_media_type',
    ],
    [
      'an encoded patient that is none',
      head(ONE, DICOM, 'Wardstone-Subject: a%00', 'Content-Length: 4'),
      'DICM',
      'request_malformed',
    ],
    [
      'two patients',
      head(ONE, DICOM, `Wardstone-Subject: ${CANARY}`, 'Wardstone-Subject: b', 'Content-Length: 4'),
      'DICM',
      'request_malformed',
    ],
    [
      'a patient beside JSON',
      head(PARTS, 'Content-Type: application/json', `Wardstone-Subject: ${CANARY}`, 'Content-Length: 2'),
      '{}',
      'request_malformed',
    ],
    [
      'a patient in the address',
      head(`${ONE}&subject=${CANARY}`, DICOM, 'Content-Length: 4'),
      'DICM',
      'request_malformed',
    ],
    [
      'an image for another route',
      head('/v1/decisions/0f8c1e52-6f0e-4f5b-9d3c-2b7a51c0e9d4/feedback', DICOM, 'Content-Length: 4'),
      'DICM',
      'request_unsupported_media_type',
    ],
    [
      'an address for JSON',
      head(ONE, 'Content-Type: application/json', 'Content-Length: 2'),
      '{}',
      'request_malformed',
    ],
  ])('%s', async (_, before, bytes, code) => {
    const decided = server.decisions.requests.length
    const connection = await clinician.open()
    connection.write(before + bytes)
    const answer = await connection.until('"code"')
    connection.socket.destroy()
    expect(codeIn(answer)).toBe(code)
    expect(answer).toMatch(/^HTTP\/1\.1 4(?:00|15) /)
    expect(answer).not.toContain(CANARY)
    expect(server.decisions.requests.length).toBe(decided)
  })

  it('a request behind an image on one connection is answered after it', async () => {
    const both = `${head(ONE, DICOM, 'Content-Length: 4')}DICMGET /nowhere HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n`
    const answer = await clinician.raw(both)
    expect(answer.indexOf('Pseudonym')).toBeGreaterThan(0)
    expect(answer.indexOf('Pseudonym')).toBeLessThan(answer.indexOf('route_unknown'))
  })

  it('a hundred clients that begin and leave take no place with them', async () => {
    for (let round = 0; round < 10; round += 1) {
      const clients = await Promise.all(Array.from({ length: 10 }, () => clinician.open()))
      for (const connection of clients) connection.write(`${head(ONE, DICOM, 'Content-Length: 100000')}DICM`)
      await pause(20)
      for (const connection of clients) connection.socket.destroy()
    }
    await pause(100)
    const replies = await Promise.all(
      Array.from({ length: 4 }, () =>
        clinician.call(ONE, { body: 'DICM', headers: { 'content-type': 'application/dicom' } }),
      ),
    )
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })
})
