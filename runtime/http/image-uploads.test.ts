import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import type { DecisionRequest } from '../decisions/types.ts'
import { ImageError } from '../images/errors.ts'
import type { ImageInput } from '../images/image-input.ts'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause, type RawConnection, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'
import { FORM_DATA, filePart, partsOf, RELATED, readBeginning, readImage, requestPart } from './testkit/uploads.ts'

const CANARY = 'Mustermann-1957'
const MIB = 1024 * 1024
const DICOM = { 'content-type': 'application/dicom', 'wardstone-subject': CANARY }
const ONE = '/v1/decisions?model=chest-qc&purpose=demonstration'
const PARTS = '/v1/decisions'

let site: TestSite
let server: TestServer
let clinician: TestClient
let files: Buffer[] = []

/** The decision room as it is with a decoder: it takes in the image, then answers. */
const decideOnWhole = async (request: DecisionRequest) => {
  files = await readImage(request.image)
  return examples.DecisionAnswer
}

beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
  server.decisions.onDecide = decideOnWhole
  clinician = await server.as('clinician')
})
afterEach(() => {
  server.decisions.onDecide = decideOnWhole
  expect(server.logLines.join('')).not.toContain(CANARY)
  expect(JSON.stringify(server.ledger.leaves)).not.toContain(CANARY)
})
afterAll(() => server.app.close())

/** Deep equality takes seconds for megabytes. */
function expectFiles(expected: readonly Buffer[]): void {
  expect(files.map((file, index) => file.equals(expected[index] ?? Buffer.alloc(0)))).toEqual(expected.map(() => true))
}

const last = () => server.decisions.requests.at(-1)!
const subjectOf = ({ subject }: DecisionRequest) => (subject === undefined ? undefined : Phi.reveal(subject))

function head(path: string, ...headers: string[]): string {
  return [`POST ${path} HTTP/1.1`, 'Host: box', ...headers, '', ''].join('\r\n')
}
const dicomHead = (length: number, ...more: string[]) =>
  head(ONE, 'Content-Type: application/dicom', `Content-Length: ${length}`, `Wardstone-Subject: ${CANARY}`, ...more)

describe('one file', () => {
  const file = Buffer.alloc(3 * MIB, 'DICM')

  it('reaches whoever decides, byte for byte', async () => {
    const reply = await clinician.call(ONE, { body: file, headers: { ...DICOM, 'wardstone-subject': 'Nu%C3%B1ez' } })
    expect(reply.status).toBe(200)
    expectFiles([file])
    expect(last()).toMatchObject({ model: 'chest-qc', purpose: 'demonstration', inputs: {} })
    expect(subjectOf(last())).toBe('Nuñez')
  })

  it('may come in chunks and leave the patient to the file', async () => {
    const headers = { 'content-type': 'application/dicom', 'transfer-encoding': 'chunked' }
    expect((await clinician.call(ONE, { body: file, headers })).status).toBe(200)
    expectFiles([file])
    expect(subjectOf(last())).toBeUndefined()
  })

  it('may be NIfTI', async () => {
    for (const type of ['application/nifti', 'application/x-nifti']) {
      const headers = { 'content-type': type, 'wardstone-subject': 'p-1' }
      expect((await clinician.call(ONE, { body: file, headers })).status).toBe(200)
    }
    const headers = { 'content-type': 'application/nifti' }
    const reply = await clinician.call(ONE, { body: 'x', headers })
    expect([reply.status, reply.json.error?.code]).toEqual([400, 'subject_missing'])
  })

  it('is awaited by the client until it is wanted', async () => {
    const connection = await clinician.open()
    connection.write(dicomHead(4, 'Expect: 100-continue'))
    expect(await connection.until('100 Continue')).toContain('HTTP/1.1 100 Continue')
    connection.write('DICM')
    expect(await connection.until('Pseudonym')).toContain('HTTP/1.1 200 ')
    connection.socket.destroy()
    const engineer = await server.as('engineer')
    const refused = await engineer.raw(dicomHead(4, 'Expect: 100-continue'))
    expect(refused).toMatch(/^HTTP\/1\.1 403 /)
  })
})

describe('files in parts', () => {
  const slices = Array.from({ length: 5 }, (_, index) => Buffer.alloc(300_000 + index, `s${index}\r\n--`))
  const request = { model: 'brain', subject: CANARY, inputs: { age: { value: 50, unit: 'a' } } }

  it.each([
    ['related', RELATED],
    ['form data', FORM_DATA],
  ])('%s', async (_, type) => {
    const body = partsOf(requestPart(request), ...slices.map((slice) => filePart(slice)))
    const reply = await clinician.call(PARTS, { body, headers: { 'content-type': type } })
    expect(reply.status).toBe(200)
    expectFiles(slices)
    expect(last()).toMatchObject({ model: 'brain', purpose: 'treatment', inputs: { age: [{ value: 50, unit: 'a' }] } })
    expect(subjectOf(last())).toBe(CANARY)
  })

  it('may leave out the patient and the inputs, and say which part is the request', async () => {
    const first = {
      ...requestPart({ model: 'brain' }),
      headers: ['Content-Type: application/json', 'Content-ID: <a@b>'],
    }
    const body = partsOf(first, filePart('x', 'application/octet-stream'), filePart('y', 'application/nifti'))
    const reply = await clinician.call(PARTS, { body, headers: { 'content-type': `${RELATED}; start="<a@b>"` } })
    expect([reply.status, subjectOf(last()), last().inputs]).toEqual([200, undefined, {}])
    expect(files.map(String)).toEqual(['x', 'y'])
  })

  const jsonHeaders = ['Content-Type: application/json', 'Content-Disposition: form-data; name="request"']
  const file = filePart('x')
  const good = requestPart(request)
  it.each([
    ['no parts', partsOf(), 400, 'request_malformed', 'request'],
    ['a file first', partsOf(file, good), 400, 'request_malformed', 'request'],
    ['no file', partsOf(good), 400, 'request_malformed', 'files'],
    ['a request twice', partsOf(good, good, file), 415, 'request_unsupported_media_type', 'part'],
    ['a page', partsOf(good, filePart('x', 'text/html')), 415, 'request_unsupported_media_type', 'part'],
    ['a file without a type', partsOf(good, { bytes: 'x' }), 415, 'request_unsupported_media_type', 'part'],
    [
      'another charset',
      partsOf({ ...good, headers: ['Content-Type: application/json; charset=utf-16'] }, file),
      400,
      'request_malformed',
      'request',
    ],
    ['a request of no type', partsOf({ bytes: good.bytes }, file), 400, 'request_malformed', 'request'],
    [
      'a request under another name',
      partsOf(
        { ...good, headers: ['Content-Type: application/json', 'Content-Disposition: form-data; name="file"'] },
        file,
      ),
      400,
      'request_malformed',
      'request',
    ],
    [
      'a request that is not JSON',
      partsOf({ headers: jsonHeaders, bytes: '{' }, file),
      400,
      'request_not_json',
      undefined,
    ],
    [
      'a name twice',
      partsOf({ headers: jsonHeaders, bytes: '{"model":"a","model":"b"}' }, file),
      400,
      'request_name_repeated',
      undefined,
    ],
    ['a request without a model', partsOf(requestPart({ subject: CANARY }), file), 400, 'request_malformed', 'model'],
    ['an image in the JSON', partsOf(requestPart({ ...request, image: 'x' }), file), 400, 'request_malformed', 'body'],
    [
      'a large request',
      partsOf({ headers: jsonHeaders, bytes: `"${'a'.repeat(MIB)}"` }, file),
      413,
      'request_too_large',
      'request',
    ],
  ])('%s', async (_, body, status, code, about) => {
    const decided = server.decisions.requests.length
    const reply = await clinician.call(PARTS, { body, headers: { 'content-type': FORM_DATA } })
    expect([reply.status, reply.json.error?.code, reply.json.error?.about]).toEqual([status, code, about])
    expect(reply.text).not.toContain(CANARY)
    expect(server.decisions.requests.length, 'nothing may be decided').toBe(decided)
  })

  it.each([
    ['a file of another type', partsOf(good, file, filePart('x', 'text/plain')), 415, 'request_unsupported_media_type'],
    ['no end', partsOf(good, file).subarray(0, -8), 400, 'request_malformed'],
    ['text after the end', Buffer.concat([partsOf(good, file), Buffer.from('x')]), 400, 'request_malformed'],
    [
      'a compressed file',
      partsOf(good, file, { headers: ['Content-Encoding: gzip'], bytes: 'x' }),
      415,
      'request_unsupported_media_type',
    ],
  ])('%s, found when the decision has begun, is no decision', async (_, body, status, code) => {
    const reply = await clinician.call(PARTS, { body, headers: { 'content-type': RELATED } })
    expect([reply.status, reply.json.error?.code]).toEqual([status, code])
  })

  it('what was wrong is said beside the record of it, where there is one', async () => {
    server.decisions.onDecide = async (request) => {
      const fault = await readImage(request.image).catch((error: unknown) => error as ImageError)
      const { decision, audit } = examples.RefusedAnswer
      const refusal = { code: (fault as ImageError).code, about: null, message: 'm' }
      return { decision: { ...decision, refusal }, audit }
    }
    const body = partsOf(good, file).subarray(0, -8)
    const reply = await clinician.call(PARTS, { body, headers: { 'content-type': RELATED } })
    expect(reply.status).toBe(400)
    const answer = JSON.parse(reply.text)
    expect(answer.error).toMatchObject({ code: 'request_malformed', about: 'end of parts' })
    expect(answer.decision.refusal.code).toBe('image_input_failed')
  })
})

describe('what images are refused for', () => {
  it.each([
    ['image_not_recognised', 415],
    ['image_too_large', 413],
    ['image_truncated', 422],
    ['image_decoder_overloaded', 503],
    ['image_deadline', 504],
  ] as const)('%s: %i, alone or with its record', async (code, status) => {
    server.decisions.onDecide = () => Promise.reject(new ImageError(code, { about: 'frames' }))
    const alone = await clinician.call(ONE, { body: 'x', headers: DICOM })
    expect([alone.status, alone.json.error?.code, alone.json.error?.about]).toEqual([status, code, 'frames'])
    const { decision, audit } = examples.RefusedAnswer
    server.decisions.onDecide = async () => ({
      decision: { ...decision, refusal: { code, about: 'frames', message: 'm' } },
      audit,
    })
    const recorded = await clinician.call(ONE, { body: 'x', headers: DICOM })
    expect([recorded.status, recorded.json.error?.code]).toEqual([status, code])
  })
})

describe('a body that comes slowly, or is taken slowly', () => {
  it('begins to be decided with its first byte', async () => {
    const connection = await clinician.open()
    const before = server.decisions.requests.length
    connection.write(dicomHead(2 * MIB))
    await pause(100)
    expect(server.decisions.requests.length).toBe(before)
    connection.write('D')
    await expect.poll(() => server.decisions.requests.length).toBe(before + 1)
    connection.write(Buffer.alloc(2 * MIB - 1))
    expect(await connection.until('Pseudonym')).toContain('HTTP/1.1 200 ')
    connection.socket.destroy()
  })

  it('stays with its sender while nobody takes it', async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>()
    server.decisions.onDecide = async (request) => {
      await go
      return decideOnWhole(request)
    }
    const connection = await clinician.open()
    const whole = Buffer.alloc(64 * MIB, 1)
    connection.write(dicomHead(whole.length))
    const heldBefore = process.memoryUsage().arrayBuffers
    connection.write(whole)
    await pause(1000)
    const { socket } = connection
    expect(socket.bytesWritten - socket.writableLength, 'in sockets').toBeLessThan(40 * MIB)
    expect(process.memoryUsage().arrayBuffers - heldBefore, 'in the runtime').toBeLessThan(8 * MIB)
    expect(connection.isClosed).toBe(false)
    resolve()
    expect(await connection.until('Pseudonym', 20_000)).toContain('HTTP/1.1 200 ')
    expect(files.map(({ length }) => length)).toEqual([whole.length])
    connection.socket.destroy()
  })
})

describe('an answer before the end of the body', () => {
  const answerAtOnce = async (request: { image?: ImageInput | undefined }) => {
    await readBeginning(request.image)
    throw new ImageError('image_not_recognised')
  }

  it('leaves the connection to the next request where the end is near', async () => {
    server.decisions.onDecide = answerAtOnce
    const connection = await clinician.open()
    connection.write(dicomHead(4 * MIB))
    connection.write(Buffer.alloc(MIB))
    expect(await connection.until('image_not_recognised')).toMatch(/^HTTP\/1\.1 415 /)
    expect(connection.received.toLowerCase()).not.toContain('connection: close')
    server.decisions.onDecide = decideOnWhole
    connection.write(Buffer.alloc(3 * MIB))
    connection.write(`${dicomHead(4)}DICM`)
    expect(await connection.until('Pseudonym', 10_000)).toContain('HTTP/1.1 200 ')
    connection.socket.destroy()
  })

  it('leaves it too when all has come and nobody has taken it', async () => {
    server.decisions.onDecide = () => Promise.reject(new ImageError('image_not_recognised'))
    const agent = clinician.agent()
    for (let count = 0; count < 3; count += 1) {
      const reply = await clinician.call(ONE, { body: Buffer.alloc(3 * MIB), headers: DICOM, agent })
      expect(reply.status).toBe(415)
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    agent.destroy()
  })

  it('is seen by a client that sends to the end before it reads', async () => {
    server.decisions.onDecide = answerAtOnce
    const connection = await clinician.open()
    const head = dicomHead(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked')
    connection.write(head)
    for (let count = 0; count < 20; count += 1) connection.write(chunkOf(MIB))
    connection.write('0\r\n\r\n')
    const answer = await connection.until('image_not_recognised', 10_000)
    expect(answer).toMatch(/^HTTP\/1\.1 415 /)
    expect(answer.toLowerCase()).toContain('connection: close')
    await connection.closed(10_000)
    expect(connection.isClosed).toBe(true)
  })

  it('does not keep a place for who never comes to an end', async () => {
    const own = await startTestServer(site, {
      limits: { maxUploads: 1, unreadTimeoutMs: 300, maxUnreadBytes: 8 * MIB, uploadSilenceMs: 60_000 },
    })
    own.decisions.onDecide = answerAtOnce
    const client = await own.as('clinician')
    const connection = await client.open()
    connection.write(dicomHead(MIB))
    connection.write('DICM')
    expect(await connection.until('image_not_recognised')).toContain('415')
    await connection.closed(3000)
    expect(connection.isClosed).toBe(true)
    const endless = await client.open()
    endless.write(dicomHead(400 * MIB))
    const timer = setInterval(() => endless.socket.writableLength < MIB && endless.write(Buffer.alloc(MIB)), 1)
    expect(await endless.until('image_not_recognised')).toContain('connection: close')
    await endless.closed(5000)
    clearInterval(timer)
    expect(endless.isClosed).toBe(true)
    own.decisions.onDecide = decideOnWhole
    await expect.poll(async () => (await client.call(ONE, { body: 'x', headers: DICOM })).status).toBe(200)
    await own.app.close()
  })
})

function chunkOf(length: number): Buffer {
  return Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), Buffer.alloc(length), Buffer.from('\r\n')])
}

describe('places', () => {
  const limits = { maxUploads: 3, maxUploadsPerClient: 2, uploadSilenceMs: 60_000, uploadGraceMs: 60_000 }
  let own: TestServer
  beforeAll(async () => {
    own = await startTestServer(site, { limits })
    own.decisions.onDecide = decideOnWhole
  })
  afterAll(() => own.app.close())

  const begin = async (client: TestClient): Promise<RawConnection> => {
    const connection = await client.open()
    connection.write(`${dicomHead(4)}D`)
    return connection
  }

  it('one client has its share, all clients have theirs, and whoever leaves gives theirs back', async () => {
    const [one, other, third] = await Promise.all(['a', 'b', 'c'].map((id) => own.as('bedside', id)))
    const begun = [await begin(one!), await begin(one!)]
    await expect.poll(() => own.decisions.requests.length).toBe(2)
    const more = await one!.call(ONE, { body: 'DICM', headers: DICOM })
    expect([more.status, more.json.error?.code]).toEqual([429, 'request_rate_limited'])
    expect(Number(more.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    begun.push(await begin(other!))
    await expect.poll(() => own.decisions.requests.length).toBe(3)
    const full = await third!.call(ONE, { body: 'DICM', headers: DICOM })
    expect([full.status, full.json.error?.code]).toEqual([503, 'image_decoder_overloaded'])
    const tabular = await one!.post('/v1/decisions', examples.DecisionRequest)
    expect(tabular.status, 'other requests need no place').toBe(200)
    begun[0]!.socket.destroy()
    await expect.poll(async () => (await third!.call(ONE, { body: 'DICM', headers: DICOM })).status).toBe(200)
    begun[1]!.write('ICM')
    expect(await begun[1]!.until('Pseudonym')).toContain('HTTP/1.1 200 ')
    for (const connection of begun) connection.socket.destroy()
  })

  it('as many as a client may have leave room for its other requests', async () => {
    const usual = await startTestServer(site)
    usual.decisions.onDecide = decideOnWhole
    const client = await usual.as('bedside')
    const begun = await Promise.all(Array.from({ length: 4 }, () => client.open()))
    for (const connection of begun) connection.write(dicomHead(4 * MIB).concat('DICM'))
    await expect.poll(() => usual.decisions.requests.length).toBe(4)
    expect((await client.post('/v1/decisions', examples.DecisionRequest)).status).toBe(200)
    for (const connection of begun) connection.socket.destroy()
    await usual.app.close()
  })

  it('a client that leaves ends the reading of its image at once', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    own.decisions.onDecide = async (request) => {
      await readImage(request.image).catch(resolve)
      return examples.DecisionAnswer
    }
    const connection = await begin(await own.as('bedside', 'leaver'))
    await pause(50)
    const startMs = performance.now()
    connection.socket.destroy()
    expect(await promise).toMatchObject({ code: 'image_input_failed', cause: { code: 'request_malformed' } })
    expect(performance.now() - startMs).toBeLessThan(1000)
    own.decisions.onDecide = decideOnWhole
  })

  it('a refused client may go on with its connection', async () => {
    const client = await own.as('bedside', 'a')
    const begun = [await begin(client), await begin(client)]
    await pause(100)
    const agent = client.agent()
    for (let count = 0; count < 3; count += 1) {
      const reply = await client.call(ONE, { body: Buffer.alloc(2 * MIB), headers: DICOM, agent })
      expect([reply.status, reply.headers.connection]).toEqual([429, 'keep-alive'])
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    agent.destroy()
    for (const connection of begun) connection.socket.destroy()
  })
})

describe('outputs', () => {
  it('the labels of a segmentation come as a file', async () => {
    const id = examples.DecisionAnswer.decision.decisionId
    const reply = await clinician.call(`/v1/decisions/${id}/outputs/tissue`)
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/gzip'])
    expect(reply.headers['content-disposition']).toBe(`attachment; filename="${id}-tissue.nii.gz"`)
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(server.decisions.reads.at(-1)).toBe(`${id}/tissue`)
  })

  it.each([
    ['/v1/decisions/1/outputs/tissue', 'id'],
    [`/v1/decisions/${examples.DecisionAnswer.decision.decisionId}/outputs/Tissue`, 'name'],
    [`/v1/decisions/${examples.DecisionAnswer.decision.decisionId}/outputs/a%2Fb`, 'name'],
  ])('%s', async (path, about) => {
    const reply = await clinician.call(path)
    expect([reply.status, reply.json.error?.about]).toEqual([400, about])
  })

  it('is refused in the usual form', async () => {
    expect(
      codeIn(
        await (await server.as('bedside')).raw(
          `GET /v1/decisions/x/outputs/y HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n`,
        ),
      ),
    ).toBe('access_denied')
  })
})
