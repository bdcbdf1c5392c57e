import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sharedData } from '../../../house/shared-data.ts'
import { checkGraph } from '../../../models/authoring/graph-check.ts'
import { anyPackage } from '../../../models/authoring/testkit/any-package.ts'
import { type Tensor, tensorBytes, tensorNumbers } from '../../../models/contract/tensor.ts'
import { readOnnx } from '../../../models/onnx/reader.ts'
import { readTensorProto } from '../../../models/onnx/testkit/tensor-proto.ts'
import { createTestSite } from '../../http/testkit/certificates.ts'
import { startTrial, type TrialWorker } from '../../inference/testkit/trial-worker.ts'
import { oipProtocol } from './routes.ts'
import { type GrpcBox, startGrpc } from './testkit/grpc-box.ts'
import { GrpcClient } from './testkit/grpc-client.ts'
import { fullBox, type OipBox, packed } from './testkit/oip-box.ts'
import { type RestBox, startRest } from './testkit/rest-box.ts'
import { RestClient } from './testkit/rest-client.ts'
import { readYaml, type Yaml } from './testkit/yaml-subset.ts'

/**
 * A client that is written from the protocol's own files and nothing of ours: the .proto gives the messages, the OpenAPI
 * document the bodies, the metadata of a model what it takes. The models are those of others, in real workers.
 */
const protocol = join(sharedData ?? '', 'oip/specification/protocol')
const backend = join(sharedData ?? '', 'models/onnx-backend')
/** As the runner of these vectors compares: |a − b| ≤ ABSOLUTE + RELATIVE · |b|. */
const [RELATIVE, ABSOLUTE] = [1e-3, 1e-7]

interface Metadata {
  readonly versions: readonly string[]
  readonly inputs: readonly {
    readonly name: string
    readonly datatype: string
    readonly shape: readonly (number | string)[]
  }[]
  readonly outputs: Metadata['inputs']
}

/** How a client of the protocol writes and reads elements of a datatype (inference_rest.md, "Tensor Data Types"; InferTensorContents of the .proto). */
const kinds: Readonly<
  Record<string, { readonly size: number; readonly member: string; read(view: DataView, at: number): number | bigint }>
> = {
  BOOL: { size: 1, member: 'bool_contents', read: (view, at) => view.getUint8(at) },
  UINT8: { size: 1, member: 'uint_contents', read: (view, at) => view.getUint8(at) },
  UINT16: { size: 2, member: 'uint_contents', read: (view, at) => view.getUint16(at, true) },
  UINT32: { size: 4, member: 'uint_contents', read: (view, at) => view.getUint32(at, true) },
  UINT64: { size: 8, member: 'uint64_contents', read: (view, at) => view.getBigUint64(at, true) },
  INT8: { size: 1, member: 'int_contents', read: (view, at) => view.getInt8(at) },
  INT16: { size: 2, member: 'int_contents', read: (view, at) => view.getInt16(at, true) },
  INT32: { size: 4, member: 'int_contents', read: (view, at) => view.getInt32(at, true) },
  INT64: { size: 8, member: 'int64_contents', read: (view, at) => view.getBigInt64(at, true) },
  FP32: { size: 4, member: 'fp32_contents', read: (view, at) => view.getFloat32(at, true) },
  FP64: { size: 8, member: 'fp64_contents', read: (view, at) => view.getFloat64(at, true) },
}

function elements(datatype: string, bytes: Uint8Array): (number | bigint)[] {
  const { size, read } = kinds[datatype]!
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / size }, (_, index) => read(view, index * size))
}

interface Output {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

/** One tensor as it is to be sent. */
interface Sent {
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

let box: OipBox
let grpc: GrpcBox
let rest: RestBox
let grpcClient: GrpcClient
let restClient: RestClient
let schema: (name: string) => ValidateFunction
let trial: TrialWorker | undefined

beforeAll(async () => {
  if (sharedData === undefined) return
  const site = await createTestSite()
  const identity = await site.client('bedside', 'generic-1')
  box = fullBox()
  grpc = await startGrpc(site, box)
  rest = await startRest(site, oipProtocol(box.adapter))
  const proto = readFileSync(join(protocol, 'open_inference_grpc.proto'), 'utf8')
  grpcClient = new GrpcClient(proto, grpc.port, site.authority.certificatePem, identity)
  restClient = new RestClient(rest.port, site.authority.certificatePem, identity)
  const document = readYaml(readFileSync(join(protocol, 'open_inference_rest.yaml'), 'utf8')) as {
    [name: string]: Yaml
  }
  const ajv = new Ajv({ strict: false, allErrors: true })
  ajv.addSchema({ $id: 'oip', components: document.components })
  schema = (name) => ajv.getSchema(`oip#/components/schemas/${name}`)!
})

afterEach(async () => {
  await trial?.[Symbol.asyncDispose]()
  trial = undefined
})

afterAll(async () => {
  grpcClient?.close()
  restClient?.close()
  await rest?.close()
  await grpc?.close()
})

function expectSchema(name: string, value: unknown): void {
  const validate = schema(name)
  expect([name, validate(value), validate.errors]).toEqual([name, true, null])
}

async function metadataOf(model: string): Promise<Metadata> {
  const { json, status } = await restClient.get(`/v2/models/${model}`)
  expect(status).toBe(200)
  expectSchema('metadata_model_response', json)
  const { message } = await grpcClient.call('ModelMetadata', { name: model })
  const [versions, inputs] = [(json as Metadata).versions, (json as Metadata).inputs]
  expect(message).toMatchObject({ name: model, versions })
  const shapes = (list: Metadata['inputs']) =>
    list.map(({ name, datatype, shape }) => [name, datatype, shape.map(Number)])
  expect(shapes((message as unknown as Metadata).inputs)).toEqual(shapes(inputs))
  return json as Metadata
}

type Way = (model: string, metadata: Metadata, sent: readonly Sent[]) => Promise<readonly Output[]>

const jsonValue = (datatype: string, value: number | bigint) => (datatype === 'BOOL' ? value !== 0 : Number(value))

const viaRest =
  (isBinary: boolean): Way =>
  async (model, { versions, inputs }, sent) => {
    const tensors = inputs.map(({ name, datatype }, index) => {
      const { shape, bytes } = sent[index]!
      if (isBinary) return { name, datatype, shape, parameters: { binary_data_size: bytes.length } }
      return { name, datatype, shape, data: elements(datatype, bytes).map((value) => jsonValue(datatype, value)) }
    })
    const body = { id: 'r-1', inputs: tensors, ...(isBinary ? { parameters: { binary_data_output: true } } : {}) }
    const path = `/v2/models/${model}/versions/${versions[0]}/infer`
    if (!isBinary) expectSchema('inference_request', body)
    const reply = isBinary
      ? await restClient.postBinary(path, body, Buffer.concat(sent.map(({ bytes }) => bytes)))
      : await restClient.post(path, body)
    expect([reply.status, (reply.json as { error?: string }).error]).toEqual([200, undefined])
    if (!isBinary) expectSchema('inference_response', reply.json)
    expect(reply.json).toMatchObject({ model_name: model, model_version: versions[0], id: 'r-1' })
    let at = 0
    const { outputs } = reply.json as {
      outputs: {
        name: string
        datatype: string
        shape: number[]
        data?: unknown[]
        parameters: { binary_data_size: number }
      }[]
    }
    return outputs.map(({ name, datatype, shape, data, parameters }) => {
      if (data !== undefined) return { name, datatype, shape, values: data.map(Number) }
      const bytes = reply.bytes.subarray(at, at + parameters.binary_data_size)
      at += bytes.length
      return { name, datatype, shape, values: elements(datatype, bytes).map(Number) }
    })
  }

const viaGrpc =
  (isRaw: boolean): Way =>
  async (model, { versions, inputs }, sent) => {
    const tensors = inputs.map(({ name, datatype }, index) => {
      const { shape, bytes } = sent[index]!
      const values = elements(datatype, bytes).map((value) => (datatype === 'BOOL' ? value !== 0 : String(value)))
      const numbers = datatype.startsWith('FP') ? values.map(Number) : values
      return { name, datatype, shape, ...(isRaw ? {} : { contents: { [kinds[datatype]!.member]: numbers } }) }
    })
    const raw = isRaw ? { raw_input_contents: sent.map(({ bytes }) => Buffer.from(bytes)) } : {}
    const request = { model_name: model, model_version: versions[0], id: 'g-1', inputs: tensors, ...raw }
    const { message, code, details } = await grpcClient.call('ModelInfer', request)
    expect([code, details]).toEqual([0, ''])
    expect(message).toMatchObject({ model_name: model, model_version: versions[0], id: 'g-1' })
    const { outputs, raw_output_contents: contents } = message as unknown as {
      outputs: { name: string; datatype: string; shape: string[] }[]
      raw_output_contents: Buffer[]
    }
    return outputs.map(({ name, datatype, shape }, index) => {
      return { name, datatype, shape: shape.map(Number), values: elements(datatype, contents[index]!).map(Number) }
    })
  }

const ways: Readonly<Record<string, Way>> = {
  'REST with JSON': viaRest(false),
  'REST with bytes': viaRest(true),
  'gRPC with typed contents': viaGrpc(false),
  'gRPC with raw contents': viaGrpc(true),
}

function expectOfficial(outputs: readonly Output[], official: readonly Tensor[]): void {
  expect(outputs).toHaveLength(official.length)
  for (const [index, expected] of official.entries()) {
    const { values, shape } = outputs[index]!
    expect(shape).toEqual(expected.dims)
    const worst = tensorNumbers(expected).map(
      (number, at) => Math.abs(values[at]! - number) - RELATIVE * Math.abs(number),
    )
    expect(Math.max(...worst, 0)).toBeLessThanOrEqual(ABSOLUTE)
  }
}

function tensorsOf(folder: string, side: 'input' | 'output'): Tensor[] {
  const paths = Array.from({ length: 16 }, (_, index) => join(folder, 'test_data_set_0', `${side}_${index}.pb`))
  return paths.filter((path) => existsSync(path)).map((path) => readTensorProto(readFileSync(path)))
}

const isRefused = (name: string) =>
  checkGraph(readOnnx(readFileSync(join(backend, name, 'model.onnx')))).some(({ severity }) => severity === 'error')
const folders = sharedData === undefined ? [] : readdirSync(backend).filter((name) => name.startsWith('test_'))
const running = folders.filter((name) => !isRefused(name))

describe.skipIf(sharedData === undefined)('a client of the protocol’s own files', () => {
  test('there are models to ask', () => {
    expect([folders.length, running.length]).toEqual([62, 41])
  })

  test('the server says what it is', async () => {
    const { json } = await restClient.get('/v2/')
    expectSchema('metadata_server_response', json)
    expect((await grpcClient.call('ServerMetadata', {})).message).toEqual(json)
    expect((await grpcClient.call('ServerLive', {})).message).toEqual({ live: true })
    expect((await restClient.get('/v2/health/live')).status).toBe(200)
    expect((await grpcClient.call('ModelReady', { name: 'identity', version: '1.0.0' })).code).toBe(5)
  })

  test.for(running)('%s gives its official output, each way', { timeout: 60_000 }, async (name) => {
    const folder = join(backend, name)
    const bytes = readFileSync(join(folder, 'model.onnx'))
    const known = { inputs: tensorsOf(folder, 'input'), outputs: tensorsOf(folder, 'output') }
    trial = startTrial(bytes)
    const { worker } = trial
    await worker.ready()
    box.serve('asked', packed(anyPackage(bytes, 'asked', known)), (...call) => worker.run(...call))
    const metadata = await metadataOf('asked')
    const sent = known.inputs.map((tensor) => ({ shape: tensor.dims, bytes: tensorBytes(tensor) }))
    for (const way of Object.values(ways)) expectOfficial(await way('asked', metadata, sent), known.outputs)
  })

  test.for(Object.keys(ways))('every datatype and a row of shapes: %s', async (name) => {
    const metadata = await metadataOf('identity')
    expect(new Set(metadata.inputs.map(({ datatype }) => datatype))).toEqual(new Set(Object.keys(kinds)))
    for (const count of [1, 2, 3, 4]) {
      const sent = metadata.inputs.map(({ datatype }) => {
        // Zeros and ones are values of every type; in floating-point numbers their bytes would be denormals.
        const values = Array.from({ length: count }, (_, index) => index % 2)
        const bytes = Buffer.alloc(count * kinds[datatype]!.size)
        for (const [index, value] of values.entries()) {
          if (datatype === 'FP32') bytes.writeFloatLE(value * 0.1, index * 4)
          else if (datatype === 'FP64') bytes.writeDoubleLE(value * 0.1, index * 8)
          else bytes.writeUInt8(value, index * kinds[datatype]!.size)
        }
        return { shape: [count], bytes }
      })
      const outputs = await ways[name]!('identity', metadata, sent)
      expect(outputs.map(({ datatype, shape, values }) => [datatype, shape, values])).toEqual(
        metadata.inputs.map(({ datatype }, index) => [
          datatype,
          [count],
          elements(datatype, sent[index]!.bytes).map(Number),
        ]),
      )
    }
  })

  test('a refusal has the shape of an error', async () => {
    const refused = await restClient.post('/v2/models/identity/infer', { inputs: [] })
    expect(refused.status).toBe(400)
    expectSchema('inference_error_response', refused.json)
    expectSchema('metadata_model_error_response', (await restClient.get('/v2/models/none')).json)
  })
})
