import {
  type Client,
  credentials,
  Metadata,
  type MethodDefinition,
  makeGenericClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import type { TlsIdentity } from '../../../http/testkit/certificates.ts'

export interface GrpcReply {
  /** The message as an object; undefined where there is only a status. */
  readonly message: Record<string, unknown> | undefined
  readonly code: number
  readonly details: string
  /** Trailers, also of a refusal. */
  readonly metadata: Record<string, string>
}

const SERVICE = 'inference.GRPCInferenceService'
const READ = { longs: String, bytes: Buffer, defaults: true } as const

/** A client of the service as a .proto describes it, on another gRPC than the server's. */
export class GrpcClient {
  readonly #root: protobuf.Root
  readonly #service: protobuf.Service
  readonly #client: Client

  constructor(proto: string, port: number, authority: string, identity: TlsIdentity | undefined, options = {}) {
    this.#root = protobuf.parse(proto, { keepCase: true }).root
    this.#service = this.#root.lookupService(SERVICE)
    const methods = Object.keys(this.#service.methods).map((name) => [name, this.#define(name)] as const)
    const Generic = makeGenericClientConstructor(Object.fromEntries(methods), SERVICE)
    const [key, certificate] = identity === undefined ? [] : [Buffer.from(identity.key), Buffer.from(identity.cert)]
    const tls = credentials.createSsl(Buffer.from(authority), key ?? null, certificate ?? null)
    const limits = { 'grpc.enable_retries': 0, 'grpc.max_receive_message_length': 64 * 1024 * 1024 }
    this.#client = new Generic(`127.0.0.1:${port}`, tls, { ...limits, ...options })
  }

  call(
    method: string,
    request: object,
    { metadata = {}, timeoutMs = 20_000 }: { metadata?: Record<string, string>; timeoutMs?: number } = {},
  ): Promise<GrpcReply> {
    const { promise, resolve } = Promise.withResolvers<GrpcReply>()
    const sent = new Metadata()
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value)
    const { path, requestSerialize, responseDeserialize } = this.#define(method)
    const deadline = { deadline: Date.now() + timeoutMs }
    let trailers = new Metadata()
    const call = this.#client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      sent,
      deadline,
      (error, message) => {
        const { code = 0, details = '', metadata: own = trailers } = (error ?? {}) as Partial<ServiceError>
        resolve({ message: message as Record<string, unknown> | undefined, code, details, metadata: textsOf(own) })
      },
    )
    call.on('status', (status) => {
      trailers = status.metadata
    })
    return promise
  }

  /** Calls that begin and are not waited for. */
  cancelAfter(method: string, request: object, ms: number): void {
    const { path, requestSerialize, responseDeserialize } = this.#define(method)
    const call = this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, () => {})
    setTimeout(() => call.cancel(), ms)
  }

  close(): void {
    this.#client.close()
  }

  #define(name: string): MethodDefinition<object, object> {
    const method = this.#service.methods[name]
    const request = this.#root.lookupType(`inference.${method?.requestType}`)
    const response = this.#root.lookupType(`inference.${method?.responseType}`)
    return {
      path: `/${SERVICE}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value) => Buffer.from(request.encode(request.fromObject(value)).finish()),
      requestDeserialize: (bytes) => request.decode(bytes),
      responseSerialize: (value) => Buffer.from(response.encode(response.fromObject(value)).finish()),
      responseDeserialize: (bytes) => response.toObject(response.decode(bytes), READ),
    }
  }
}

function textsOf(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)]))
}
