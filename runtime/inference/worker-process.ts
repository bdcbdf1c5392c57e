import { closeSync } from 'node:fs'
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { errorCode } from '../../device/platform/errors.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { externalData } from '../../models/onnx/external-data.ts'
import { decryptFile } from '../../models/package/container.ts'
import { PackageError } from '../../models/package/errors.ts'
import { InferenceError } from './errors.ts'
import type { FromWorker, LoadMessage, LoadStage, RunMessage, ToWorker } from './protocol.ts'
import { PACKAGE_FD } from './protocol.ts'
import { isTensors } from './tensor-check.ts'

/** What the process has of the world: one channel to its parent (worker-port.ts). */
export interface WorkerPort {
  send(message: FromWorker): void
}

/** How allocation failures read: ONNX Runtime's arena, the C++ library, V8's array buffers. */
const OUT_OF_MEMORY = /bad.?alloc|failed to allocate memory|allocation failed|out of memory/i

/** The inside of a worker process: loads one model, then runs one request at a time. @returns the message handler. */
export function serveModel(port: WorkerPort): (message: ToWorker) => Promise<void> {
  let session: InferenceSession | undefined
  return async (message) => {
    if (message.kind === 'load') session = await load(message, port)
    else if (session !== undefined) port.send(await run(session, message))
  }
}

async function load(message: LoadMessage, port: WorkerPort): Promise<InferenceSession | undefined> {
  let model: Buffer | undefined
  let stage: LoadStage = 'decrypt'
  try {
    model = decrypt(message)
    const finding = externalData(model)
    stage = finding === 'external data' ? finding : 'session'
    // The library reads tensors from any file, or any place in memory, that a model names: it never sees such a model.
    if (finding === 'external data') throw new PackageError('package_model_external')
    if (finding === 'malformed') throw new InferenceError('inference_load_failed')
    const session = await createSession(model, message.threads)
    const runtime = `onnxruntime ${env.versions.node}`
    port.send({ kind: 'ready', provider: { provider: 'cpu', runtime, threads: message.threads } })
    return session
  } catch (error) {
    const code = OUT_OF_MEMORY.test(String(error)) ? 'inference_out_of_memory' : errorCode(error)
    port.send({ kind: 'load-failed', stage, code })
    return undefined
  } finally {
    // ONNX Runtime has its own copy of the weights by now; ours need not wait for the garbage collector.
    model?.fill(0)
  }
}

/** Nothing is left open or readable afterwards: the key is wiped and the package closed before the session is made. */
function decrypt(message: LoadMessage): Buffer {
  const { payloadOffset, file, fileIndex, contentKey, salt } = message
  try {
    return decryptFile({ fd: PACKAGE_FD, payloadOffset, file, index: fileIndex, contentKey, salt })
  } finally {
    contentKey.fill(0)
    closeSync(PACKAGE_FD)
  }
}

function createSession(model: Uint8Array, threads: number): Promise<InferenceSession> {
  // Error texts can quote an element of an input: they stay unwritten.
  env.logLevel = 'fatal'
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    // One request at a time and no operators side by side: `threads` is all this worker takes.
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    enableProfiling: false,
    // Idle threads sleep instead of spinning: several models share the cores.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
}

async function run(session: InferenceSession, message: RunMessage): Promise<FromWorker> {
  const { id, inputs } = message
  try {
    const outputs = fromRuntime(await session.run(toRuntime(inputs)))
    return outputs === undefined ? { kind: 'run-failed', id, reason: 'failed' } : { kind: 'result', id, outputs }
  } catch (error) {
    return { kind: 'run-failed', id, reason: OUT_OF_MEMORY.test(String(error)) ? 'out-of-memory' : 'failed' }
  }
}

function toRuntime(inputs: Tensors): Record<string, OrtTensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, data, dims }]) => [name, new OrtTensor(dtype, data, [...dims])]),
  )
}

/** Undefined when an output is of a type that no contract can name, or larger than the channel takes. */
function fromRuntime(results: InferenceSession.OnnxValueMapType): Tensors | undefined {
  const outputs = Object.fromEntries(
    Object.entries(results).map(([name, value]) => {
      const { type, dims, data } = value as OrtTensor
      return [name, { dtype: type as Tensor['dtype'], dims: [...dims], data: data as Tensor['data'] }]
    }),
  )
  return isTensors(outputs) ? outputs : undefined
}
