import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestSite } from '../../http/testkit/certificates.ts'
import { oipProtocol } from './routes.ts'
import { fullBox, type OipBox } from './testkit/oip-box.ts'
import { type RestBox, startRest } from './testkit/rest-box.ts'
import { RestClient } from './testkit/rest-client.ts'

let box: OipBox
let server: RestBox
let client: RestClient

beforeAll(async () => {
  const site = await createTestSite()
  box = fullBox()
  server = await startRest(site, oipProtocol(box.adapter))
  client = new RestClient(server.port, site.authority.certificatePem, await site.client('bedside', 'monitor-1'))
})

afterAll(async () => {
  client.close()
  await server.close()
})

const PATH = '/v2/models/identity/infer'
const one = (input: object) => ({ inputs: [{ name: 'in-int64', datatype: 'INT64', ...input }] })

/** The code that a request is refused with, within a second. */
async function refused(call: () => ReturnType<RestClient['call']>): Promise<string> {
  const startMs = performance.now()
  const reply = await call()
  expect(performance.now() - startMs).toBeLessThan(3000)
  expect(reply.status).toBe(400)
  return (reply.json as { error: string }).error.split(':')[0] ?? ''
}

const json = (body: unknown) => () => client.post(PATH, body)
const text = (body: string) => () => client.call('POST', PATH, body)
const binary = (body: object, bytes: Uint8Array) => () => client.postBinary(PATH, body, bytes)
const withLength = (length: string, body: string) => () =>
  client.call('POST', PATH, body, {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': length,
  })

describe('sizes that lie', () => {
  const sized = (size: unknown, shape: readonly number[] = [2]) =>
    one({ shape, parameters: { binary_data_size: size } })

  it.each<[string, object, number]>([
    ['oip_data_mismatch', sized(16), 15],
    ['oip_data_mismatch', sized(16), 17],
    ['oip_data_mismatch', sized(8), 16],
    ['oip_data_mismatch', sized(8), 8],
    ['oip_data_mismatch', sized(0), 0],
    ['oip_data_mismatch', sized(2 ** 40), 16],
    ['oip_parameter_invalid', sized(-16), 16],
    ['oip_parameter_invalid', sized('16'), 16],
    ['oip_parameter_invalid', sized(15.5), 16],
    ['oip_request_malformed', one({ shape: [1], data: [1], parameters: { binary_data_size: 8 } }), 8],
    ['oip_data_mismatch', one({ shape: [1], data: [1] }), 8],
  ])('%s', async (code, body, bytes) => {
    expect(await refused(binary(body, Buffer.alloc(bytes)))).toBe(code)
  })

  it.each(['-1', '99999999999', '1e1', '0x10', '40', 'abc', ''])('a header length of %j', async (length) => {
    expect(await refused(withLength(length, '{"inputs":[]}'))).toMatch(/^oip_(request_malformed|json_invalid)$/)
  })

  it('a header length that cuts the JSON', async () => {
    expect(await refused(withLength('5', '{"inputs":[]}'))).toBe('oip_json_invalid')
  })
})

describe('shapes', () => {
  it.each<[string, readonly unknown[]]>([
    ['oip_too_large', [2 ** 31, 2 ** 31]],
    ['oip_too_large', [2 ** 53 - 1]],
    ['oip_too_large', [65_536, 65_536, 65_536, 65_536, 0]],
    ['oip_shape_invalid', [-1]],
    ['oip_shape_invalid', [1.5]],
    ['oip_shape_invalid', ['1']],
    ['oip_shape_invalid', [2 ** 53]],
    ['oip_shape_invalid', Array(17).fill(1)],
    ['oip_shape_invalid', [null]],
    ['oip_data_mismatch', [1_000_000]],
  ])('%s for %j', async (code, shape) => {
    expect(await refused(json(one({ shape, data: [1] })))).toBe(code)
  })

  it('without elements or without sizes are the contract’s to judge', async () => {
    expect(await refused(json(one({ shape: [0], data: [] })))).toBe('input_shape_wrong')
    expect(await refused(json(one({ shape: [], data: [1] })))).toBe('input_shape_wrong')
  })
})

describe('elements', () => {
  it('integers of 64 bits are exact', async () => {
    const exact = [9_007_199_254_740_993n, -(2n ** 63n), 2n ** 63n - 1n]
    const inputs = JSON.stringify(one({ shape: [3], data: ['X'] })).replace('"X"', exact.join(','))
    await client.call('POST', PATH, inputs)
    const sent = box.asked.at(-1)?.inputs['in-int64']?.[0]?.value as { base64: string }
    const bytes = Uint8Array.from(Buffer.from(sent.base64, 'base64'))
    expect([...new BigInt64Array(bytes.buffer)]).toEqual(exact)
  })

  it.each([
    ['INT64', '9223372036854775808'],
    ['INT64', '9007199254740993.0'],
    ['INT64', '1e17'],
    ['INT64', '"1"'],
    ['INT64', 'true'],
    ['INT64', 'null'],
    ['UINT64', '-1'],
    ['UINT64', '18446744073709551616'],
    ['INT8', '128'],
    ['UINT32', '4294967296'],
    ['INT32', '0.5'],
    ['FP32', '1e39'],
    ['FP32', '"nan"'],
    ['FP64', '"1"'],
    ['BOOL', '1'],
    ['BOOL', '"true"'],
    ['BYTES', '1'],
  ])('%s may not be %s', async (datatype, element) => {
    const body = `{"inputs":[{"name":"in-int64","datatype":"${datatype}","shape":[1],"data":[${element}]}]}`
    expect(await refused(text(body))).toBe('oip_element_invalid')
  })

  it.each([['NaN'], ['Infinity'], ['-Infinity'], ['1e999'], ['+1'], ['.5'], ['0x1']])(
    '%s is no JSON',
    async (element) => {
      const body = `{"inputs":[{"name":"in-float64","datatype":"FP64","shape":[1],"data":[${element}]}]}`
      expect(await refused(text(body))).toMatch(/^oip_(json_invalid|number_unrepresentable)$/)
    },
  )

  it('a flag of a byte is 0 or 1', async () => {
    const flags = { inputs: [{ name: 'in-bool', datatype: 'BOOL', shape: [2], parameters: { binary_data_size: 2 } }] }
    expect(await refused(binary(flags, Uint8Array.of(1, 2)))).toBe('oip_element_invalid')
  })

  it.each<[string, Uint8Array]>([
    ['a length beyond the end', Uint8Array.of(255, 255, 255, 255, 65)],
    ['half a length', Uint8Array.of(1, 0, 0)],
    ['something left over', Uint8Array.of(1, 0, 0, 0, 65, 66)],
    ['nothing', new Uint8Array(0)],
  ])('BYTES with %s', async (_what, bytes) => {
    const input = {
      name: 'consciousness',
      datatype: 'BYTES',
      shape: [1],
      parameters: { binary_data_size: bytes.length },
    }
    const call = () => client.postBinary('/v2/models/spot/infer', { inputs: [input] }, bytes)
    expect(await refused(call)).toBe('oip_data_mismatch')
  })
})

describe('too much of it', () => {
  const tiny = (count: number) =>
    `{"inputs":[${'{"name":"a","datatype":"INT8","shape":[1],"data":[1]},'.repeat(count)}1]}`

  it.each<[string, string, string]>([
    ['a thousand inputs', tiny(1000), 'oip_too_complex'],
    ['as many inputs as a body holds', tiny(70_000), 'oip_too_complex'],
    ['a million empty inputs', `{"inputs":[${'{},'.repeat(1_000_000)}{}]}`, 'oip_too_complex'],
    [
      'a million elements and one',
      `{"inputs":[{"name":"a","datatype":"INT8","shape":[1000001],"data":[${'1,'.repeat(1_000_000)}1]}]}`,
      'oip_too_complex',
    ],
    ['lists in lists', `{"inputs":${'['.repeat(100_000)}`, 'oip_too_complex'],
    ['JSON beyond its limit', `{"inputs":[],"id":"${' '.repeat(8 * 1024 * 1024)}"}`, 'oip_too_large'],
    ['a long id', `{"inputs":[],"id":"${'i'.repeat(257)}"}`, 'oip_request_malformed'],
    [
      'ten thousand texts',
      `{"inputs":[{"name":"a","datatype":"BYTES","shape":[10000],"data":[${'"",'.repeat(9999)}""]}]}`,
      'oip_too_complex',
    ],
    [
      'ten thousand outputs',
      `{"inputs":[],"outputs":[${'{"name":"a"},'.repeat(9999)}{"name":"a"}]}`,
      'oip_too_complex',
    ],
    [
      'many parameters',
      `{"inputs":[],"parameters":{${Array.from({ length: 100 }, (_, at) => `"p${at}":1`).join()}}}`,
      'oip_too_complex',
    ],
  ])('%s', async (_what, body, code) => {
    expect(await refused(text(body))).toBe(code)
  })

  it('a body beyond the limit of the route is not read', async () => {
    const reply = await client
      .call('POST', PATH, Buffer.alloc(17 * 1024 * 1024))
      .catch(() => ({ status: 413, json: undefined }))
    expect(reply.status).toBe(413)
  })

  it('a body in chunks is held to the same limit', async () => {
    const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    const small = await client.call('POST', PATH, '{"inputs":[]}', chunked)
    expect((small.json as { error: string }).error).toMatch(/^input_missing: /)
    const large = Buffer.alloc(17 * 1024 * 1024)
    const reply = await client.call('POST', PATH, large, chunked).catch(() => ({ status: 413 }))
    expect(reply.status).toBe(413)
  })

  it('a large tensor of bytes comes through', async () => {
    const body = one({ shape: [1024 * 1024], parameters: { binary_data_size: 8 * 1024 * 1024 } })
    expect(await refused(binary(body, Buffer.alloc(8 * 1024 * 1024)))).toBe('input_shape_wrong')
  })
})

describe('names that mean something to a language', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s', async (name) => {
    expect(await refused(json({ inputs: [{ name, datatype: 'FP64', shape: [1], data: [1] }] }))).toMatch(
      /^(oip_request_malformed|input_unknown)$/,
    )
    expect(await refused(text(`{"inputs":[],"parameters":{"${name}":1}}`))).toBe('oip_parameter_unknown')
    expect(await refused(text(`{"inputs":[],"outputs":[{"name":"${name}"}]}`))).toBe('oip_output_unknown')
  })

  it('nothing of what was sent comes back', async () => {
    const secret = 'Maria-1947'
    const bodies = [
      `{"inputs":[{"name":"${secret}","datatype":"FP64","shape":[1],"data":[1]}]}`,
      `{"inputs":[{"name":"in-int8","datatype":"${secret}","shape":[1],"data":[1]}]}`,
      `{"inputs":[],"parameters":{"${secret}":1}}`,
      `{"inputs":[],"parameters":{"purpose":"${secret}"}}`,
      `{"inputs":[],"outputs":[{"name":"${secret}"}]}`,
      `{"inputs":[]} ${secret}`,
    ]
    for (const body of bodies) expect(JSON.stringify((await text(body)()).json)).not.toContain(secret)
  })
})
