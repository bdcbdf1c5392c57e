import { closeSync, openSync } from 'node:fs'
import type { Tensors } from '../../models/contract/tensor.ts'
import { PackageError, type PackageErrorCode, packageErrors } from '../../models/package/errors.ts'
import { InferenceError } from './errors.ts'
import { defaultMaxMemoryBytes, findIsolation, type Isolation } from './isolation.ts'
import { type LoadFault, ModelProcess } from './model-process.ts'
import type { LoadMessage } from './protocol.ts'
import { findProvider } from './provider-site.ts'
import { RequestQueue } from './request-queue.ts'
import { type BackoffSettings, defaultBackoff, RestartBackoff } from './restart-backoff.ts'
import { RunTimes } from './run-times.ts'
import { isTensors, MAX_INPUT_BYTES } from './tensor-check.ts'
import type {
  ModelWorker,
  ProviderOrder,
  ProviderReport,
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
 * A model behind a queue and a process of its own; it starts at once. ONNX Runtime's `run` blocks its thread and cannot
 * be cancelled, so one that stays on after its deadline and a grace is killed, and a native crash costs one request. A process that ends is replaced after a
 * wait that doubles; requests wait in the queue for the next one as long as their deadlines allow.
 */
export function createModelWorker(options: WorkerOptions, tuning: Partial<WorkerTuning> = {}): ModelWorker {
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

class SupervisedWorker implements ModelWorker {
  readonly #options: WorkerOptions
  readonly #tuning: WorkerTuning
  readonly #isolation: Isolation
  readonly #backoff: RestartBackoff
  readonly #queue: RequestQueue
  readonly #times = new RunTimes()
  readonly #contentKey: Uint8Array
  readonly #loaded = Promise.withResolvers<ProviderReport>()
  #state: WorkerState = 'starting'
  #packageFd: number | undefined
  #process: ModelProcess | undefined
  #starts = 0
  #restartTimer: NodeJS.Timeout | undefined
  #provider: ProviderReport | undefined
  /** A process ended before it was ever ready: the next one does not warm up. */
  #startsCold = false
  #lastFailure: string | undefined
  /** Why the model is not served, once it is given up. */
  #fault: InferenceError | undefined
  #stopping: Promise<void> | undefined

  constructor(options: WorkerOptions, tuning: WorkerTuning, isolation: Isolation) {
    this.#options = options
    this.#tuning = tuning
    this.#isolation = isolation
    this.#backoff = new RestartBackoff(options.clock, tuning.backoff)
    this.#queue = new RequestQueue({
      clock: options.clock,
      maxQueue: options.maxQueue,
      typicalMs: (inputs) => this.#times.typicalMs(inputs),
      onDeadline: (run) => this.#process?.abandon(run),
    })
    this.#contentKey = Uint8Array.from(options.source.contentKey)
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
      this.#launch(this.#packageFd)
    } catch (error) {
      const fault = new InferenceError('inference_load_failed', { about: 'package', cause: error })
      this.#giveUp(error instanceof InferenceError ? error : fault, 'not-started')
    }
  }

  ready(): Promise<ProviderReport> {
    return this.#loaded.promise
  }

  run(inputs: Tensors, deadlineMs: number, client?: string): Promise<Tensors> {
    if (this.#state === 'stopped') return Promise.reject(this.#unavailable())
    if (!isTensors(inputs, MAX_INPUT_BYTES))
      return Promise.reject(new InferenceError('inference_failed', { about: 'tensors' }))
    const answer = this.#queue.add(inputs, deadlineMs, client)
    // One that finds the process idle is always tried, so that a slow first answer does not shut out what follows.
    this.#serveNext(() => true)
    return answer
  }

  status(): WorkerStatus {
    return {
      state: this.#state,
      pid: this.#process?.pid,
      restarts: Math.max(0, this.#starts - 1),
      lastFailure: this.#lastFailure,
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
    await this.#process?.stop(this.#tuning.stopGraceMs)
    this.#release()
  }

  #launch(packageFd: number): void {
    const { source, threads, clock } = this.#options
    const warmUp = this.#startsCold ? {} : (this.#options.warmUp ?? {})
    const { payloadOffset, file, fileIndex, salt } = source
    this.#state = 'starting'
    this.#starts += 1
    const { provider, allowsCpu } = orderOf(this.#options)
    const key = { contentKey: this.#contentKey, salt }
    const randomised: LoadMessage['randomised'] = this.#options.randomised ?? 'nothing'
    const { profileFolder } = this.#isolation
    const { outputSteps = null } = this.#options
    const session = { threads, provider, allowsCpu, profileFolder, randomised, warmUp, outputSteps }
    const load = { kind: 'load', payloadOffset, file, fileIndex, ...key, ...session } as const
    const { loadTimeoutMs } = this.#tuning
    this.#process = new ModelProcess(
      { command: this.#isolation.command(), packageFd, load, loadTimeoutMs, clock, times: this.#times },
      {
        ready: (provider) => this.#becameReady(provider),
        idle: () => this.#serveNext(),
        ended: (how, fault) => this.#processEnded(how, fault),
      },
    )
  }

  #becameReady(session: SessionReport): void {
    const { log, source } = this.#options
    log.info('inference.ready', {
      model: source.modelId,
      isolation: this.#isolation.report.level,
      starts: this.#starts,
    })
    const { passedOver } = orderOf(this.#options)
    this.#provider = { ...session, passedOver }
    this.#backoff.markReady()
    this.#loaded.resolve(this.#provider)
    this.#serveNext()
  }

  /** @param fits whether the time left is enough to begin a request. */
  #serveNext(fits = (inputs: Tensors, leftMs: number) => this.#times.allows(inputs, leftMs)): void {
    const process = this.#process
    if (this.#state === 'stopped' || !process?.canRun) return
    const run = this.#queue.take(fits)
    this.#state = run === undefined ? 'ready' : 'busy'
    if (run !== undefined) process.run(run)
  }

  #processEnded(how: string, fault: LoadFault | undefined): void {
    this.#process = undefined
    if (this.#state === 'stopped') return
    const { log, source } = this.#options
    this.#lastFailure = how
    log.warn('inference.process-ended', { model: source.modelId, how, starts: this.#starts })
    // The profile of a graph that loops for long takes more memory than the model: it is loaded without one.
    if (this.#provider === undefined) this.#startsCold = true
    const hopeless = fault !== undefined || this.#starts >= this.#tuning.loadAttempts
    if (this.#provider === undefined && hopeless) this.#giveUp(loadError(how, fault), how)
    else this.#scheduleRestart(how)
  }

  #scheduleRestart(how: string): void {
    const packageFd = this.#packageFd
    if (packageFd === undefined) return
    this.#state = 'waiting-to-restart'
    // Requests that wait have timers of their own that keep our process alive; an idle restart need not.
    const delayMs = this.#backoff.nextDelayMs(how === 'deadline' ? 'deadline' : 'failure')
    this.#restartTimer = setTimeout(() => this.#launch(packageFd), delayMs).unref()
  }

  #giveUp(fault: InferenceError, how: string): void {
    const { log, source } = this.#options
    log.error('inference.load-failed', { model: source.modelId, how })
    this.#fault = fault
    this.#lastFailure = how
    this.#leave(fault)
    this.#release()
  }

  /** Takes no request any more and answers those that wait. */
  #leave(loadError: InferenceError): void {
    this.#state = 'stopped'
    clearTimeout(this.#restartTimer)
    this.#loaded.reject(loadError)
    this.#queue.rejectAll(this.#unavailable())
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
