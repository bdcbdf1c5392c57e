import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { Role } from '../../runtime/access/principal.ts'
import type { Leaf } from '../../runtime/audit/leaf.ts'
import { GrpcClient } from '../../runtime/ingress/oip/testkit/grpc-client.ts'
import { RestClient } from '../../runtime/ingress/oip/testkit/rest-client.ts'
import { serviceProto } from '../../runtime/ingress/oip/testkit/service-proto.ts'
import { sharedData } from '../shared-data.ts'
import { type Appliance, makeSite, removeSite, startAppliance } from './appliance.ts'
import { leavesOf } from './testkit/model-store.ts'

/** The protocol's own file where it is there; it has no extensions, so the test speaks of those through ours. */
const official = join(sharedData ?? '', 'oip/specification/protocol/open_inference_grpc.proto')
const proto = sharedData !== undefined && existsSync(official) ? readFileSync(official, 'utf8') : serviceProto

/** A patient's name, as it must come back in nothing. */
const SECRET = 'Example-Patient-1947'
const scored = [
  ['age', 60],
  ['respiratory-rate', 24],
  ['spo2', 93],
  ['systolic-pressure', 120],
  ['heart-rate', 112],
  ['temperature', 37],
] as const
const codes = { 'supplemental-oxygen': 'air', consciousness: 'A' }

let site: Site
let appliance: Appliance
const rest = new Map<Role, RestClient>()
const grpc = new Map<Role, GrpcClient>()
const opened: { close(): void }[] = []

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  appliance = await startAppliance(site)
  const text = (name: string) => readFileSync(site.path(name), 'utf8')
  const authority = text('authority/ca.pem')
  const grpcPort = Number(/^grpc 127\.0\.0\.1:(\d+)$/m.exec(appliance.words())?.[1])
  for (const role of ['bedside', 'clinician', 'engineer', 'officer'] as const) {
    const identity = { key: text(`clients/${role}.key`), cert: text(`clients/${role}.pem`) }
    rest.set(role, new RestClient(Number(new URL(appliance.url).port), authority, identity))
    grpc.set(role, new GrpcClient(role === 'bedside' ? proto : serviceProto, grpcPort, authority, identity))
  }
  opened.push(...rest.values(), ...grpc.values())
}, 120_000)

afterAll(async () => {
  for (const client of opened) client.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

const restAs = (role: Role) => rest.get(role) ?? expect.unreachable()
const grpcAs = (role: Role) => grpc.get(role) ?? expect.unreachable()
const decisions = (): Leaf[] => leavesOf(site).filter(({ kind }) => kind === 'decision')
const INFER = '/v2/models/news2/infer'

const restInputs = () => [
  ...scored.map(([name, value]) => ({ name, datatype: 'FP64', shape: [1], data: [value] })),
  ...Object.entries(codes).map(([name, code]) => ({ name, datatype: 'BYTES', shape: [1], data: [code] })),
  { name: 'pregnant', datatype: 'BOOL', shape: [1], data: [false] },
]
const grpcInputs = () => [
  ...scored.map(([name, value]) => ({ name, datatype: 'FP64', shape: [1], contents: { fp64_contents: [value] } })),
  ...Object.entries(codes).map(([name, code]) => ({
    ...{ name, datatype: 'BYTES', shape: [1] },
    contents: { bytes_contents: [Buffer.from(code)] },
  })),
  { name: 'pregnant', datatype: 'BOOL', shape: [1], contents: { bool_contents: [false] } },
]
const grpcRequest = (subject: string) => ({
  model_name: 'news2',
  parameters: { subject: { string_param: subject }, purpose: { string_param: 'demonstration' } },
  inputs: grpcInputs(),
})

/** Respiratory rate 24: 2, SpO2 93: 2, heart rate 112: 2. */
const AGGREGATE = 6

describe('a generic client', () => {
  it('finds the server and its models by either transport', async () => {
    expect((await restAs('engineer').get('/v2/health/ready')).status).toBe(200)
    expect((await restAs('engineer').get('/v2/models/news2')).json).toMatchObject({
      name: 'news2',
      versions: ['1.0.0'],
    })
    expect((await grpcAs('bedside').call('ServerReady', {})).message).toEqual({ ready: true })
    expect((await grpcAs('bedside').call('ModelMetadata', { name: 'news2' })).message).toMatchObject({
      name: 'news2',
      versions: ['1.0.0'],
    })
  })

  it('gets the same result by either, and a leaf of its own each time', async () => {
    const before = decisions().length
    const parameters = { subject: 'example-oip-1', purpose: 'demonstration' }
    const byRest = await restAs('bedside').post(INFER, { id: 'r-1', parameters, inputs: restInputs() })
    expect(byRest.json).toMatchObject({
      ...{ model_name: 'news2', id: 'r-1' },
      outputs: expect.arrayContaining([expect.objectContaining({ name: 'aggregate', data: [AGGREGATE] })]),
    })
    const byGrpc = await grpcAs('clinician').call('ModelInfer', grpcRequest('example-oip-2'))
    const { outputs, raw_output_contents: raw } = byGrpc.message as {
      outputs: { name: string }[]
      raw_output_contents: Buffer[]
    }
    expect(raw[outputs.findIndex(({ name }) => name === 'aggregate')]?.readDoubleLE(0)).toBe(AGGREGATE)
    const leaves = decisions()
    expect(leaves.length).toBe(before + 2)
    const { parameters: said } = byRest.json as { parameters: { audit_leaf_index: number; decision_id: string } }
    expect(leaves.map((leaf) => JSON.stringify(leaf)).join()).toContain(said.decision_id)
  })

  it('is a leaf for each of many at once, those that the contract refuses among them', async () => {
    const before = decisions().length
    const asked = Array.from({ length: 20 }, (_, at) => [
      restAs('bedside').post(INFER, {
        parameters: { subject: `example-many-${at}`, purpose: 'demonstration' },
        inputs: at % 5 === 0 ? [] : restInputs(),
      }),
      grpcAs('bedside').call('ModelInfer', grpcRequest(`example-more-${at}`)),
    ])
    await Promise.all(asked.flat())
    expect(decisions().length).toBe(before + 40)
    const [refused, granted] = await Promise.all(asked[0] ?? [])
    expect(refused).toMatchObject({
      status: 400,
      headers: { 'wardstone-code': 'input_missing', 'wardstone-decision-id': expect.any(String) },
    })
    expect(granted).toMatchObject({ code: 0 })
  })

  it('is counted, in the statistics and for Prometheus alike', async () => {
    const { json } = await restAs('engineer').get('/v2/models/news2/stats')
    const [stats] = (json as { model_stats: { inference_count: number; execution_count: number }[] }).model_stats
    expect(stats?.execution_count).toBe(stats?.inference_count)
    const { message } = await grpcAs('engineer').call('ModelStatistics', { name: 'news2' })
    expect(message).toMatchObject({ model_stats: [{ inference_count: String(stats?.inference_count) }] })
    const metrics = (await restAs('officer').get('/metrics')).text
    expect(metrics).toContain(`nv_inference_count{model="news2",version="1.0.0"} ${stats?.inference_count}\n`)
  })
})

describe('what may not be', () => {
  it('is refused by role, on both, and leaves no decision', async () => {
    const before = decisions().length
    for (const role of ['engineer', 'officer'] as const) {
      const reply = await restAs(role).post(INFER, { inputs: restInputs() })
      expect([reply.status, reply.json]).toEqual([403, { error: expect.stringMatching(/^access_denied: /) }])
      expect((await grpcAs(role).call('ModelInfer', grpcRequest('example-denied'))).code).toBe(7)
    }
    expect(decisions().length).toBe(before)
  })

  it('is loading and unloading, whoever asks and whatever is sent', async () => {
    const body = { parameters: { config: '{}', 'file:1/model.onnx': 'AAAA' } }
    for (const role of ['bedside', 'engineer'] as const)
      for (const verb of ['load', 'unload']) {
        const reply = await restAs(role).post(`/v2/repository/models/news2/${verb}`, body)
        expect([reply.status, reply.headers['wardstone-code']]).toEqual([501, 'oip_loading_refused'])
      }
    const reply = await grpcAs('engineer').call('RepositoryModelLoad', {})
    expect(reply.code).toBe(12)
    expect((await restAs('engineer').get('/v2/models/news2/ready')).status).toBe(200)
  })

  it('comes back in no error, no metric and no line of the log', async () => {
    const tensor = { name: 'heart-rate', datatype: 'FP64', shape: [1], data: [70] }
    const bodies: object[] = [
      { inputs: [{ ...tensor, name: SECRET }] },
      { inputs: [{ ...tensor, name: SECRET.toLowerCase() }] },
      { inputs: [{ ...tensor, datatype: SECRET }] },
      { inputs: [{ ...tensor, data: [SECRET] }] },
      { inputs: [{ ...tensor, parameters: { unit: SECRET } }] },
      { inputs: [{ ...tensor, parameters: { [SECRET]: 1 } }] },
      { inputs: [{ ...tensor, parameters: { times: SECRET } }] },
      { inputs: [{ name: 'consciousness', datatype: 'BYTES', shape: [1], data: [SECRET] }] },
      { inputs: [], parameters: { sequence_id: SECRET } },
      { inputs: [], parameters: { subject: SECRET, purpose: SECRET } },
      { inputs: [tensor], parameters: { subject: SECRET } },
      { inputs: [tensor], outputs: [{ name: SECRET }] },
      { inputs: [{ ...tensor, parameters: { shared_memory_region: SECRET, shared_memory_byte_size: 8 } }] },
    ]
    const told: string[] = []
    for (const body of bodies) {
      const reply = await restAs('bedside').post(INFER, body)
      expect([reply.status, body]).toEqual([400, body])
      told.push(JSON.stringify([reply.json, reply.headers]))
    }
    const unknown = await restAs('bedside').get(`/v2/models/${SECRET}/versions/${SECRET}`)
    expect(unknown.status).toBe(404)
    const model = await grpcAs('bedside').call('ModelInfer', { ...grpcRequest(SECRET), model_name: SECRET })
    const input = { ...grpcRequest(SECRET), inputs: [{ name: SECRET, datatype: SECRET, shape: [1] }] }
    const datatype = await grpcAs('bedside').call('ModelInfer', input)
    expect([model.code, datatype.code]).toEqual([5, 3])
    const metrics = (await restAs('bedside').get('/metrics')).text
    expect(metrics).toContain('nv_inference_request_failure{')
    const all = [...told, JSON.stringify([unknown.json, unknown.headers, model, datatype]), metrics, appliance.words()]
    expect(all.join('\n').toLowerCase()).not.toContain(SECRET.toLowerCase())
  })

  it('is what takes longer than the caller has: it has its leaf all the same', async () => {
    const before = decisions().length
    const { parameters, ...request } = grpcRequest('example-late')
    const hurried = { ...request, parameters: { ...parameters, timeout: { int64_param: 1 } } }
    const late = await grpcAs('bedside').call('ModelInfer', hurried)
    expect([late.code, late.metadata['wardstone-code']]).toEqual([4, 'inference_deadline'])
    const spent = { subject: 'example-spent', purpose: 'demonstration', timeout: 1 }
    const reply = await restAs('bedside').post(INFER, { parameters: spent, inputs: restInputs() })
    expect([reply.status, reply.headers['wardstone-code']]).toEqual([503, 'inference_deadline'])
    expect(reply.headers['retry-after']).toMatch(/^\d+$/)
    expect(decisions().length).toBe(before + 2)
  })
})
