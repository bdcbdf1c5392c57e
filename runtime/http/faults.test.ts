import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { StorageError } from '../storage/errors.ts'
import type { DecisionAnswerBody } from './contract.ts'
import { HttpError } from './errors.ts'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

const CANARY = 'Mustermann1957'
const request = { ...examples.DecisionRequest, subject: CANARY }

let site: TestSite
let server: TestServer
let clinician: TestClient
beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
  clinician = await server.as('clinician')
})
afterEach(() => {
  server.decisions.onDecide = async () => examples.DecisionAnswer
  expect(server.logLines.join('')).not.toContain(CANARY)
  expect(JSON.stringify(server.ledger.leaves)).not.toContain(CANARY)
})
afterAll(() => server.app.close())

describe('a client that goes', () => {
  it('before its answer is there is noticed, and one that waits for it is not', async () => {
    const seen: (AbortSignal | undefined)[] = []
    server.decisions.onDecide = ({ signal: left }) => {
      seen.push(left)
      return new Promise((resolve) => left?.addEventListener('abort', () => resolve(examples.DecisionAnswer)))
    }
    const connection = await clinician.open()
    const body = JSON.stringify(request)
    connection.write(
      `POST /v1/decisions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    await expect.poll(() => seen.length).toBe(1)
    expect(seen[0]?.aborted).toBe(false)
    connection.socket.destroy()
    await expect.poll(() => seen[0]?.aborted).toBe(true)
    server.decisions.onDecide = async ({ signal: left }) => {
      seen.push(left)
      return examples.DecisionAnswer
    }
    expect((await clinician.post('/v1/decisions', request)).status).toBe(200)
    await pause(50)
    expect(seen[1]?.aborted).toBe(false)
  })
})

describe('faults of the box', () => {
  const thrown: [string, () => unknown][] = [
    ['an error', () => new Error(`no bed for ${CANARY}`)],
    ['an error that calls itself ours', () => Object.assign(new Error(CANARY), { code: CANARY, about: CANARY })],
    [
      'an error with a status and headers',
      () => Object.assign(new Error(CANARY), { statusCode: 418, headers: { 'x-patient': CANARY } }),
    ],
    [
      'an error with a validation',
      () => Object.assign(new Error(CANARY), { validation: [{ message: CANARY }], statusCode: 400 }),
    ],
    ['an error with a cause', () => new Error('outer', { cause: new Error(CANARY) })],
    ['an error named after a patient', () => Object.assign(new Error('x'), { name: CANARY })],
    ['a text', () => CANARY],
    ['nothing', () => undefined],
    ['an object', () => ({ message: CANARY, toString: () => CANARY })],
    ['an aggregate', () => new AggregateError([new Error(CANARY)], CANARY)],
  ]
  for (const [name, make] of thrown) {
    it(`${name}: a bare 500`, async () => {
      server.decisions.onDecide = () => Promise.reject(make())
      const reply = await clinician.post('/v1/decisions', request)
      expect(reply.status).toBe(500)
      expect(reply.json.error?.code).toBe('internal')
      expect(Object.keys(reply.json.error ?? {}).sort()).toEqual(['code', 'message', 'requestId'])
      expect(reply.text + JSON.stringify(reply.headers)).not.toContain(CANARY)
      expect(server.logLines.join('')).toContain(reply.json.error?.requestId)
    })
  }

  it('a handler that throws at once', async () => {
    server.decisions.onDecide = () => {
      throw new Error(CANARY)
    }
    expect((await clinician.post('/v1/decisions', request)).json.error?.code).toBe('internal')
  })

  it('a full disk is 507, an overloaded model 503 with a time', async () => {
    server.decisions.onDecide = () => Promise.reject(new StorageError('storage_full'))
    expect((await clinician.post('/v1/decisions', request)).status).toBe(507)
    server.decisions.onDecide = () => Promise.reject(new HttpError('server_stopping', { retryAfterMs: 4000 }))
    const reply = await clinician.post('/v1/decisions', request)
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '4'])
  })

  it('an answer with a member that the contract does not name is not sent', async () => {
    const leaking = {
      decision: { ...examples.DecisionAnswer.decision, subject: CANARY },
      audit: examples.DecisionAnswer.audit,
    }
    server.decisions.onDecide = async () => leaking
    const reply = await clinician.post('/v1/decisions', request)
    expect([reply.status, reply.json.error?.code]).toEqual([500, 'response_malformed'])
    expect(reply.text).not.toContain(CANARY)
    expect(server.logLines.at(-1)).toContain('"member":"decision"')
  })

  it('an answer that is not a number any more is not sent as null', async () => {
    const { decision, audit } = examples.DecisionAnswer
    server.decisions.onDecide = async () => ({ decision: { ...decision, timings: { infer: Number.NaN } }, audit })
    expect((await clinician.post('/v1/decisions', request)).json.error?.code).toBe('response_malformed')
  })
})

describe('refused decisions', () => {
  const refusedWith = (code: string, about: string | null): DecisionAnswerBody => {
    const { decision, audit } = examples.RefusedAnswer
    return { decision: { ...decision, refusal: { code, about, message: 'm' } }, audit }
  }

  it.each([
    ['input_out_of_range', 422],
    ['population_excluded', 422],
    ['inference_deadline', 504],
    ['inference_worker_lost', 502],
    ['inference_overloaded', 503],
    ['contract_output_invalid', 500],
  ])('%s comes whole, with status %i', async (code, status) => {
    server.decisions.onDecide = async () => refusedWith(code, 'heart-rate')
    const reply = await clinician.post('/v1/decisions', request)
    expect(reply.status).toBe(status)
    const body = JSON.parse(reply.text)
    expect(body.decision).toEqual(refusedWith(code, 'heart-rate').decision)
    expect(body.error).toMatchObject({ code, requestId: reply.headers['x-request-id'] })
    expect(reply.headers['retry-after']).toBe(status === 503 ? '1' : undefined)
  })

  it('a refusal without a row in the table is a fault, not a result', async () => {
    server.decisions.onDecide = async () => refusedWith('made_up', null)
    expect((await clinician.post('/v1/decisions', request)).status).toBe(500)
  })
})

describe('every answer', () => {
  it('is not cached, not sniffed, not signed by a product, and has an id of ours', async () => {
    const replies = [
      await clinician.call('/v1/models', { headers: { 'x-request-id': CANARY } }),
      await clinician.call('/v1/openapi.json'),
      await clinician.call('/nowhere'),
      await clinician.call('/v1/models', { method: 'DELETE' }),
      await clinician.call('/v1/decisions', { body: '{' }),
      await clinician.call('/%zz'),
    ]
    for (const { headers } of replies) {
      expect(headers['cache-control']).toBe('no-store')
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['content-type']).toBe('application/json; charset=utf-8')
      expect(headers['x-request-id']).toMatch(/^[0-9a-f]{24}$/)
      expect(headers.server ?? headers['x-powered-by']).toBeUndefined()
    }
    const raw = await clinician.raw('rubbish\r\n\r\n')
    expect(raw).toMatch(/cache-control: no-store\r\nx-content-type-options: nosniff\r\nx-request-id: [0-9a-f]{24}\r\n/)
  })

  it('never repeats the subject', async () => {
    const reply = await clinician.post('/v1/decisions', request)
    expect(reply.text + JSON.stringify(reply.headers)).not.toContain(CANARY)
  })
})

describe('clients that leave', () => {
  it('a decision completes although nobody waits for it', async () => {
    let finished = false
    server.decisions.onDecide = async () => {
      await pause(150)
      finished = true
      return examples.DecisionAnswer
    }
    const body = JSON.stringify(request)
    const connection = await clinician.open()
    connection.write(
      `POST /v1/decisions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await pause(60)
    connection.socket.destroy()
    await pause(200)
    expect(finished).toBe(true)
    expect((await clinician.call('/v1/health')).status).toBe(200)
  })
})

describe('evidence of access', () => {
  it('refusals are leaves, polling and malformed requests are counted, names are templates', async () => {
    const own = await startTestServer(site)
    const [engineer, doctor] = [await own.as('engineer', 'eng-7'), await own.as('clinician', 'doc-3')]
    const id = examples.DecisionAnswer.decision.decisionId
    for (let count = 0; count < 34; count += 1) await engineer.call(`/v1/decisions/${id}`)
    for (let count = 0; count < 3; count += 1) await engineer.call('/v1/health')
    await doctor.call('/v1/decisions', { body: '{' })
    await doctor.call(`/${CANARY}`)
    await doctor.call('/v1/decisions', { body: JSON.stringify(request) })
    expect(codeIn(await doctor.raw('rubbish\r\n\r\n'))).toBe('request_malformed')
    await own.app.close()
    const refused = {
      kind: 'refused',
      code: 'access_denied',
      client: 'eng-7',
      role: 'engineer',
      route: '/v1/decisions/:id',
    }
    expect(own.ledger.ofKind('refused')).toEqual(Array.from({ length: 30 }, () => refused))
    const counted = own.ledger
      .ofKind('counted')
      .map(({ client, route, count, refused }) => [client, route, count, refused])
    expect(counted).toEqual(
      expect.arrayContaining([
        ['eng-7', '/v1/decisions/:id', 4, 'access_denied'],
        ['eng-7', '/v1/health', 3, undefined],
        ['doc-3', '/v1/decisions', 1, 'request_not_json'],
        ['doc-3', '(unknown)', 1, 'route_unknown'],
        ['doc-3', '(unknown)', 1, 'request_malformed'],
      ]),
    )
    // A decision is a leaf of its own, written by the decision room.
    expect(counted.length).toBe(5)
    expect(JSON.stringify([own.ledger.leaves, own.logLines])).not.toContain(CANARY)
  })

  it('a log that cannot be written changes no refusal and takes nothing down', async () => {
    const own = await startTestServer(site)
    own.ledger.failure = new StorageError('storage_full')
    const engineer = await own.as('engineer')
    for (let count = 0; count < 3; count += 1) expect((await engineer.post('/v1/decisions', request)).status).toBe(403)
    expect((await engineer.call('/v1/health')).status).toBe(200)
    await own.app.close()
    expect(own.logLines.join('')).toContain('access-evidence-not-written')
  })
})

describe('closing', () => {
  it('finishes what is in flight, refuses what is new, then writes the counts', async () => {
    const own = await startTestServer(site)
    const doctor = await own.as('clinician')
    own.decisions.onDecide = async () => {
      await pause(400)
      return examples.DecisionAnswer
    }
    await doctor.call('/v1/health')
    const inFlight = doctor.post('/v1/decisions', request)
    const half = await doctor.open()
    half.write('GET /v1/models HTTP/1.1\r\nHost:')
    await pause(100)
    const closed = own.app.close()
    await pause(100)
    await expect(doctor.call('/v1/health')).rejects.toThrow()
    half.write(' box\r\n\r\n')
    expect(codeIn(await half.closed(2000))).toBe('server_stopping')
    expect(half.received).toContain('HTTP/1.1 503 ')
    expect((await inFlight).status).toBe(200)
    await closed
    expect(own.ledger.ofKind('counted').map(({ route, count }) => [route, count])).toContainEqual(['/v1/health', 1])
  })

  it('cuts what does not finish in time', async () => {
    const own = await startTestServer(site, { limits: { drainMs: 200 } })
    const doctor = await own.as('clinician')
    const slow = await doctor.open()
    slow.write(
      'POST /v1/decisions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n',
    )
    await pause(50)
    const startMs = performance.now()
    await own.app.close()
    expect(performance.now() - startMs).toBeLessThan(10_000)
    await slow.closed(500)
    expect(slow.isClosed).toBe(true)
  })
})
