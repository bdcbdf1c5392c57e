import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import type { CoalitionSpec } from '../../models/contract/coalitions.ts'
import type { OutputSteps } from '../../models/contract/output-ops/output-steps.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import type { RandomisedShare } from '../../models/onnx/randomise.ts'
import type { Manifest, ManifestFile } from '../../models/package/manifest.ts'
import type { Batching } from './batcher.ts'
import type { CoreShares } from './core-shares.ts'
import type { Priority } from './priority.ts'

/** Where a worker finds its model: a verified package, already open, and the key to one of its files. */
export interface WorkerSource {
  readonly modelId: string
  /** Open and read-only. It is opened anew for the worker, so the caller may close it as soon as the worker is made. */
  readonly fd: number
  readonly payloadOffset: number
  readonly file: ManifestFile
  readonly fileIndex: number
  /** Copied, for restarts; the copy is wiped when the worker stops. */
  readonly contentKey: Uint8Array
  readonly salt: Uint8Array
}

export interface WorkerOptions {
  readonly source: WorkerSource
  /** Threads within one operator. */
  readonly threads: number
  /** What the model may take on top of the process's own memory (see `processDataBytes` in isolation.ts). */
  readonly memoryLimitBytes: number
  /** The most that a package may ask for; one that asks for more is not loaded. Half of the machine's memory by default. */
  readonly maxMemoryBytes?: number
  /** Requests that may wait; one more is refused. A client may take as many places as it leaves free. */
  readonly maxQueue: number
  /** `required`: without bubblewrap the model is not loaded. `preferred`: it is, and the report says so. */
  readonly isolation: 'required' | 'preferred'
  /** What runs the model; the processor when not given. */
  readonly provider?: ProviderOrder
  /** Gives the model other parameters: it decides nothing then. */
  readonly randomised?: RandomisedShare
  /** Inputs that the model is run on once before it is ready: it warms up, and its nodes are counted by provider. */
  readonly warmUp?: Tensors
  /** What is done with the model's outputs where it runs, and which tensors come back; when not given, all outputs as they are. */
  readonly outputSteps?: OutputSteps
  /** How the model is explained, where its process may know a quicker way: {@link COALITIONS}. */
  readonly coalitions?: CoalitionSpec
  /** Processes that serve the model side by side, each with its own session and its own memory; 1 when not given. */
  readonly instances?: number
  /** The cores of the box, which its models share; without it a model runs whenever it is asked. */
  readonly cores?: CoreShares
  /** So many rows the model is run on as well before it is ready: shapes it will be asked for. */
  readonly warmUpRows?: readonly number[]
  /** After so long without a request the processes are ended, and started again by the next one; never when not given. */
  readonly idleUnloadMs?: number
  readonly clock: Clock
  readonly log: Log
}

/** How far a worker process is walled off, as found at start; `plain` is shown as a fault. */
export interface IsolationReport {
  readonly level: 'systemd' | 'bubblewrap' | 'plain'
  /** No interface but loopback inside, so nothing can be sent. */
  readonly networkIsolated: boolean
  /** Ceiling on private writable memory (RLIMIT_DATA); null when `prlimit` is missing. */
  readonly memoryLimitBytes: number | null
  readonly reason: string
}

export type ProviderName = Manifest['providers'][number]['name']

/** Which execution provider a session is made with. */
export interface ProviderOrder {
  readonly provider: ProviderName
  /** Whether the processor may run the nodes that the provider does not: only when the package's policy names it. */
  readonly allowsCpu: boolean
  /** Those that come before it in the policy. */
  readonly passedOver: readonly PassedProvider[]
}

/** Why a provider of the policy was not taken. */
export interface PassedProvider {
  readonly provider: ProviderName
  readonly reason: (typeof passReasons)[number]
  /** The library, device or golden vector that it failed by. */
  readonly about: string
}

export const passReasons = [
  'missing',
  'tolerance-missing',
  'session-refused',
  'takes-no-node',
  'golden-vectors-differ',
] as const

/** Nodes of the graph by the provider that ran them in the warm-up; a node that a loop repeats counts once. */
export type NodeCounts = Readonly<Record<ProviderName, number>>

/** Which execution provider runs the model, and why those before it in the policy do not. */
export interface ProviderReport {
  readonly provider: ProviderName
  /** Library and version. */
  readonly runtime: string
  readonly threads: number
  /** Null when it was not counted: without bubblewrap there is no private memory to write the profile to. */
  readonly nodes: NodeCounts | null
  readonly passedOver: readonly PassedProvider[]
}

/** What a worker process can say of it. */
export type SessionReport = Omit<ProviderReport, 'passedOver'>

/** `unloaded`: nobody asked for long; the next request loads it again. */
export type WorkerState = 'starting' | 'ready' | 'busy' | 'waiting-to-restart' | 'unloaded' | 'stopped'

export interface WorkerStatus {
  readonly state: WorkerState
  readonly pid: number | undefined
  readonly restarts: number
  /** How the last process ended, as an identifier: `deadline`, `SIGSEGV`, `exit-1`, `out-of-memory`. */
  readonly lastFailure: string | undefined
  readonly isolation: IsolationReport
  readonly provider: ProviderReport | undefined
}

/** What is said about a request besides what it asks. */
export interface RunOrder {
  /** `reading-room` when not given. */
  readonly priority?: Priority | undefined
  /** Aborted when whoever asked has left: a request that waits is dropped, one in the model is no longer waited for. */
  readonly signal?: AbortSignal | undefined
  /**
   * Called when the request has left the queue for a process, with how many go there together; again, where it has to be
   * asked again.
   */
  readonly begun?: ((batchSize: number) => void) | undefined
}

/**
 * Among the outputs of a run of single rows, where the model's process can tell them at no cost to speak of: the outputs of every
 * coalition of the groups in {@link WorkerOptions.coalitions}, float32 [rows, 2^groups], before calibration. Bit i of a place
 * says that group i is the patient's and not the baseline's. Nothing is asked for it, and it need not be there.
 */
export const COALITIONS = 'wardstone:coalitions'

/** A model that can be run: one queue in front of its worker processes. */
export interface ModelWorker {
  /** Resolves once a session is made and warm; rejects with InferenceError inference_load_failed. */
  ready(): Promise<ProviderReport>
  /**
   * Runs the model once. `deadlineMs` is on the monotonic clock: at that moment the caller has its answer or a typed
   * error. A worker still busy with this request then has a short grace, and is killed.
   * @param order how urgent it is, and what says that its sender has left
   * @param client whose request it is: clients take turns, and each has a share of the queue. Without one it is the
   * box's own.
   * @throws InferenceError (as a rejection) inference_deadline | inference_cancelled | inference_worker_lost | inference_out_of_memory |
   * inference_failed | inference_unavailable | inference_overloaded, which says when to come again; ContractError
   * contract_output_invalid, about the output op that could not be applied to what the model put out
   */
  run(inputs: Tensors, deadlineMs: number, client?: string, order?: RunOrder): Promise<Tensors>
  status(): WorkerStatus
  stop(): Promise<void>
}

/** A worker that its maker can still tell something. */
export interface ScheduledWorker extends ModelWorker {
  /** From here on single rows that wait are run together; whoever says so has seen that the answers are the same. */
  useBatches(batching: Batching): void
}
