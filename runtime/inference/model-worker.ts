import { closeSync, openSync } from 'node:fs'
import type { Tensors } from '../../models/contract/tensor.ts'
import { PackageError, type PackageErrorCode, packageErrors } from '../../models/package/errors.ts'
import type { Batching } from './batcher.ts'
import { InferenceError } from './errors.ts'
import { IdleWatch, LoadTime } from './idle-unload.ts'
import { defaultMaxMemoryBytes, findIsolation, type Isolation } from './isolation.ts'
import { ModelInstance } from './model-instance.ts'
import type { LoadFault } from './model-process.ts'
import type { LoadMessage } from './protocol.ts'
import { findProvider } from './provider-site.ts'
import type { PendingRun } from './request-queue.ts'
import { type BackoffSettings, defaultBackoff } from './restart-backoff.ts'
import { RunTimes } from './run-times.ts'
import { Scheduler } from './scheduler.ts'
import { isTensors, MAX_INPUT_BYTES } from './tensor-check.ts'
import type {
  ProviderOrder,
  ProviderReport,
  RunOrder,
  ScheduledWorker,
  SessionReport,
  WorkerOptions,
  WorkerState,
  WorkerStatus,
} from './types.ts'

/** What a site has no reason to set; tests do. */
export interface WorkerTuning {
  readonly backoff: BackoffSettings
  readonly loadTimeoutMs: number
  /** Processes that may end during the very first load before the model counts as not loadable. */
  readonly loadAttempts: number
  /** How long a stop waits for the request in the process and for the process to leave. */
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
 * A model behind a queue (scheduler.ts) and processes of its own; it starts at once. ONNX Runtime's `run` blocks its thread
 * and cannot be cancelled, so a process that stays on after a deadline and a grace is killed, and a native crash costs one
 * request. A process that ends is replaced after a wait that doubles; requests wait in the queue for the next one as long as
 * their deadlines allow.
 */
export function createModelWorker(options: WorkerOptions, tuning: Partial<WorkerTuning> = {}): ScheduledWorker {
  const settings = { ...defaultTuning, ...tuning }
  const memoryBytes = Math.min(options.memoryLimitBytes, maxMemoryBytes(options))
  const { provider } = orderOf(options)
  const openings = provider === 'cpu' ? undefined : findProvider(provider).openings
  const isolation = settings.isolation ?? findIsolation(memoryBytes, options.threads, 'systemd', openings)
  const worker = new SupervisedWorker(options, settings, isolation)
  worker.start()
  return worker
}

function orderOf({ provider }: WorkerOptions): ProviderOrder {
  return provider ?? { provider: 'cpu', allowsCpu: true, passedOver: [] }
}

function maxMemoryBytes(options: WorkerOptions): number {
  return options.maxMemoryBytes ?? defaultMaxMemoryBytes()
}

class SupervisedWorker implements ScheduledWorker {
  readonly #options: WorkerOptions
  readonly #tuning: WorkerTuning
  readonly #isolation: Isolation
  readonly #instances: readonly ModelInstance[]
  readonly #scheduler: Scheduler
  readonly #contentKey: Uint8Array
  readonly #loaded = Promise.withResolvers<ProviderReport>()
  readonly #loadTime: LoadTime
  readonly #idle: IdleWatch | undefined
  #isStopped = false
  #packageFd: number | undefined
  #provider: ProviderReport | undefined
  #lastFailure: string | undefined
  /** Why the model is not served, once it is given up. */
  #fault: InferenceError | undefined
  #stopping: Promise<void> | undefined

  constructor(options: WorkerOptions, tuning: WorkerTuning, isolation: Isolation) {
    const { clock, maxQueue, threads, cores, instances = 1, idleUnloadMs } = options
    this.#options = options
    this.#tuning = tuning
    this.#isolation = isolation
    const times = new RunTimes()
    this.#instances = Array.from({ length: instances }, (_, index) => this.#instance(index, times))
    this.#scheduler = new Scheduler({ clock, times, maxQueue, threads, cores }, this.#instances)
    this.#contentKey = Uint8Array.from(options.source.contentKey)
    this.#loadTime = new LoadTime(clock)
    if (idleUnloadMs !== undefined) this.#idle = new IdleWatch(clock, idleUnloadMs, () => this.#unload())
    // Nobody has to wait for ready(); the fault is in the status as well.
    this.#loaded.promise.catch(() => {})
  }

  start(): void {
    const { isolation, source } = this.#options
    try {
      if (isolation === 'required' && this.#isolation.report.level === 'plain')
        throw new InferenceError('inference_load_failed', { about: 'isolation is required' })
      if (this.#options.memoryLimitBytes > maxMemoryBytes(this.#options))
        throw new InferenceError('inference_load_failed', { about: 'memory' })
      // A descriptor of our own: the number given may be closed and reused for another file before a restart.
      this.#packageFd = openSync(`/proc/self/fd/${source.fd}`, 'r')
      this.#load()
    } catch (error) {
      const fault = new InferenceError('inference_load_failed', { about: 'package', cause: error })
      this.#giveUp(error instanceof InferenceError ? error : fault, 'not-started')
    }
  }

  ready(): Promise<ProviderReport> {
    return this.#loaded.promise
  }

  run(inputs: Tensors, deadlineMs: number, client?: string, order?: RunOrder): Promise<Tensors> {
    if (this.#isStopped) return Promise.reject(this.#unavailable())
    if (!isTensors(inputs, MAX_INPUT_BYTES))
      return Promise.reject(new InferenceError('inference_failed', { about: 'tensors' }))
    this.#idle?.asked()
    if (this.#isUnloaded()) this.#load()
    const retryAfterMs = this.#loadTime.tooLongFor(deadlineMs)
    if (retryAfterMs !== undefined) return Promise.reject(new InferenceError('inference_unavailable', { retryAfterMs }))
    return this.#scheduler.add(inputs, deadlineMs, client, order)
  }

  useBatches(batching: Batching): void {
    this.#scheduler.useBatches(batching)
  }

  status(): WorkerStatus {
    return {
      state: this.#isStopped ? 'stopped' : mostAlive(this.#instances.map(({ state }) => state)),
      pid: this.#instances.find(({ pid }) => pid !== undefined)?.pid,
      restarts: this.#instances.reduce((sum, { restarts }) => sum + restarts, 0),
      lastFailure:
        this.#lastFailure ?? this.#instances.find(({ lastFailure }) => lastFailure !== undefined)?.lastFailure,
      isolation: this.#isolation.report,
      provider: this.#provider,
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#leave(new InferenceError('inference_load_failed', { about: 'stopped' }))
    await this.#stopInstances()
    this.#release()
  }

  async #stopInstances(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stop(this.#tuning.stopGraceMs)))
  }

  #instance(index: number, times: RunTimes): ModelInstance {
    const { clock, log, source } = this.#options
    const { backoff, loadTimeoutMs, loadAttempts } = this.#tuning
    return new ModelInstance(
      {
        ...{ modelId: source.modelId, clock, log, times, backoff, loadTimeoutMs, loadAttempts },
        command: () => this.#isolation.command(),
        packageFd: () => this.#packageFd,
        load: (isCold) => loadMessage(this.#options, this.#isolation, this.#contentKey, isCold),
      },
      {
        ready: (report) => this.#becameReady(index, report),
        open: (instance) => this.#scheduler.opened(instance),
        returned: (runs, how) => this.#takeBack(runs, how),
        hopeless: (how, fault) => this.#giveUp(loadError(how, fault), how),
      },
    )
  }

  /** One process after the other: while a session is made, it takes several times the size of the model. */
  #load(): void {
    this.#loadTime.begin()
    this.#instances[0]?.start()
  }

  #unload(): boolean {
    const isLoaded = this.#instances.every(({ state }) => state === 'ready')
    if (!isLoaded || !this.#scheduler.isIdle) return false
    this.#options.log.info('inference.unloaded', { model: this.#options.source.modelId })
    for (const instance of this.#instances) instance.unload(this.#tuning.stopGraceMs)
    return true
  }

  #isUnloaded(): boolean {
    return this.#instances.every(({ state }) => state === 'unloaded')
  }

  #becameReady(index: number, session: SessionReport): void {
    const { log, source } = this.#options
    const starts = this.#instances[index]?.starts ?? 0
    log.info('inference.ready', { model: source.modelId, isolation: this.#isolation.report.level, starts })
    this.#loadTime.end()
    const { passedOver } = orderOf(this.#options)
    this.#provider = { ...session, passedOver }
    const next = this.#instances[index + 1]
    if (next === undefined) this.#loaded.resolve(this.#provider)
    else next.start()
  }

  #takeBack(runs: readonly PendingRun[], how: 'alone' | 'as before'): void {
    if (this.#isStopped) for (const run of runs) run.reject(this.#unavailable())
    else this.#scheduler.putBack(runs, how)
  }

  #giveUp(fault: InferenceError, how: string): void {
    const { log, source } = this.#options
    log.error('inference.load-failed', { model: source.modelId, how })
    this.#fault = fault
    this.#lastFailure = how
    this.#leave(fault)
    void this.#stopInstances()
    this.#release()
  }

  /** Takes no request any more and answers those that wait. */
  #leave(loadError: InferenceError): void {
    this.#isStopped = true
    this.#idle?.stop()
    this.#loaded.reject(loadError)
    this.#scheduler.close(this.#unavailable())
  }

  #release(): void {
    this.#contentKey.fill(0)
    if (this.#packageFd !== undefined) closeSync(this.#packageFd)
    this.#packageFd = undefined
  }

  #unavailable(): InferenceError {
    return new InferenceError('inference_unavailable', this.#fault === undefined ? {} : { cause: this.#fault })
  }
}

/** What a model as a whole is said to be, by what its processes are. */
const aliveFirst = ['busy', 'ready', 'starting', 'waiting-to-restart', 'unloaded', 'stopped'] as const

function mostAlive(states: readonly WorkerState[]): WorkerState {
  return aliveFirst.find((state) => states.includes(state)) ?? 'stopped'
}

function loadMessage(
  options: WorkerOptions,
  { profileFolder }: Isolation,
  contentKey: Uint8Array,
  isCold: boolean,
): LoadMessage {
  const { source, threads, outputSteps = null, coalitions = null, warmUpRows = [] } = options
  const randomised: LoadMessage['randomised'] = options.randomised ?? 'nothing'
  const { payloadOffset, file, fileIndex, salt } = source
  const { provider, allowsCpu } = orderOf(options)
  const session = { threads, provider, allowsCpu, profileFolder, randomised, outputSteps, coalitions }
  const warmUp = isCold ? {} : (options.warmUp ?? {})
  return { kind: 'load', payloadOffset, file, fileIndex, contentKey, salt, ...session, warmUp, warmUpRows }
}

function loadError(how: string, fault: LoadFault | undefined): InferenceError {
  if (fault === undefined) return new InferenceError('inference_load_failed', { about: how })
  const { stage, code } = fault
  if (Object.hasOwn(packageErrors, code))
    return new InferenceError('inference_load_failed', {
      about: stage,
      cause: new PackageError(code as PackageErrorCode),
    })
  if (code === 'inference_out_of_memory')
    return new InferenceError('inference_load_failed', { about: stage, cause: new InferenceError(code) })
  return new InferenceError('inference_load_failed', { about: stage })
}
