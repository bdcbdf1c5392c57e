import { closeSync, openSync } from 'node:fs'
import type { Tensors } from '../../models/contract/tensor.ts'
import { type PackageErrorCode, PackageError, packageErrors } from '../../models/package/errors.ts'
import { InferenceError } from './errors.ts'
import { findIsolation, type Isolation } from './isolation.ts'
import type { FromWorker, LoadStage } from './protocol.ts'
import { type PendingRun, RequestQueue } from './request-queue.ts'
import { type BackoffSettings, defaultBackoff, RestartBackoff } from './restart-backoff.ts'
import { isTensors } from './tensor-check.ts'
import type { ModelWorker, ProviderReport, WorkerOptions, WorkerState, WorkerStatus } from './types.ts'
import { launchWorker, type WorkerChannel, type WorkerEnd } from './worker-launch.ts'

/** What a site has no reason to set; tests shorten it. */
export interface WorkerTuning {
  readonly backoff: BackoffSettings
  /** A session that is not made by then never will be. */
  readonly loadTimeoutMs: number
  /** Processes that may end while they load for the first time before the model counts as not loadable. */
  readonly loadAttempts: number
  /** How long a stop waits for the request in the worker, and then for the process to leave. */
  readonly stopGraceMs: number
  /** The walls; found on this machine when not given. */
  readonly isolation?: Isolation
}

const defaultTuning: WorkerTuning = {
  backoff: defaultBackoff,
  loadTimeoutMs: 120_000,
  loadAttempts: 3,
  stopGraceMs: 2_000,
}

/**
 * A model behind a queue and a process of its own; it starts at once. `run` blocks the thread it is called on and cannot
 * be cancelled, so a deadline is a kill, and a native crash costs one request. A process that ends is replaced
 * after a wait that doubles; requests wait in the queue for it as long as their deadlines allow.
 */
export function createModelWorker(options: WorkerOptions, tuning: Partial<WorkerTuning> = {}): ModelWorker {
  const settings = { ...defaultTuning, ...tuning }
  const isolation = settings.isolation ?? findIsolation(options.memoryLimitBytes, options.threads)
  const worker = new SupervisedWorker(options, settings, isolation)
  worker.start()
  return worker
}

class SupervisedWorker implements ModelWorker {
  readonly #options: WorkerOptions
  readonly #tuning: WorkerTuning
  readonly #isolation: Isolation
  readonly #backoff: RestartBackoff
  readonly #queue: RequestQueue
  readonly #contentKey: Uint8Array
  readonly #loaded = Promise.withResolvers<ProviderReport>()

  #state: WorkerState = 'starting'
  #packageFd: number | undefined
  #channel: WorkerChannel | undefined
  #inFlight: { readonly id: number; readonly run: PendingRun; readonly startedMs: number } | undefined
  #timer: NodeJS.Timeout | undefined
  #provider: ProviderReport | undefined
  #lastId = 0
  #starts = 0
  /** Why we ended the process ourselves, if we did. */
  #killedFor: string | undefined
  #lastFailure: string | undefined
  #fastestMs = Number.POSITIVE_INFINITY
  /** Why the model is not served any more. */
  #fault: InferenceError | undefined
  #stopping: Promise<void> | undefined
  #onEnded: (() => void) | undefined
  #onIdle: (() => void) | undefined

  constructor(options: WorkerOptions, tuning: WorkerTuning, isolation: Isolation) {
    this.#options = options
    this.#tuning = tuning
    this.#isolation = isolation
    this.#backoff = new RestartBackoff(options.clock, tuning.backoff)
    this.#queue = new RequestQueue(options.clock, options.maxQueue, (run) => this.#deadlinePassed(run))
    this.#contentKey = Uint8Array.from(options.source.contentKey)
  }
}
