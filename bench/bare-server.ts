import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { type StartedProcess, startProcess } from '../demo/child-process.ts'
import type { Site } from '../demo/site.ts'
import type { Tensors } from '../models/contract/tensor.ts'
import { sendableTensor } from '../models/contract/tensor-value.ts'
import { type BenchModel, modelBytes } from './bench-model.ts'
import { sessionSettings } from './raw-session.ts'

export interface BareServerOptions {
  /** PEM files of the server and of the authority of its clients. */
  readonly key: string
  readonly certificate: string
  readonly authority: string
  /** Every `NAME.onnx` in it is served under its name. */
  readonly models: string
  readonly threads: number
}

interface BareRequest {
  readonly inputs: Readonly<Record<string, { readonly dims: number[]; readonly base64: string }>>
}

const MAX_BODY_BYTES = 4 * 1024 * 1024
const ENTRY = fileURLToPath(new URL('./bin/bare-server.ts', import.meta.url))

/**
 * What one would write in an afternoon: the same TLS with client certificates and the same `session.run`, in one process, with no
 * policy, no contract, no log, no explanation and no wall. It is measured, and never part of the box.
 * @returns where it listens, and how to close it
 */
export async function serveBare(options: BareServerOptions): Promise<{ url: string; close(): Promise<void> }> {
  const sessions = new Map<string, InferenceSession>()
  for (const file of readdirSync(options.models).filter((name) => name.endsWith('.onnx'))) {
    const session = await InferenceSession.create(join(options.models, file), sessionSettings(options.threads))
    sessions.set(basename(file, '.onnx'), session)
  }
  const server = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    https: {
      key: readFileSync(options.key),
      cert: readFileSync(options.certificate),
      ca: readFileSync(options.authority),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    },
  })
  server.post<{ Params: { model: string }; Body: BareRequest }>('/run/:model', async ({ params, body }, reply) => {
    const session = sessions.get(params.model)
    if (session === undefined) return reply.code(404).send({})
    const outputs = Object.entries(await session.run(feedsOf(body)))
    return { outputs: Object.fromEntries(outputs.map(([name, { data, dims }]) => [name, said(data, dims)])) }
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  return { url: `https://127.0.0.1:${port}`, close: async () => void (await server.close()) }
}

function feedsOf({ inputs }: BareRequest): Record<string, OrtTensor> {
  const feeds = Object.entries(inputs).map(([name, { dims, base64 }]) => {
    // A copy: what the decoder returns may lie anywhere in a pool, and elements want their alignment.
    const { buffer } = new Uint8Array(Buffer.from(base64, 'base64'))
    return [name, new OrtTensor('float32', new Float32Array(buffer), dims)]
  })
  return Object.fromEntries(feeds)
}

const said = (data: unknown, dims: readonly number[]) => ({ dims, data: Array.from(data as Float32Array, Number) })

/** The body that the bare server takes for the tensors of a model. */
export function bareBody(tensors: Tensors): BareRequest {
  const inputs = Object.entries(tensors).map(([name, tensor]) => {
    const { dims, base64 } = sendableTensor(tensor)
    return [name, { dims: [...dims], base64 }]
  })
  return { inputs: Object.fromEntries(inputs) }
}

/** The bare server as a process of its own, with the certificates of a site and the models in a folder made for it. */
export function startBareServer(
  site: Site,
  models: readonly BenchModel[],
  folder: string,
  threads: number,
): Promise<StartedProcess> {
  const modelsFolder = join(folder, 'models')
  mkdirSync(modelsFolder, { recursive: true })
  for (const { name, draft } of models) writeFileSync(join(modelsFolder, `${name}.onnx`), modelBytes(draft))
  const files = ['--key', site.path('server/server.key'), '--certificate', site.path('server/server.pem')]
  const served = ['--authority', site.path('authority/ca.pem'), '--models', modelsFolder, '--threads', String(threads)]
  const command = [ENTRY, ...files, ...served]
  return startProcess({ name: 'bare-server', command, logPath: join(folder, 'bare-server.log') })
}
