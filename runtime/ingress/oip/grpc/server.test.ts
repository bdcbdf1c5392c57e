import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Phi } from '../../../../device/platform/phi.ts'
import { spotContract } from '../../../../models/contract/testkit/contracts.ts'
import { createTestSite, type TestSite, type TlsIdentity } from '../../../http/testkit/certificates.ts'
import { InferenceError } from '../../../inference/errors.ts'
import { type GrpcBox, startGrpc } from '../testkit/grpc-box.ts'
import { GrpcClient } from '../testkit/grpc-client.ts'
import { fullBox, type OipBox, spotTensors, withContract } from '../testkit/oip-box.ts'
import { serviceProto } from '../testkit/service-proto.ts'

let site: TestSite
let identities: { bedside: TlsIdentity; engineer: TlsIdentity; clinician: TlsIdentity }
let box: OipBox
let server: GrpcBox
let client: GrpcClient
const revoked = new Set<string>()
const others: GrpcClient[] = []

beforeAll(async () => {
  site = await createTestSite()
  identities = {
    bedside: await site.client('bedside', 'monitor-1'),
    engineer: await site.client('engineer', 'engineer-1'),
    clinician: await site.client('clinician', 'clinician-1'),
  }
})

beforeEach(async () => {
  box = fullBox()
  revoked.clear()
  server = await startGrpc(site, box, { isRevoked: (fingerprint) => revoked.has(fingerprint) || revoked.has('all') })
  client = clientOf(identities.bedside)
})

afterEach(async () => {
  for (const one of others.splice(0)) one.close()
  await server.close()
})

function clientOf(identity: TlsIdentity | undefined): GrpcClient {
  const made = new GrpcClient(serviceProto, server.port, site.authority.certificatePem, identity)
  others.push(made)
  return made
}

const contents = (name: string, datatype: string, member: string, values: readonly unknown[], parameters = {}) => ({
  name,
  datatype,
  shape: [values.length],
  contents: { [member]: values },
  parameters,
})

const spot = (changes: object = {}) => ({
  model_name: 'spot',
  inputs: [
    contents('respiration-rate', 'FP64', 'fp64_contents', [18]),
    contents('temperature', 'FP32', 'fp32_contents', [37]),
    contents('age', 'INT32', 'int_contents', [61]),
    contents('oxygen', 'BOOL', 'bool_contents', [false]),
    contents('pregnant', 'BOOL', 'bool_contents', [false]),
    contents('consciousness', 'BYTES', 'bytes_contents', [Buffer.from('A')]),
  ],
  ...changes,
})

describe('inference.GRPCInferenceService', () => {
  it('says that it lives, whether it is ready, what it is and what its models take', async () => {
    expect((await client.call('ServerLive', {})).message).toEqual({ live: true })
    // Two of the slots have no model.
    expect((await client.call('ServerReady', {})).message).toEqual({ ready: false })
    expect((await client.call('ModelReady', { name: 'spot' })).message).toEqual({ ready: true })
    expect((await client.call('ModelReady', { name: 'broken' })).message).toEqual({ ready: false })
    const metadata = (await client.call('ServerMetadata', {})).message
    expect(metadata).toMatchObject({ name: 'wardstone', version: '0.0.0-test' })
    expect(metadata?.extensions).toContain('statistics')
    const model = (await client.call('ModelMetadata', { name: 'hourly' })).message
    expect(model).toMatchObject({
      name: 'hourly',
      versions: ['1.0.0'],
      inputs: expect.arrayContaining([{ name: 'heart-rate', datatype: 'FP64', shape: ['-1'] }]),
      outputs: [{ name: 'risk', datatype: 'FP64', shape: ['1'] }],
      properties: expect.objectContaining({ 'inputs.heart-rate.unit': '/min' }),
    })
  })

  it('infers: a decision with its leaf, and the outputs of the contract as raw bytes', async () => {
    const subject = { subject: { string_param: 'patient-7' } }
    const { message, code } = await client.call('ModelInfer', spot({ id: 'r-1', parameters: subject }))
    expect(code).toBe(0)
    expect(message).toMatchObject({ model_name: 'spot', model_version: '1.0.0', id: 'r-1' })
    const outputs = message?.outputs as { name: string; datatype: string; shape: string[] }[]
    expect(outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ['aggregate', 'FP64', ['1']],
      ['band', 'INT64', ['1']],
      ['points', 'FP64', ['4']],
    ])
    const [aggregate, band, points] = message!.raw_output_contents as Buffer[]
    expect([aggregate!.readDoubleLE(), band!.readBigInt64LE(), points!.length]).toEqual([6, 1n, 32])
    const parameters = message?.parameters as Record<string, Record<string, unknown>>
    expect(parameters.alert).toMatchObject({ bool_param: true })
    const [leaf] = box.leaves('decision')
    expect(leaf?.body?.id).toBe(parameters.decision_id?.string_param)
    expect(Phi.reveal(box.asked[0]!.subject!)).toBe('patient-7')
    expect(box.asked[0]?.purpose).toBe('treatment')
  })

  it('takes the subject from metadata, and refuses two that differ', async () => {
    const metadata = { 'wardstone-subject': 'Nu%C3%B1ez-0001' }
    expect((await client.call('ModelInfer', spot(), { metadata })).code).toBe(0)
    expect(Phi.reveal(box.asked[0]!.subject!)).toBe('Nuñez-0001')
    const other = spot({ parameters: { subject: { string_param: 'somebody' } } })
    expect((await client.call('ModelInfer', other, { metadata })).code).toBe(3)
    expect(box.asked).toHaveLength(1)
  })

  it('gives subset of outputs in the order that was asked for', async () => {
    const { message } = await client.call('ModelInfer', spot({ outputs: [{ name: 'points' }, { name: 'band' }] }))
    expect((message!.outputs as { name: string }[]).map(({ name }) => name)).toEqual(['points', 'band'])
    expect(await client.call('ModelInfer', spot({ outputs: [{ name: 'none' }] }))).toMatchObject({
      code: 3,
      metadata: { 'wardstone-code': 'oip_output_unknown' },
    })
  })

  it('hands priority and the shorter of both times to the decision', async () => {
    const parameters = { priority: { uint64_param: '2' }, timeout: { int64_param: '1500000' } }
    await client.call('ModelInfer', spot({ parameters }), { timeoutMs: 9000 })
    expect(box.asked[0]).toMatchObject({ priority: 2, timeoutMs: 1500 })
    await client.call('ModelInfer', spot({ parameters }), { timeoutMs: 1000 })
    expect(box.asked[1]?.timeoutMs).toBeLessThanOrEqual(1000)
  })

  it('answers a refusal of the contract with its code, recorded like a result', async () => {
    const inputs = spot().inputs.filter(({ name }) => name !== 'consciousness')
    const { code, details, metadata } = await client.call('ModelInfer', spot({ inputs }))
    expect([code, details]).toEqual([3, 'input_missing: An essential input is missing. (consciousness)'])
    expect(metadata).toMatchObject({ 'wardstone-code': 'input_missing', 'wardstone-audit-leaf-index': '0' })
    expect(box.leaves('decision')[0]?.body?.id).toBe(metadata['wardstone-decision-id'])
  })

  it.each<[InferenceError['code'], number, string | undefined]>([
    ['inference_overloaded', 14, '1000'],
    ['inference_deadline', 4, '1000'],
    ['inference_failed', 13, undefined],
  ])('%s is status %i', async (code, status, pushback) => {
    box.serve('spot', withContract(spotContract), () => Promise.reject(new InferenceError(code)))
    const answer = await client.call('ModelInfer', spot())
    expect(answer).toMatchObject({ code: status, metadata: { 'wardstone-code': code } })
    expect(answer.metadata['grpc-retry-pushback-ms']).toBe(pushback)
  })

  it.each<[string, string, object, number, string]>([
    ['an unknown model', 'ModelInfer', { model_name: 'none' }, 5, 'model_unknown'],
    ['another version', 'ModelInfer', spot({ model_version: '9' }), 5, 'oip_version_unknown'],
    ['a model that loads', 'ModelInfer', { model_name: 'loading' }, 14, 'model_loading'],
    ['a model out of use', 'ModelMetadata', { name: 'broken' }, 14, 'model_unavailable'],
    ['loading', 'RepositoryModelLoad', {}, 12, 'oip_loading_refused'],
    ['unloading', 'RepositoryModelUnload', {}, 12, 'oip_loading_refused'],
    ['a stream', 'ModelStreamInfer', {}, 12, 'oip_method_unknown'],
  ])('refuses %s', async (_what, method, request, code, name) => {
    expect(await client.call(method, request)).toMatchObject({ code, metadata: { 'wardstone-code': name } })
    expect(box.written).toEqual([])
  })

  it('lists what is in the slots, and what was asked of them', async () => {
    await client.call('ModelInfer', spot())
    await client.call('ModelInfer', spot({ inputs: [] }))
    const index = (await client.call('RepositoryIndex', {})).message?.models as { name: string; state: string }[]
    expect(Object.fromEntries(index.map(({ name, state }) => [name, state]))).toEqual({
      spot: 'READY',
      hourly: 'READY',
      identity: 'READY',
      loading: 'LOADING',
      broken: 'UNAVAILABLE',
    })
    const ready = (await client.call('RepositoryIndex', { ready: true })).message?.models as unknown[]
    expect(ready).toHaveLength(3)
    const stats = (await client.call('ModelStatistics', { name: 'spot' })).message?.model_stats as object[]
    expect(stats[0]).toMatchObject({
      name: 'spot',
      inference_count: '1',
      execution_count: '1',
      inference_stats: { success: { count: '1' }, fail: { count: '1' } },
    })
  })
})

describe('who may ask', () => {
  it('a certificate is needed, and its role decides', async () => {
    expect((await clientOf(undefined).call('ServerLive', {}, { timeoutMs: 3000 })).code).toBe(14)
    const engineer = clientOf(identities.engineer)
    expect((await engineer.call('ServerReady', {})).code).toBe(0)
    expect(await engineer.call('ModelInfer', spot())).toMatchObject({
      code: 7,
      metadata: { 'wardstone-code': 'access_denied' },
    })
    await server.flush()
    expect(server.ledger.ofKind('refused')).toMatchObject([
      { code: 'access_denied', client: 'engineer-1', route: '/inference.GRPCInferenceService/ModelInfer' },
    ])
    expect(server.ledger.ofKind('counted')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          client: 'engineer-1',
          route: '/inference.GRPCInferenceService/ServerReady',
          count: 1,
        }),
        expect.objectContaining({ client: 'anonymous', refused: 'tls_handshake_failed' }),
      ]),
    )
    expect(box.written).toEqual([])
  })

  it('a certificate of another authority never gets as far as a call', async () => {
    const other = await (await createTestSite()).client('bedside', 'monitor-1')
    expect((await clientOf(other).call('ServerLive', {}, { timeoutMs: 3000 })).code).toBe(14)
  })

  it('a certificate that is withdrawn is refused on the connection that it opened', async () => {
    expect((await client.call('ServerLive', {})).code).toBe(0)
    revoked.add('all')
    expect(await client.call('ServerLive', {})).toMatchObject({
      code: 16,
      metadata: { 'wardstone-code': 'access_revoked' },
    })
    revoked.clear()
    expect((await client.call('ServerLive', {})).code).toBe(0)
  })
})

describe('a call that does not end well', () => {
  it('is over at its deadline, and the decision is told that nobody waits', async () => {
    const { promise, resolve } = Promise.withResolvers<typeof spotTensors>()
    box.serve('spot', withContract(spotContract), () => promise)
    expect((await client.call('ModelInfer', spot(), { timeoutMs: 300 })).code).toBe(4)
    await expect.poll(() => box.asked[0]?.signal?.aborted).toBe(true)
    resolve(spotTensors)
    await expect.poll(() => box.leaves('decision')).toHaveLength(1)
  })

  it('that is cancelled leaves its record all the same', async () => {
    const { promise, resolve } = Promise.withResolvers<typeof spotTensors>()
    box.serve('spot', withContract(spotContract), () => promise)
    client.cancelAfter('ModelInfer', spot(), 200)
    await expect.poll(() => box.asked[0]?.signal?.aborted).toBe(true)
    resolve(spotTensors)
    await expect.poll(() => box.leaves('decision')).toHaveLength(1)
    expect(box.statistics.tallies().find(({ slot }) => slot === 'spot')?.success.count).toBe(1)
  })

  it('by a fault of the box says nothing of it, and the log has it', async () => {
    box.onCommit = () => Promise.reject(new TypeError('patient-7 is in this message'))
    const answer = await client.call('ModelInfer', spot())
    expect([answer.code, answer.details]).toEqual([
      13,
      'oip_internal: A fault inside the box. The request id finds it in the log.',
    ])
    expect(server.logLines.join('')).toContain('"request-failed"')
    expect(server.logLines.join('')).not.toContain('patient-7')
  })
})
