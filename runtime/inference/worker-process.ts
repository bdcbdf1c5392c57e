import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { errorCode } from '../../device/platform/errors.ts'
import { ContractError } from '../../models/contract/errors.ts'
import { runOutputOps } from '../../models/contract/output-ops/output-ops.ts'
import { modelOutputs, type OutputSteps } from '../../models/contract/output-ops/output-steps.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { externalData } from '../../models/onnx/external-data.ts'
import { hasPlainNames } from '../../models/onnx/plain-names.ts'
import { type RandomisedShare, randomiseParameters } from '../../models/onnx/randomise.ts'
import { decryptFile } from '../../models/package/container.ts'
import { PackageError } from '../../models/package/errors.ts'
import { isRow, joinRows } from './batcher.ts'
import { InferenceError } from './errors.ts'
import type { FromWorker, LoadMessage, LoadStage, RunFault, RunMessage, ToWorker } from './protocol.ts'
import { PACKAGE_FD } from './protocol.ts'
import { countNodes, PROFILE_PREFIX, takeProfile } from './session-profile.ts'
import { isTensors, MAX_OUTPUT_BYTES } from './tensor-check.ts'
import { proveTrees, type TreeShortcut } from './tree-shortcut.ts'
import type { NodeCounts } from './types.ts'

/** What the process has of the world: one channel to its parent (worker-port.ts). */
export interface WorkerPort {
  send(message: FromWorker): void
}

/** A model that is ready, and what is done with its outputs. */
interface Served {
  readonly session: InferenceSession
  readonly steps: OutputSteps | null
  /** Outputs of the model that are asked for. */
  readonly fetches: readonly string[]
  readonly trees: TreeShortcut | undefined
}

/** How allocation failures read: ONNX Runtime's arena, the C++ library, V8's array buffers. */
const OUT_OF_MEMORY = /bad.?alloc|failed to allocate memory|allocation failed|out of memory/i

/** The inside of a worker process: loads one model, then runs one request after the other. @returns the message handler. */
export function serveModel(port: WorkerPort): (message: ToWorker) => Promise<void> {
  let served: Served | undefined
  return async (message) => {
    if (message.kind === 'load') served = await load(message, port)
    else if (served !== undefined) port.send(await run(served, message))
  }
}

async function load(message: LoadMessage, port: WorkerPort): Promise<Served | undefined> {
  let model: Buffer | undefined
  let stage: LoadStage = 'decrypt'
  try {
    model = decrypt(message)
    const finding = externalData(model)
    stage = finding === 'external data' ? finding : 'session'
    // The library reads tensors from any file, or any place in memory, that a model names: it never sees such a model.
    if (finding === 'external data') throw new PackageError('package_model_external')
    if (finding === 'malformed') throw new InferenceError('inference_load_failed')
    if (message.randomised !== 'nothing') randomise(model, message.randomised)
    const session = serve(await createSession(model, message), message)
    const { provider, threads } = message
    const nodes = await warmUp(session, message)
    const served = { ...session, trees: await findTrees(session, model, message) }
    await warmUpRows(served, message)
    stage = 'nodes'
    // A provider that runs nothing, or cannot be shown to, is the processor under another name.
    if (provider !== 'cpu' && message.allowsCpu && !nodes?.[provider]) throw new InferenceError('inference_load_failed')
    const runtime = `onnxruntime ${env.versions.node}`
    port.send({ kind: 'ready', provider: { provider, runtime, threads, nodes } })
    return served
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

/** @throws InferenceError, OnnxError: nothing to change, or nothing that can be read */
function randomise(model: Uint8Array, share: RandomisedShare): void {
  if (randomiseParameters(model, share) === 0) throw new InferenceError('inference_load_failed')
}

function createSession(model: Uint8Array, message: LoadMessage): Promise<InferenceSession> {
  const { provider, allowsCpu, threads } = message
  // Error texts can quote an element of an input: they stay unwritten.
  env.logLevel = 'fatal'
  return InferenceSession.create(model, {
    executionProviders: allowsCpu && provider !== 'cpu' ? [provider, 'cpu'] : [provider],
    graphOptimizationLevel: 'all',
    // One request at a time and no operators side by side: `threads` is all this worker takes.
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    ...profiling(model, message),
    extra: {
      session: {
        // Idle threads sleep instead of spinning: several models share the cores.
        intra_op: { allow_spinning: '0' },
        // Otherwise the processor runs whatever the provider cannot, and nobody is told.
        disable_cpu_ep_fallback: allowsCpu ? '0' : '1',
      },
    },
  })
}

/** An output that the contract names and the model does not have is missed where it is read. */
function serve(session: InferenceSession, { outputSteps: steps }: LoadMessage): Served {
  const known = session.outputNames
  return {
    session,
    steps,
    fetches: steps === null ? known : modelOutputs(steps).filter((name) => known.includes(name)),
    trees: undefined,
  }
}

/** From the very bytes that the session was made of, randomised or not: it has to say the same. */
async function findTrees({ session, steps }: Served, model: Uint8Array, { coalitions }: LoadMessage) {
  // What is made of the outputs behind the model is not of the trees.
  if (coalitions === null || (steps?.ops.length ?? 0) > 0) return undefined
  const { tensor, output, baseline } = coalitions
  return proveTrees(model, coalitions, async (rows, count) => {
    const feeds = { [tensor]: new OrtTensor('float32', rows, [count, baseline.length]) }
    return ((await session.run(feeds, [output]))[output]?.data ?? []) as Float32Array
  })
}

/** A model whose names could write lines of their own into a profile is not profiled: what it counts would be its maker's word. */
function profiling(model: Uint8Array, { profileFolder, warmUp }: LoadMessage) {
  if (profileFolder === null || Object.keys(warmUp).length === 0 || !hasPlainNames(model))
    return { enableProfiling: false }
  return { enableProfiling: true, profileFilePrefix: join(profileFolder, PROFILE_PREFIX) }
}

/**
 * Runs the model once and counts its nodes by who ran them. A run that fails is no fault here: the golden vectors, whose
 * inputs these are, say by name what failed.
 * @returns null when nothing was counted
 */
async function warmUp(served: Served, message: LoadMessage): Promise<NodeCounts | null> {
  if (Object.keys(message.warmUp).length === 0) return null
  const ran = await compute(served, message.warmUp).then(
    () => true,
    () => false,
  )
  if (message.profileFolder === null) return null
  served.session.endProfiling()
  const profile = takeProfile(message.profileFolder)
  return ran && profile !== undefined ? (countNodes(profile) ?? null) : null
}

/** Each shape that it will be asked for; whether the answers are right is found where they are compared. */
async function warmUpRows(served: Served, { warmUp: row, warmUpRows: sizes }: LoadMessage): Promise<void> {
  if (!isRow(row)) return
  for (const size of sizes.filter((size) => size > 1)) {
    const rows = joinRows(Array.from({ length: size }, () => row))
    await compute(served, rows).catch(() => {})
  }
}

async function run(served: Served, { id, inputs }: RunMessage): Promise<FromWorker> {
  try {
    const outputs = await compute(served, inputs)
    // Of a type that no contract can name, or larger than the channel takes.
    if (!isTensors(outputs, MAX_OUTPUT_BYTES)) return { kind: 'run-failed', id, reason: 'failed' }
    return { kind: 'result', id, outputs }
  } catch (error) {
    return { kind: 'run-failed', id, ...faultOf(error) }
  }
}

function faultOf(error: unknown): RunFault {
  if (error instanceof ContractError && error.about !== undefined)
    return { reason: 'output-invalid', about: error.about }
  return { reason: OUT_OF_MEMORY.test(String(error)) ? 'out-of-memory' : 'failed' }
}

/** @throws ContractError contract_output_invalid, about an output op; what the runtime throws */
async function compute({ session, steps, fetches, trees }: Served, inputs: Tensors): Promise<Tensors> {
  const feeds = toRuntime(inputs)
  const raw = fromRuntime(await (fetches.length === 0 ? session.run(feeds) : session.run(feeds, fetches)))
  if (steps === null || steps.ops.length === 0) return { ...raw, ...trees?.explain(inputs) }
  const tensors = runOutputOps(raw, steps.ops)
  const kept = steps.keep.flatMap((name) => {
    const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    return tensor === undefined ? [] : [[name, tensor] as const]
  })
  return Object.fromEntries(kept)
}

function toRuntime(inputs: Tensors): Record<string, OrtTensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, data, dims }]) => [name, new OrtTensor(dtype, data, [...dims])]),
  )
}

/** As the runtime says it: the types may be such that no contract can name. */
function fromRuntime(results: InferenceSession.OnnxValueMapType): Tensors {
  return Object.fromEntries(
    Object.entries(results).map(([name, value]) => {
      const { type, dims, data } = value as OrtTensor
      return [name, { dtype: type as Tensor['dtype'], dims: [...dims], data: data as Tensor['data'] }]
    }),
  )
}
