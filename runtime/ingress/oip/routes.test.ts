import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Phi } from '../../../device/platform/phi.ts'
import { elementTypeNames } from '../../../models/contract/tensor.ts'
import { spotContract } from '../../../models/contract/testkit/contracts.ts'
import { createTestSite, type TestSite, type TlsIdentity } from '../../http/testkit/certificates.ts'
import { InferenceError } from '../../inference/errors.ts'
import { datatypeOf } from './datatypes.ts'
import { oipProtocol } from './routes.ts'
import { fullBox, type OipBox, spotTensors, withContract } from './testkit/oip-box.ts'
import { type RestBox, startRest } from './testkit/rest-box.ts'
import { RestClient } from './testkit/rest-client.ts'
import { type JsonInput, spotInputs } from './testkit/spot-inputs.ts'

let site: TestSite
let bedside: TlsIdentity
let engineer: TlsIdentity
let box: OipBox
let server: RestBox
let client: RestClient

beforeAll(async () => {
  site = await createTestSite()
  bedside = await site.client('bedside', 'monitor-1')
  engineer = await site.client('engineer', 'engineer-1')
})

beforeEach(async () => {
  box = fullBox()
  server = await startRest(site, oipProtocol(box.adapter))
  client = new RestClient(server.port, site.authority.certificatePem, bedside)
})

afterEach(async () => {
  client.close()
  await server.close()
})

interface Answer {
  readonly id?: string
  readonly model_version: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly outputs: readonly (JsonInput & { readonly data?: readonly unknown[] })[]
}

const infer = (model: string, body: object, headers = {}) => client.post(`/v2/models/${model}/infer`, body, headers)
const errorOf = (reply: { readonly json: unknown }) => (reply.json as { error: string }).error
const hourly = (parameters: object, data: readonly number[] = [90, 104, 131]) => ({
  inputs: [
    { name: 'heart-rate', datatype: 'FP64', shape: [data.length], data, parameters },
    { name: 'age', datatype: 'FP64', shape: [1], data: [61] },
  ],
})

describe('the server and its models', () => {
  it('answers health by status and by body', async () => {
    expect(await client.get('/v2/health/live')).toMatchObject({ status: 200, json: { live: true } })
    expect(await client.get('/v2/health/ready')).toMatchObject({ status: 503, json: { ready: false } })
    expect(await client.get('/v2/models/spot/ready')).toMatchObject({
      status: 200,
      json: { name: 'spot', ready: true },
    })
    expect(await client.get('/v2/models/broken/ready')).toMatchObject({ status: 503, json: { ready: false } })
    expect(await client.get('/v2/models/none/ready')).toMatchObject({ status: 404 })
    box.registry.swap(
      'loading',
      box.serve('spot', withContract(spotContract), async () => ({})),
    )
    box.registry.swap(
      'broken',
      box.serve('spot', withContract(spotContract), async () => ({})),
    )
    expect(await client.get('/v2/health/ready')).toMatchObject({ status: 200, json: { ready: true } })
  })

  it('says what a model takes, in the names and units of its contract', async () => {
    expect((await client.get('/v2')).json).toEqual((await client.get('/v2/')).json)
    const { json } = await client.get('/v2/models/spot/versions/1.0.0')
    expect(json).toMatchObject({
      name: 'spot',
      versions: ['1.0.0'],
      platform: 'onnx_onnxv1',
      inputs: expect.arrayContaining([
        { name: 'temperature', datatype: 'FP64', shape: [1] },
        { name: 'oxygen', datatype: 'BOOL', shape: [1] },
        { name: 'consciousness', datatype: 'BYTES', shape: [1] },
      ]),
      outputs: [
        { name: 'aggregate', datatype: 'FP64', shape: [1] },
        { name: 'band', datatype: 'INT64', shape: [1] },
        { name: 'points', datatype: 'FP64', shape: [4] },
      ],
      properties: expect.objectContaining({
        'inputs.temperature.unit': 'Cel',
        'inputs.temperature.range': '25..45',
        'inputs.consciousness.codes': 'A,C,V,P,U',
        'outputs.band.labels': '0=low,1=high',
      }),
    })
    const { inputs } = (await client.get('/v2/models/identity')).json as { inputs: JsonInput[] }
    expect(inputs).toEqual(
      elementTypeNames.map((dtype) => ({ name: `in-${dtype}`, datatype: datatypeOf(dtype), shape: [-1] })),
    )
  })

  it('lists the slots and what was asked of them', async () => {
    await infer('spot', { inputs: spotInputs() })
    await infer('spot', { inputs: [] })
    const index = (await client.call('POST', '/v2/repository/index')).json as { name: string; state: string }[]
    expect(index).toHaveLength(5)
    expect(index).toContainEqual({ name: 'broken', version: '', state: 'UNAVAILABLE', reason: 'package_hash_mismatch' })
    expect((await client.post('/v2/repository/index', { ready: true })).json).toHaveLength(3)
    const { model_stats: stats } = (await client.get('/v2/models/spot/stats')).json as { model_stats: object[] }
    expect(stats).toMatchObject([
      { name: 'spot', inference_count: 1, inference_stats: { success: { count: 1 }, fail: { count: 1 } } },
    ])
    expect((await client.get('/v2/models/stats')).json).toMatchObject({ model_stats: { length: 3 } })
    expect((await client.get('/v2/models/none/stats')).status).toBe(404)
  })

  it.each(['load', 'unload'])('%s is refused, whatever the body holds', async (verb) => {
    const parameters = { config: '{}', 'file:1/model.onnx': 'AAAA' }
    const reply = await client.post(`/v2/repository/models/spot/${verb}`, { parameters })
    expect(reply.status).toBe(501)
    expect(errorOf(reply)).toMatch(/^oip_loading_refused: /)
  })
})

describe('an inference', () => {
  it('is one decision, with its leaf', async () => {
    const reply = await infer('spot', { id: '42', parameters: { subject: 'patient-7' }, inputs: spotInputs() })
    expect(reply.status).toBe(200)
    const answer = reply.json as Answer
    expect(answer).toMatchObject({ model_name: 'spot', model_version: '1.0.0', id: '42' })
    expect(answer.outputs).toEqual([
      { name: 'aggregate', datatype: 'FP64', shape: [1], parameters: { unit: '{score}' }, data: [6] },
      { name: 'band', datatype: 'INT64', shape: [1], parameters: { label: 'high', text: 'High' }, data: [1] },
      {
        name: 'points',
        datatype: 'FP64',
        shape: [4],
        parameters: { unit: '{score}', of: 'respiration-rate,temperature,oxygen,consciousness' },
        data: [3, 1, 2, 0],
      },
    ])
    const [leaf] = box.leaves('decision')
    expect(answer.parameters).toMatchObject({
      decision_id: leaf?.body?.id,
      alert: true,
      audit_leaf_index: 0,
      advisory: expect.any(String),
      valid_until: expect.stringMatching(/^\d{4}-/),
    })
    expect(leaf?.body?.subject).toBe('patient-7')
    expect(server.counted).toEqual([])
  })

  it('takes a unit that is said, and the contract’s own where none is', async () => {
    await infer('spot', { inputs: spotInputs() })
    expect(box.asked[0]?.inputs.temperature).toMatchObject([{ value: 98.6, unit: '[degF]' }])
    expect(box.asked[0]?.inputs['respiration-rate']).toMatchObject([{ value: 18, unit: '/min' }])
    const reply = await infer('spot', { inputs: spotInputs({ temperature: { parameters: { unit: 'kg' } } }) })
    expect([reply.status, errorOf(reply)]).toEqual([
      400,
      'input_unit_incompatible: The unit cannot be converted to the unit of the contract. (temperature)',
    ])
  })

  it('takes a series with the age of each element, or with its time', async () => {
    const before = Date.now()
    expect((await infer('hourly', hourly({ ages_minutes: '120, 60, 0.5' }))).status).toBe(200)
    const times = (box.asked[0]?.inputs['heart-rate'] ?? []).map(({ atMs }) => Math.round((before - atMs) / 30_000))
    expect(times).toEqual([240, 120, 1])
    const at = new Date(before - 60_000).toISOString()
    expect((await infer('hourly', hourly({ times: `${at},${at}` }, [90, 91]))).status).toBe(200)
    expect((await infer('hourly', hourly({ ages_minutes: 3 }, [90]))).status).toBe(200)
    expect(box.asked[1]?.inputs['heart-rate']?.[0]?.atMs).toBe(before - 60_000)
  })

  it.each([
    ['oip_times_missing', {}],
    ['oip_parameter_invalid', { ages_minutes: '1,2' }],
    ['oip_parameter_invalid', { ages_minutes: '1,2,-3' }],
    ['oip_parameter_invalid', { ages_minutes: '1,2,1e9' }],
    ['oip_parameter_invalid', { ages_minutes: '1,2,3', times: 'x' }],
    ['oip_parameter_invalid', { times: '2026-01-01,2026-01-02,2026-01-03' }],
    ...['2026-02-29T10:00:00Z', '2026-04-31T10:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01T10:00:00-00:00'].map(
      (time): [string, object] => ['oip_parameter_invalid', { times: Array(3).fill(time).join() }],
    ),
    ['oip_parameter_unknown', { age_minutes: '1,2,3' }],
    ['oip_parameter_invalid', { ages_minutes: null }],
    ['oip_parameter_invalid', { ages_minutes: [1, 2, 3] }],
  ])('%s for a series with %o', async (code, parameters) => {
    const reply = await infer('hourly', hourly(parameters))
    expect(errorOf(reply)).toMatch(new RegExp(`^${code}: `))
    expect(server.counted).toEqual([code])
    expect(box.written).toEqual([])
  })

  it('without a subject is quality work on a subject of its own each time', async () => {
    await infer('spot', { inputs: spotInputs() })
    await infer('spot', { inputs: spotInputs() })
    const subjects = box.asked.map(({ subject }) => Phi.reveal(subject!))
    expect(subjects[0]).toMatch(/^unattributed\/monitor-1\/[0-9a-f]{24}$/)
    expect(new Set(subjects).size).toBe(2)
    expect(box.asked.map(({ purpose }) => purpose)).toEqual(['quality', 'quality'])
    const treatment = await infer('spot', { inputs: spotInputs(), parameters: { purpose: 'treatment' } })
    expect(errorOf(treatment)).toMatch(/^oip_subject_needed: /)
  })

  it('takes the subject from a header, and no two that differ', async () => {
    const headers = { 'wardstone-subject': 'Nu%C3%B1ez' }
    expect((await infer('spot', { inputs: spotInputs() }, headers)).status).toBe(200)
    expect(Phi.reveal(box.asked[0]!.subject!)).toBe('Nuñez')
    for (const parameters of [{ subject: 'Other' }, { subject: 7 }, { subject: ' x' }, { subject: 'n\u0303' }])
      expect((await infer('spot', { inputs: spotInputs(), parameters }, headers)).status).toBe(400)
    const twice = { 'content-type': 'application/json', 'wardstone-subject': ['a', 'b'] }
    const body = JSON.stringify({ inputs: spotInputs() })
    expect((await client.call('POST', '/v2/models/spot/infer', body, twice)).status).toBe(400)
    expect(box.asked).toHaveLength(1)
  })

  it('goes on when the client leaves, and knows of it', async () => {
    const { promise, resolve } = Promise.withResolvers<typeof spotTensors>()
    box.serve('spot', withContract(spotContract), () => promise)
    client.leaveAfter('/v2/models/spot/infer', { inputs: spotInputs() }, 200)
    await expect.poll(() => box.asked[0]?.signal?.aborted).toBe(true)
    resolve(spotTensors)
    await expect.poll(() => box.leaves('decision')).toHaveLength(1)
  })

  it('hands on priority and timeout', async () => {
    await infer('spot', { inputs: spotInputs(), parameters: { priority: 3, timeout: 250_000 } })
    expect(box.asked[0]).toMatchObject({ priority: 3, timeoutMs: 250 })
    expect(box.asked[0]?.signal).toBeInstanceOf(AbortSignal)
    await infer('spot', { inputs: spotInputs(), parameters: { priority: 0, timeout: 0 } })
    expect(box.asked[1]).not.toHaveProperty('priority')
    expect(box.asked[1]).not.toHaveProperty('timeoutMs')
  })

  it('says which inputs the guards set aside', async () => {
    const inputs = [
      { name: 'heart-rate', datatype: 'FP64', shape: [1], data: [999] },
      { name: 'age', datatype: 'FP64', shape: [1], data: [61] },
    ]
    const { parameters } = (await infer('hourly', { inputs })).json as Answer
    expect(parameters.flags).toContain('heart-rate:implausible')
  })

  it('goes to the version that is named, or to none', async () => {
    const path = (version: string) => `/v2/models/spot/versions/${version}/infer`
    expect((await client.post(path('1.0.0'), { inputs: spotInputs() })).status).toBe(200)
    const reply = await client.post(path('2'), { inputs: spotInputs() })
    expect([reply.status, errorOf(reply)]).toEqual([
      404,
      'oip_version_unknown: The model in this slot has another version.',
    ])
  })
})

describe('tensors', () => {
  const values: Readonly<Record<string, readonly unknown[]>> = {
    BOOL: [true, false],
    UINT8: [0, 255],
    UINT16: [0, 65_535],
    UINT32: [0, 2 ** 32 - 1],
    UINT64: [0, Number.MAX_SAFE_INTEGER],
    INT8: [-128, 127],
    INT16: [-32_768, 32_767],
    INT32: [-(2 ** 31), 2 ** 31 - 1],
    INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    FP32: [0.5, -1.25],
    FP64: [0.1, -1e-300],
  }
  const inputs = (changes: Readonly<Record<string, Partial<JsonInput>>> = {}) =>
    elementTypeNames.map((dtype) => {
      const datatype = datatypeOf(dtype)
      const name = `in-${dtype}`
      return { name, datatype, shape: [2], data: values[datatype], ...changes[name] }
    })

  it('of every datatype come back as they went, from JSON to JSON', async () => {
    const { json, status } = await infer('identity', { inputs: inputs() })
    expect(status).toBe(200)
    const { outputs } = json as Answer
    expect(outputs.map(({ datatype, shape, data }) => [datatype, shape, data])).toEqual(
      inputs().map(({ datatype, shape, data }) => [datatype, shape, data]),
    )
  })

  it('of every datatype come back as they went, from bytes to bytes', async () => {
    const json = await infer('identity', { inputs: inputs(), parameters: { binary_data_output: true } })
    expect(json.headers['content-type']).toBe('application/octet-stream')
    const { outputs } = json.json as Answer
    const sizes = outputs.map(({ parameters }) => Number(parameters?.binary_data_size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(json.bytes.length)
    const binary = inputs().map(({ data: _, ...input }, index) => {
      return { ...input, parameters: { binary_data_size: sizes[index] } }
    })
    const body = { inputs: binary, parameters: { binary_data_output: true } }
    const again = await client.postBinary('/v2/models/identity/infer', body, json.bytes)
    expect(again.status).toBe(200)
    expect(again.bytes).toEqual(json.bytes)
  })

  it('are binary only where that is asked for', async () => {
    const outputs = [{ name: 'out-int8', parameters: { binary_data: true } }, { name: 'out-fp32' }]
    const unknown = await infer('identity', { inputs: inputs(), outputs })
    expect(errorOf(unknown)).toMatch(/^oip_output_unknown: /)
    outputs[1] = { name: 'out-float32' }
    const reply = await infer('identity', { inputs: inputs(), outputs })
    expect((reply.json as Answer).outputs).toEqual([
      { name: 'out-int8', datatype: 'INT8', shape: [2], parameters: { binary_data_size: 2 } },
      { name: 'out-float32', datatype: 'FP32', shape: [2], data: [0.5, -1.25] },
    ])
    expect([...reply.bytes]).toEqual([128, 127])
  })

  it('may be nested as their shape is', async () => {
    const nested = [{ name: 'in-int8', datatype: 'INT8', shape: [1, 2], data: [[1, 2]] }]
    // The contract has one dimension: the guards say so, and the record has it.
    expect(errorOf(await infer('identity', { inputs: nested }))).toMatch(/^input_shape_wrong: .*\(in-int8\)$/)
    for (const data of [[[1], [2]], [[1, 2, 3]], [[1, [2]]], [[1], 2]]) {
      const ragged = [{ name: 'in-int8', datatype: 'INT8', shape: [1, 2], data }]
      expect(errorOf(await infer('identity', { inputs: ragged }))).toMatch(/^oip_data_mismatch: /)
    }
  })

  it('hold not-a-number as text, where the model takes it', async () => {
    const fp64 = { 'in-float64': { shape: [3], data: ['NaN', 'Infinity', '-Infinity'] } }
    box.serve('identity', box.registry.lease('identity').model.manifest, async (tensors) => {
      expect([...tensors['in-float64']!.data]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      throw new InferenceError('inference_failed')
    })
    expect((await infer('identity', { inputs: inputs(fp64) })).status).toBe(500)
    const fp32 = { 'in-float32': { shape: [1], data: ['NaN'] } }
    expect(errorOf(await infer('identity', { inputs: inputs(fp32) }))).toMatch(/^input_not_finite: /)
  })

  it('of one input alone may be the whole body', async () => {
    const contract = { ...spotContract, inputs: spotContract.inputs.filter(({ name }) => name === 'respiration-rate') }
    const one = withContract({
      ...contract,
      population: { description: 'All', criteria: [] },
      preprocessing: [
        { op: 'observe', version: 1, inputs: ['respiration-rate'], hours: 1, to: 'seen' },
        { op: 'tensor', version: 1, from: 'seen', tensor: 'parameters' },
      ],
    })
    const run = box.registry.lease('spot').model.worker.run
    box.serve('one', one, run)
    const raw = (bytes: Uint8Array) => {
      const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' }
      return client.call('POST', '/v2/models/one/infer', bytes, headers)
    }
    const reply = await raw(Buffer.from(Float64Array.of(18).buffer))
    expect([reply.status, reply.bytes.length]).toEqual([200, 8 + 8 + 32])
    expect(box.asked[0]?.inputs['respiration-rate']).toMatchObject([{ value: 18 }])
    expect((await raw(Buffer.alloc(7))).status).toBe(400)
  })
})

describe('errors', () => {
  it.each<[string, object, number, string]>([
    ['no inputs', {}, 400, 'oip_request_malformed'],
    [
      'an input of another datatype',
      { inputs: spotInputs({ oxygen: { datatype: 'UINT8', data: [1] } }) },
      400,
      'oip_datatype_mismatch',
    ],
    ['FP16', { inputs: spotInputs({ age: { datatype: 'FP16' } }) }, 400, 'oip_datatype_unsupported'],
    ['BF16', { inputs: spotInputs({ age: { datatype: 'BF16' } }) }, 400, 'oip_datatype_unsupported'],
    [
      'a datatype of an object',
      { inputs: spotInputs({ age: { datatype: 'toString' } }) },
      400,
      'oip_datatype_unsupported',
    ],
    ['an input twice', { inputs: [...spotInputs(), ...spotInputs()] }, 400, 'oip_request_malformed'],
    [
      'an unknown input',
      { inputs: [...spotInputs(), { name: 'lactate', datatype: 'FP64', shape: [1], data: [1] }] },
      400,
      'input_unknown',
    ],
    [
      'a name that is none',
      { inputs: [{ name: 'José', datatype: 'FP64', shape: [1], data: [1] }] },
      400,
      'oip_request_malformed',
    ],
    ['two values for one', { inputs: spotInputs({ age: { shape: [2], data: [1, 2] } }) }, 400, 'oip_shape_invalid'],
    ['a batch', { inputs: spotInputs({ age: { shape: [1, 1], data: [1] } }) }, 400, 'oip_shape_invalid'],
    ['a code that is none', { inputs: spotInputs({ consciousness: { data: ['Z'] } }) }, 400, 'input_code_unknown'],
    [
      'a code in another script',
      { inputs: spotInputs({ consciousness: { data: ['А'] } }) },
      400,
      'oip_element_invalid',
    ],
    [
      'shared memory',
      { inputs: spotInputs({ age: { parameters: { shared_memory_region: 'x' } } }) },
      400,
      'oip_parameter_unknown',
    ],
    ['a sequence', { inputs: spotInputs(), parameters: { sequence_id: 1 } }, 400, 'oip_parameter_unknown'],
    [
      'classification',
      { inputs: spotInputs(), outputs: [{ name: 'band', parameters: { classification: 1 } }] },
      400,
      'oip_parameter_unknown',
    ],
    [
      'an output twice',
      { inputs: spotInputs(), outputs: [{ name: 'band' }, { name: 'band' }] },
      400,
      'oip_output_unknown',
    ],
    ['a negative timeout', { inputs: spotInputs(), parameters: { timeout: -1 } }, 400, 'oip_parameter_invalid'],
    ['half a priority', { inputs: spotInputs(), parameters: { priority: 1.5 } }, 400, 'oip_parameter_invalid'],
  ])('%s', async (_what, body, status, code) => {
    const reply = await infer('spot', body)
    expect([reply.status, errorOf(reply).split(':')[0], reply.headers['wardstone-code']]).toEqual([status, code, code])
    expect(Object.keys(reply.json as object)).toEqual(['error'])
    // What the guards refused has a record; what had no meaning is counted.
    expect([box.written.length, server.counted.length]).toEqual(code.startsWith('input_') ? [1, 0] : [0, 1])
  })

  it.each<[InferenceError['code'], number]>([
    ['inference_overloaded', 503],
    ['inference_deadline', 503],
    ['inference_failed', 500],
    ['inference_worker_lost', 500],
  ])('%s is status %i', async (code, status) => {
    box.serve('spot', withContract(spotContract), () => Promise.reject(new InferenceError(code)))
    const reply = await infer('spot', { inputs: spotInputs() })
    expect([reply.status, reply.headers['retry-after']]).toEqual([status, status === 503 ? '1' : undefined])
    expect(reply.headers['wardstone-decision-id']).toBe(box.leaves('decision')[0]?.body?.id)
  })

  it.each([
    ['none', 404, 'model_unknown'],
    ['loading', 503, 'model_loading'],
    ['broken', 503, 'model_unavailable'],
    ['constructor', 404, 'model_unknown'],
  ])('a slot with state %s is %i', async (slot, status, code) => {
    const reply = await infer(slot, { inputs: [] })
    expect([reply.status, reply.headers['wardstone-code']]).toEqual([status, code])
  })

  it('a model that takes an image says where to send it', async () => {
    const image = { ...spotContract, image: {} as NonNullable<typeof spotContract.image> }
    const manifest = { ...withContract(spotContract), contract: image }
    box.serve('spot', manifest, async () => ({}))
    expect(errorOf(await infer('spot', { inputs: [] }))).toMatch(/^oip_image_unsupported: .*POST \/v1\/decisions/)
  })

  it('what the gate refuses has the shape of this protocol', async () => {
    const engineers = new RestClient(server.port, site.authority.certificatePem, engineer)
    const reply = await engineers.post('/v2/models/spot/infer', { inputs: spotInputs() })
    expect([reply.status, errorOf(reply)]).toEqual([403, 'access_denied: This role may not do this.'])
    const gzip = await client.call('POST', '/v2/models/spot/infer', '{}', { 'content-encoding': 'gzip' })
    expect([gzip.status, errorOf(gzip).split(':')[0]]).toEqual([415, 'request_unsupported_media_type'])
    expect((await client.get('/v2/models/spot/config')).status).toBe(404)
    engineers.close()
  })

  it('a model that is replaced while it decides', async () => {
    const before = box.registry.lease('spot').model
    const run = before.worker.run
    box.serve(
      'spot',
      before.manifest,
      async (...args) => {
        box.serve('spot', before.manifest, run, 'c'.repeat(64))
        box.serve('spot', before.manifest, run, 'd'.repeat(64))
        return run(...args)
      },
      'b'.repeat(64),
    )
    expect((await infer('spot', { inputs: spotInputs() })).status).toBe(200)
  })

  it('a fault of the box is the server’s to log', async () => {
    box.onCommit = () => Promise.reject(new TypeError('patient-7'))
    const reply = await infer('spot', { inputs: spotInputs() })
    expect([reply.status, errorOf(reply)]).toEqual([
      500,
      'internal: A fault inside the box. The request id finds it in the log.',
    ])
  })
})
