import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestSite, type TestSite, type TlsIdentity } from '../../../http/testkit/certificates.ts'
import { pause } from '../../../http/testkit/client.ts'
import { defaultOipLimits } from '../limits.ts'
import { type GrpcBox, startGrpc } from '../testkit/grpc-box.ts'
import { GrpcClient } from '../testkit/grpc-client.ts'
import { fullBox, type OipBox } from '../testkit/oip-box.ts'
import { serviceProto } from '../testkit/service-proto.ts'
import { readInferRequest } from './infer-message.ts'
import { frameMessage } from './message-frame.ts'
import { WireWriter } from './wire-writer.ts'

let site: TestSite
let identity: TlsIdentity
let box: OipBox
let server: GrpcBox
const sessions: ClientHttp2Session[] = []

beforeAll(async () => {
  site = await createTestSite()
  identity = await site.client('bedside', 'monitor-1')
  box = fullBox()
  const limits = { messageTimeoutMs: 700, handshakeTimeoutMs: 500, idleMs: 1000, pingBurst: 5, answerTimeoutMs: 2000 }
  server = await startGrpc(site, box, { limits })
})

afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
})

afterAll(() => server.close())

function open(): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${server.port}`, { ca: site.authority.certificatePem, ...identity })
  session.on('error', () => {})
  sessions.push(session)
  return session
}

const INFER = '/inference.GRPCInferenceService/ModelInfer'

interface Status {
  readonly http: number
  readonly grpc: string | undefined
  readonly code: string | undefined
}

function begin(session: ClientHttp2Session, headers: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': INFER,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  stream.on('error', () => {})
  return stream
}

/** The status of a call; undefined where the connection was closed without one. */
function statusOf(stream: ClientHttp2Stream): Promise<Status | undefined> {
  const { promise, resolve } = Promise.withResolvers<Status | undefined>()
  let http = 0
  const take = (headers: Record<string, unknown>) => {
    http = Number(headers[':status'] ?? http)
    const grpc = headers['grpc-status']
    if (grpc !== undefined) resolve({ http, grpc: String(grpc), code: headers['wardstone-code'] as string | undefined })
  }
  stream.on('response', take)
  stream.on('trailers', take)
  stream.on('close', () => resolve(undefined))
  stream.resume()
  return promise
}

async function answer(bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Status | undefined> {
  const stream = begin(open(), headers)
  const status = statusOf(stream)
  stream.end(bytes)
  return status
}

const prefix = (flag: number, length: number) => {
  const bytes = Buffer.alloc(5)
  bytes[0] = flag
  bytes.writeUInt32BE(length, 1)
  return bytes
}
const refusal = (grpc: number, code: string): Status => ({ http: 200, grpc: String(grpc), code })

describe('frames that lie', () => {
  it.each<[string, Uint8Array, Status]>([
    ['none', new Uint8Array(0), refusal(3, 'oip_message_invalid')],
    ['half of one', prefix(0, 10).subarray(0, 3), refusal(3, 'oip_message_invalid')],
    ['less than announced', Buffer.concat([prefix(0, 10), Buffer.alloc(9)]), refusal(3, 'oip_message_invalid')],
    ['more than announced', Buffer.concat([prefix(0, 10), Buffer.alloc(11)]), refusal(3, 'oip_message_invalid')],
    [
      'two',
      Buffer.concat([frameMessage(new Uint8Array(1)), frameMessage(new Uint8Array(1))]),
      refusal(3, 'oip_message_invalid'),
    ],
    ['four gigabytes', prefix(0, 2 ** 32 - 1), refusal(8, 'oip_too_large')],
    ['one byte too many', prefix(0, 16 * 1024 * 1024 + 1), refusal(8, 'oip_too_large')],
    ['compressed', prefix(1, 3), refusal(12, 'oip_compression_unsupported')],
    ['a flag that is none', prefix(7, 3), refusal(3, 'oip_message_invalid')],
  ])('%s', async (_what, bytes, status) => {
    expect(await answer(bytes)).toEqual(status)
  })

  it('what is too large is refused before it has come', async () => {
    const stream = begin(open())
    const status = statusOf(stream)
    stream.write(prefix(0, 64 * 1024 * 1024))
    expect(await status).toEqual(refusal(8, 'oip_too_large'))
  })

  it('what does not come is refused in time', async () => {
    const stream = begin(open())
    const status = statusOf(stream)
    stream.write(prefix(0, 1000))
    expect(await status).toEqual(refusal(4, 'oip_deadline'))
  })
})

describe('metadata', () => {
  it.each<[string, Readonly<Record<string, string>>, Status]>([
    ['another content type', { 'content-type': 'application/json' }, refusal(12, 'oip_method_unknown')],
    ['another method', { ':path': '/inference.GRPCInferenceService/None' }, refusal(12, 'oip_method_unknown')],
    ['a method of objects', { ':path': '/constructor' }, refusal(12, 'oip_method_unknown')],
    ['a coding', { 'grpc-encoding': 'gzip' }, refusal(12, 'oip_compression_unsupported')],
    ['a timeout that is none', { 'grpc-timeout': '1x' }, refusal(3, 'oip_parameter_invalid')],
    ['a long timeout', { 'grpc-timeout': '123456789S' }, refusal(3, 'oip_parameter_invalid')],
    ['a timeout of nothing', { 'grpc-timeout': '0m' }, refusal(4, 'oip_deadline')],
    ['a subject that is none', { 'wardstone-subject': '%ff' }, refusal(3, 'oip_parameter_invalid')],
    ['a subject with an escape', { 'wardstone-subject': 'a%0Ab' }, refusal(3, 'oip_parameter_invalid')],
  ])('%s', async (_what, headers, status) => {
    expect(await answer(frameMessage(new Uint8Array(0)), headers)).toEqual(status)
  })

  it('a subject twice', async () => {
    const stream = begin(open(), { 'wardstone-subject': ['a', 'b'] as unknown as string })
    const status = statusOf(stream)
    stream.end(frameMessage(new Uint8Array(0)))
    expect(await status).toEqual(refusal(3, 'oip_parameter_invalid'))
  })

  it('beyond its limit ends the call', async () => {
    const headers = { 'x-large': 'a'.repeat(9000) }
    expect((await answer(frameMessage(new Uint8Array(0)), headers))?.grpc).not.toBe('0')
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`x-${at}`, '1']))
    expect((await answer(frameMessage(new Uint8Array(0)), many))?.grpc).not.toBe('0')
    expect(
      await answer(frameMessage(new Uint8Array(0)), { ':path': '/inference.GRPCInferenceService/ServerLive' }),
    ).toMatchObject({ grpc: '0' })
  })
})

describe('floods', () => {
  it('calls that are begun and reset at once end the connection, and nobody else’s', async () => {
    const session = open()
    const closed = Promise.withResolvers<number>()
    session.on('goaway', (code: number) => closed.resolve(code))
    for (let round = 0; round < 40 && !session.destroyed; round += 1) {
      const streams = Array.from({ length: 10 }, () => begin(session))
      // Given up in the same turn, they would not be sent at all.
      await pause(5)
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
      await pause(5)
    }
    expect(await closed.promise).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    expect(
      await answer(frameMessage(new Uint8Array(0)), { ':path': '/inference.GRPCInferenceService/ServerLive' }),
    ).toMatchObject({ grpc: '0' })
  })

  it('pings without end do so too', async () => {
    const session = open()
    const closed = Promise.withResolvers<number>()
    session.on('goaway', (code: number) => closed.resolve(code))
    session.on('close', () => closed.resolve(-1))
    for (let count = 0; count < 60 && !session.destroyed; count += 1) {
      session.ping(() => {})
      await pause(2)
    }
    expect(await closed.promise).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    expect(session.destroyed || session.closed).toBe(true)
  })

  it('one client has no more calls in work than its share', async () => {
    const clients = [open(), open(), open()]
    const streams = clients.flatMap((session) => Array.from({ length: 20 }, () => begin(session)))
    const statuses = await Promise.all(streams.map(statusOf))
    const codes = statuses.map((status) => status?.code)
    // All of them wait for a message that does not come; what is over the share of one client is told so at once.
    expect(codes.filter((code) => code === 'request_rate_limited')).toHaveLength(60 - 32)
    expect(codes.filter((code) => code === 'oip_deadline')).toHaveLength(32)
  })

  it('answers that are not taken count as work, and are given up', async () => {
    const session = connect(`https://127.0.0.1:${server.port}`, {
      ...{ ca: site.authority.certificatePem, ...identity },
      // Headers may come, and not a byte of a message.
      settings: { initialWindowSize: 0 },
    })
    session.on('error', () => {})
    sessions.push(session)
    const codes: unknown[] = []
    const closed: Promise<void>[] = []
    for (let count = 0; count < 36; count += 1) {
      const stream = begin(session, { ':path': '/inference.GRPCInferenceService/ServerMetadata' })
      closed.push(new Promise((resolve) => stream.once('close', () => resolve())))
      stream.end(frameMessage(new Uint8Array(0)))
      // Each is answered before the next is asked.
      codes.push(
        await new Promise((resolve) =>
          stream.once('response', (headers) => resolve(headers['wardstone-code'] ?? 'begun')),
        ),
      )
      stream.resume()
    }
    expect(codes.filter((code) => code === 'begun')).toHaveLength(32)
    expect(codes.filter((code) => code === 'request_rate_limited')).toHaveLength(4)
    await Promise.all(closed)
    expect(
      await answer(frameMessage(new Uint8Array(0)), { ':path': '/inference.GRPCInferenceService/ServerLive' }),
    ).toMatchObject({ grpc: '0' })
  })

  it('bytes that no call is made of end the connection', async () => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: server.port,
      ca: site.authority.certificatePem,
      ...identity,
      ALPNProtocols: ['h2'],
    })
    socket.on('error', () => {})
    socket.resume()
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await closed
    const other = connectTls({
      host: '127.0.0.1',
      port: server.port,
      ca: site.authority.certificatePem,
      ...identity,
      ALPNProtocols: ['http/1.1'],
    })
    other.on('error', () => {})
    await new Promise<void>((resolve) => other.once('close', () => resolve()))
  })

  it('TLS 1.2 is not spoken', async () => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: server.port,
      ca: site.authority.certificatePem,
      ...identity,
      maxVersion: 'TLSv1.2',
    })
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
    expect(error.code).toMatch(/PROTOCOL_VERSION/)
  })

  it('a connection without a call is closed', async () => {
    const session = open()
    await new Promise<void>((resolve) => session.once('close', () => resolve()))
  })
})

describe('messages', () => {
  const read = (bytes: Uint8Array) => readInferRequest(bytes, defaultOipLimits)
  const codeOf = (bytes: Uint8Array): string => {
    try {
      read(bytes)
      return 'read'
    } catch (error) {
      return (error as { code?: string }).code ?? String(error)
    }
  }
  const tensor = (shape: readonly number[], datatype = 'INT64') =>
    new WireWriter().text(1, 'in-int64').text(2, datatype).numbers(3, shape)
  const message = (...inputs: readonly WireWriter[]) =>
    inputs.reduce((all, input) => all.message(5, input), new WireWriter())

  it('of any bytes end in a request or in a code', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (bytes) => void expect(codeOf(bytes)).toMatch(/^(read|oip_[a-z_]+)$/),
      ),
      { numRuns: 2000 },
    )
    const whole = message(tensor([1]).message(5, new WireWriter().numbers(3, [7]))).finish()
    expect(codeOf(whole)).toBe('read')
    for (let at = 0; at < whole.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        expect(codeOf(Uint8Array.from(whole).fill(value, at, at + 1))).toMatch(/^(read|oip_[a-z_]+)$/)
      }
      expect(codeOf(whole.subarray(0, at))).toMatch(/^(read|oip_[a-z_]+)$/)
    }
  })

  it('a million tiny inputs are too many', () => {
    const bytes = Buffer.concat(Array.from({ length: 1_000_000 }, () => Buffer.from([0x2a, 0])))
    const startMs = performance.now()
    expect(codeOf(bytes)).toMatch(/^oip_(too_complex|datatype_unsupported)$/)
    const real = message(...Array.from({ length: 300 }, () => tensor([0])))
    expect(codeOf(real.finish())).toBe('oip_too_complex')
    expect(performance.now() - startMs).toBeLessThan(1000)
  })

  it.each<[string, WireWriter, string]>([
    ['a shape beyond memory', message(tensor([2 ** 31, 2 ** 31])), 'oip_too_large'],
    ['a shape below zero', message(tensor([-1])), 'oip_shape_invalid'],
    ['many sizes', message(tensor(Array(65).fill(1))), 'oip_shape_invalid'],
    ['a shape that no data fill', message(tensor([8_000_000], 'INT64')), 'oip_data_mismatch'],
    [
      'data in the field of another type',
      message(tensor([1]).message(5, new WireWriter().numbers(2, [7]))),
      'oip_data_mismatch',
    ],
    ['data too many', message(tensor([1]).message(5, new WireWriter().numbers(3, [7, 8]))), 'oip_data_mismatch'],
    [
      'data out of range',
      message(tensor([1], 'INT8').message(5, new WireWriter().numbers(2, [128]))),
      'oip_element_invalid',
    ],
    [
      'data in both places',
      message(tensor([1]).message(5, new WireWriter().numbers(3, [7]))).bytes(7, Buffer.alloc(8)),
      'oip_data_mismatch',
    ],
    [
      'raw data for another number of inputs',
      message(tensor([1]))
        .bytes(7, Buffer.alloc(8))
        .bytes(7, Buffer.alloc(8)),
      'oip_data_mismatch',
    ],
    ['raw data of another length', message(tensor([1])).bytes(7, Buffer.alloc(7)), 'oip_data_mismatch'],
    [
      'floats of odd length',
      message(tensor([1], 'FP32').message(5, new WireWriter().bytes(6, Buffer.alloc(5)))),
      'oip_message_invalid',
    ],
    ['a name that is no text', new WireWriter().bytes(1, Uint8Array.of(0xff)), 'oip_message_invalid'],
    ['a long name', new WireWriter().text(1, 'a'.repeat(2000)), 'oip_too_large'],
    [
      'a parameter twice',
      new WireWriter().entries(
        4,
        [
          ['a', 1],
          ['a', 1],
        ],
        (entry) => entry.message(2, new WireWriter().member(2, 1)),
      ),
      'oip_parameter_invalid',
    ],
    ['a parameter without a value', new WireWriter().entries(4, [['a', 1]], () => {}), 'oip_parameter_invalid'],
  ])('%s', (_what, writer, code) => {
    expect(codeOf(writer.finish())).toBe(code)
  })

  const fill = (...bytes: number[]) => Buffer.alloc(16_000_000, Uint8Array.from(bytes))
  const contents = (field: number, bytes: Uint8Array) => new WireWriter().bytes(field, bytes)

  // Read to the end, each of these would keep the box from all others for seconds.
  it.each<[string, Uint8Array]>([
    ['fields that nobody knows', fill(0x78, 1)],
    ['the same field again', fill(0x0a, 0)],
    ['integers one by one', message(tensor([8_000_000], 'INT8').bytes(5, fill(0x10, 1))).finish()],
    ['packed integers', message(tensor([16_000_000], 'INT8').message(5, contents(2, fill(1)))).finish()],
    ['packed flags', message(tensor([16_000_000], 'BOOL').message(5, contents(1, fill(1)))).finish()],
    [
      'many inputs of many fields',
      message(
        ...Array.from({ length: 100 }, () => tensor([0]).bytes(5, Buffer.alloc(100_000, Uint8Array.of(0x18, 1)))),
      ).finish(),
    ],
  ])('a message full of %s is not read to its end', (_what, bytes) => {
    const startMs = performance.now()
    expect(codeOf(bytes)).toMatch(/^oip_(too_complex|data_mismatch)$/)
    expect(performance.now() - startMs).toBeLessThan(1500)
  })

  it('names and nothing else have few fields', async () => {
    const bytes = frameMessage(fill(0x78, 1).subarray(0, 8192))
    const path = '/inference.GRPCInferenceService/ModelMetadata'
    expect(await answer(bytes, { ':path': path })).toEqual(refusal(3, 'oip_too_complex'))
  })

  it('many integers in one message come through, more of them as raw bytes', () => {
    const count = defaultOipLimits.maxJsonValues
    const packed = message(tensor([count], 'INT8').message(5, contents(2, Buffer.alloc(count, 1)))).finish()
    expect(read(packed).inputs[0]?.data).toHaveLength(count)
    const raw = message(tensor([4 * count], 'INT8'))
      .bytes(7, Buffer.alloc(4 * count))
      .finish()
    expect(read(raw).inputs[0]?.data).toHaveLength(4 * count)
  })

  it('integers of 64 bits are exact', () => {
    const numbers = [2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n]
    const packed = numbers.reduce((contents, value) => contents.member(3, value), new WireWriter())
    expect([...(read(message(tensor([3]).message(5, packed)).finish()).inputs[0]!.data as BigInt64Array)]).toEqual(
      numbers,
    )
  })
})

describe('a client of a library', () => {
  it('is told when a message is too large, and its connection goes on', async () => {
    const client = new GrpcClient(serviceProto, server.port, site.authority.certificatePem, identity)
    const large = { model_name: 'identity', raw_input_contents: [Buffer.alloc(17 * 1024 * 1024)] }
    expect((await client.call('ModelInfer', large)).code).toBe(8)
    expect((await client.call('ServerLive', {})).message).toEqual({ live: true })
    const input = { name: 'in-int64', datatype: 'INT64', shape: [131_072] }
    const much = { model_name: 'identity', inputs: [input], raw_input_contents: [Buffer.alloc(1024 * 1024)] }
    expect(await client.call('ModelInfer', much)).toMatchObject({
      code: 3,
      metadata: { 'wardstone-code': 'input_shape_wrong' },
    })
    client.close()
  })
})
