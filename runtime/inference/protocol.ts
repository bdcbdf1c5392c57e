import type { CoalitionSpec } from '../../models/contract/coalitions.ts'
import type { OutputSteps } from '../../models/contract/output-ops/output-steps.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import type { RandomisedShare } from '../../models/onnx/randomise.ts'
import type { ManifestFile } from '../../models/package/manifest.ts'
import {
  type Frame,
  type FrameLimits,
  type FrameWriter,
  orderLimits,
  replyLimits,
  resultLimits,
  runLimits,
} from './frames.ts'
import { SharedReader, type TensorShape } from './shared-inputs.ts'
import type { NodeCounts, ProviderName, SessionReport } from './types.ts'

/** The numbers under which a worker inherits its channel and the package; 0–2 are the standard streams. */
export const CHANNEL_FD = 3
export const PACKAGE_FD = 4
/** Where large inputs lie, when the machine has such memory. */
export const SHARED_FD = 5

/** First message of a process's life: what to decrypt and how to run it. */
export interface LoadMessage {
  readonly kind: 'load'
  readonly payloadOffset: number
  readonly file: ManifestFile
  readonly fileIndex: number
  readonly contentKey: Uint8Array
  readonly salt: Uint8Array
  readonly threads: number
  readonly provider: ProviderName
  /** False: the session is refused when the provider does not run every node. */
  readonly allowsCpu: boolean
  /** Where a profile may be written: memory that only this process sees. Null: nowhere. */
  readonly profileFolder: string | null
  /** Other parameters than the model's own, to see what depends on them. */
  readonly randomised: RandomisedShare | 'nothing'
  /** Inputs to warm up on, by the names of the model. */
  readonly warmUp: Tensors
  /** How many rows of it to warm up on as well. */
  readonly warmUpRows: readonly number[]
  /** Null: all outputs of the model are sent back, as they are. */
  readonly outputSteps: OutputSteps | null
  /** Null: nobody asks what coalitions put out. */
  readonly coalitions: CoalitionSpec | null
}

export interface RunMessage {
  readonly kind: 'run'
  readonly id: number
  readonly inputs: Tensors
  /** The inputs lie in shared memory, in this order. */
  readonly shared?: readonly TensorShape[]
}

export type ToWorker = LoadMessage | RunMessage

/**
 * What a worker says. There is no text in it: the runtime's error texts can quote an element of an input, so they end
 * in the worker.
 */
export type FromWorker =
  | { readonly kind: 'ready'; readonly provider: SessionReport }
  | { readonly kind: 'load-failed'; readonly stage: LoadStage; readonly code: string }
  | { readonly kind: 'result'; readonly id: number; readonly outputs: Tensors }
  | ({ readonly kind: 'run-failed'; readonly id: number } & RunFault)

/** `output-invalid`: what the model put out is nothing that the output op `about` can be applied to. */
export type RunFault =
  | { readonly reason: 'failed' | 'out-of-memory' }
  | { readonly reason: 'output-invalid'; readonly about: string }

export type LoadStage = 'decrypt' | 'external data' | 'session' | 'nodes'

/** @returns undefined when the message is larger than the channel takes. */
export function encodeToWorker(message: ToWorker, writer: FrameWriter): Buffer | undefined {
  if (message.kind === 'run') {
    const { inputs, ...rest } = message
    return writer.write(rest, inputs, runLimits)
  }
  const { contentKey, salt, warmUp, ...rest } = message
  // Beside tensors of our own names, those of the model go by number.
  const named = Object.entries(warmUp)
  const numbered = Object.fromEntries(named.map(([, tensor], index) => [`input ${index}`, tensor]))
  const order = { ...rest, warmUp: named.map(([name]) => name) }
  return writer.write(order, { contentKey: bytesTensor(contentKey), salt: bytesTensor(salt), ...numbered }, orderLimits)
}

/** Of the one process that this side is. */
const sharedReader = new SharedReader(SHARED_FD)

/** The inside of {@link encodeToWorker}. What comes from our own runtime is not doubted, but for what a type needs. */
export function readToWorker({ message, tensors }: Frame): ToWorker | undefined {
  if (message.kind === 'run') {
    const { shared, ...rest } = message as Omit<RunMessage, 'inputs'>
    const inputs = shared === undefined ? tensors : sharedReader.read(shared)
    return inputs === undefined ? undefined : { ...rest, inputs }
  }
  const [contentKey, salt] = [tensors.contentKey?.data, tensors.salt?.data]
  if (message.kind !== 'load' || !(contentKey instanceof Uint8Array) || !(salt instanceof Uint8Array)) return undefined
  const names = message.warmUp as readonly string[]
  const warmUp = Object.fromEntries(names.map((name, index) => [name, tensors[`input ${index}`] as Tensor]))
  return { ...(message as Omit<LoadMessage, 'contentKey' | 'salt' | 'warmUp'>), contentKey, salt, warmUp }
}

/** @returns undefined when the outputs are larger than the channel takes. */
export function encodeFromWorker(message: FromWorker, writer: FrameWriter): Buffer | undefined {
  if (message.kind !== 'result') return writer.write(message, {}, resultLimits)
  const { outputs, ...rest } = message
  return writer.write(rest, outputs, resultLimits)
}

/** How large the answer to a message may be. */
export function answerLimits(message: ToWorker): FrameLimits {
  return message.kind === 'load' ? replyLimits : resultLimits
}

/** Reads a worker's message, or undefined when it is not one: a worker that has been taken over can send anything. */
export function readFromWorker({ message, tensors }: Frame): FromWorker | undefined {
  const { kind, id, reason, about, stage, code, provider } = message
  if (kind === 'result') return typeof id === 'number' ? { kind, id, outputs: tensors } : undefined
  if (Object.keys(tensors).length > 0) return undefined
  if (kind === 'ready') {
    const report = readSessionReport(provider)
    return report === undefined ? undefined : { kind, provider: report }
  }
  if (kind === 'load-failed') return isStage(stage) && isCode(code) ? { kind, stage, code } : undefined
  if (kind !== 'run-failed' || typeof id !== 'number') return undefined
  if (reason === 'output-invalid') return isOutputOp(about) ? { kind, id, reason, about } : undefined
  return reason === 'failed' || reason === 'out-of-memory' ? { kind, id, reason } : undefined
}

function bytesTensor(data: Uint8Array): Tensor {
  return { dtype: 'bool', dims: [data.length], data: data as Uint8Array<ArrayBuffer> }
}

function isStage(value: unknown): value is LoadStage {
  return value === 'decrypt' || value === 'external data' || value === 'session' || value === 'nodes'
}

/** The place of an op in the contract. */
function isOutputOp(value: unknown): value is string {
  return typeof value === 'string' && /^postprocessing\.\d{1,2}$/.test(value)
}

function isCode(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9_]{1,64}$/.test(value)
}

/** Field by field: what else a worker may have put in has no way into a decision. */
function readSessionReport(value: unknown): SessionReport | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { provider, runtime, threads, nodes } = value as Record<string, unknown>
  if (provider !== 'cpu' && provider !== 'cuda' && provider !== 'webgpu') return undefined
  if (typeof runtime !== 'string' || !/^[a-z0-9 .-]{1,64}$/.test(runtime) || !isCount(threads)) return undefined
  if (nodes === null) return { provider, runtime, threads, nodes }
  const counts = readNodeCounts(nodes)
  return counts === undefined ? undefined : { provider, runtime, threads, nodes: counts }
}

function readNodeCounts(value: unknown): NodeCounts | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { cpu, cuda, webgpu } = value as Record<string, unknown>
  return isCount(cpu) && isCount(cuda) && isCount(webgpu) ? { cpu, cuda, webgpu } : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
