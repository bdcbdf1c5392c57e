import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import type { CoreHold, CoreWish } from './core-shares.ts'
import type { Dispatch } from './dispatch.ts'
import type { WorkerCommand } from './isolation.ts'
import { type LoadFault, ModelProcess } from './model-process.ts'
import type { Priority } from './priority.ts'
import type { LoadMessage } from './protocol.ts'
import type { PendingRun } from './request-queue.ts'
import { type BackoffSettings, RestartBackoff } from './restart-backoff.ts'
import type { RunTimes } from './run-times.ts'
import type { SessionReport, WorkerState } from './types.ts'

/**
 * What is sent before the last answer is back: so many at most, that together usually need no longer than this and are no larger.
 * A more urgent request that comes meanwhile waits for them; a kill sends them again.
 */
const MAX_IN_FLIGHT = 16
const MAX_IN_FLIGHT_MS = 8
const MAX_IN_FLIGHT_BYTES = 1024 * 1024

export interface InstanceParts {
  readonly modelId: string
  readonly clock: Clock
  readonly log: Log
  readonly times: RunTimes
  readonly backoff: BackoffSettings
  readonly loadTimeoutMs: number
  /** Processes that may end during the very first load before the model counts as not loadable. */
  readonly loadAttempts: number
  command(): WorkerCommand
  /** The package, open; the number may change between two processes. */
  packageFd(): number | undefined
  /** @param isCold without a warm-up */
  load(isCold: boolean): LoadMessage
}

export interface InstanceEvents {
  ready(report: SessionReport): void
  /** More may be given. One that is idle still has its cores. */
  open(instance: ModelInstance): void
  /** These were given and have to be asked again; `alone` where they failed together. */
  returned(runs: readonly PendingRun[], how: 'alone' | 'as before'): void
  /** It was never ready and will not be. */
  hopeless(how: string, fault: LoadFault | undefined): void
}

/** One place where the model runs: a process at a time. One that ends is replaced after a wait that doubles. */
export class ModelInstance {
  readonly #parts: InstanceParts
  readonly #events: InstanceEvents
  readonly #backoff: RestartBackoff
  #state: WorkerState = 'starting'
  #process: ModelProcess | undefined
  #starts = 0
  #restarts = 0
  #restartTimer: NodeJS.Timeout | undefined
  #report: SessionReport | undefined
  /** A process ended before it was ever ready: the next one does not warm up. */
  #startsCold = false
  #lastFailure: string | undefined
  #isUnloading = false
  #hold: { readonly cores: CoreHold; readonly sinceMs: number } | undefined

  constructor(parts: InstanceParts, events: InstanceEvents) {
    this.#parts = parts
    this.#events = events
    this.#backoff = new RestartBackoff(parts.clock, parts.backoff)
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get starts(): number {
    return this.#starts
  }

  get restarts(): number {
    return this.#restarts
  }

  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  get state(): WorkerState {
    if (this.#state !== 'ready') return this.#state
    return this.isIdle ? 'ready' : 'busy'
  }

  get isIdle(): boolean {
    return (this.#process?.given.length ?? 0) === 0
  }

  get underWayMs(): number {
    return this.#process?.underWayMs ?? 0
  }

  get hasCores(): boolean {
    return this.#hold !== undefined
  }

  /** May this one be given now: to an idle process, or behind what it will soon be done with? */
  canTake({ inputs, inputBytes }: PendingRun): boolean {
    const process = this.#process
    if (process?.isOpen !== true) return false
    const { given } = process
    if (given.length === 0) return true
    const { times } = this.#parts
    if (given.length >= MAX_IN_FLIGHT || !times.knows(inputs)) return false
    if (!given.every((dispatch) => dispatch.isWanted && times.knows(dispatch.inputs))) return false
    const bytes = given.reduce((sum, dispatch) => sum + dispatch.inputBytes, inputBytes)
    const ms = given.reduce((sum, dispatch) => sum + times.typicalMs(dispatch.inputs), times.typicalMs(inputs))
    return bytes <= MAX_IN_FLIGHT_BYTES && ms <= MAX_IN_FLIGHT_MS
  }

  /** Loads the model, for the first time or after {@link unload}; one that is loaded or about to be is left alone. */
  start(): void {
    if (this.#state === 'unloaded') this.#state = 'starting'
    // One that was let go may still be leaving, and its memory is not free before that: its end starts the next.
    if (this.#state === 'starting' && this.#process === undefined) this.#launch()
  }

  /** What it is given runs on these cores, until it is idle. */
  useCores(cores: CoreHold): void {
    this.#hold = { cores, sinceMs: this.#parts.clock.monotonicMs() }
  }

  allows(priority: Priority): boolean {
    return this.#hold?.cores.allows(priority) ?? true
  }

  /** @param next what its model waits with */
  giveCoresBack(next?: CoreWish): void {
    const hold = this.#hold
    this.#hold = undefined
    hold?.cores.giveBack(this.#parts.clock.monotonicMs() - hold.sinceMs, next)
  }

  run(dispatch: Dispatch): void {
    this.#process?.run(dispatch)
  }

  abandon(run: PendingRun): void {
    this.#process?.abandon(run)
  }

  /** Ends an idle process until {@link start}. */
  unload(graceMs: number): void {
    if (this.#state !== 'ready' || !this.isIdle) return
    this.#state = 'unloaded'
    this.#isUnloading = true
    void this.#process?.stop(graceMs)
  }

  async stop(graceMs: number): Promise<void> {
    this.#state = 'stopped'
    clearTimeout(this.#restartTimer)
    await this.#process?.stop(graceMs)
  }

  #launch(): void {
    const parts = this.#parts
    const packageFd = parts.packageFd()
    if (packageFd === undefined) return
    this.#state = 'starting'
    this.#starts += 1
    const { clock, loadTimeoutMs, times } = parts
    this.#process = new ModelProcess(
      { command: parts.command(), packageFd, load: parts.load(this.#startsCold), loadTimeoutMs, clock, times },
      {
        ready: (report) => this.#becameReady(report),
        answered: () => this.#events.open(this),
        parted: (runs) => this.#events.returned(runs, 'alone'),
        ended: (how, fault, unserved) => this.#processEnded(how, fault, unserved),
      },
    )
  }

  #becameReady(report: SessionReport): void {
    if (this.#state !== 'starting') return
    this.#state = 'ready'
    this.#report = report
    this.#backoff.markReady()
    this.#events.ready(report)
    this.#events.open(this)
  }

  #processEnded(how: string, fault: LoadFault | undefined, unserved: readonly PendingRun[]): void {
    this.#process = undefined
    this.giveCoresBack()
    if (unserved.length > 0) this.#events.returned(unserved, 'as before')
    if (this.#state === 'stopped') return
    if (this.#isUnloading) {
      this.#isUnloading = false
      if (this.#state === 'starting') this.#launch()
      return
    }
    this.#lastFailure = how
    const { log, modelId, loadAttempts } = this.#parts
    log.warn('inference.process-ended', { model: modelId, how, starts: this.#starts })
    // The profile of a graph that loops for long takes more memory than the model: it is loaded without one.
    if (this.#report === undefined) this.#startsCold = true
    const isHopeless = fault !== undefined || this.#starts >= loadAttempts
    if (this.#report === undefined && isHopeless) this.#events.hopeless(how, fault)
    else this.#scheduleRestart(how)
  }

  #scheduleRestart(how: string): void {
    this.#state = 'waiting-to-restart'
    // Requests that wait have timers of their own that keep our process alive; an idle restart need not.
    const delayMs = this.#backoff.nextDelayMs(how === 'deadline' ? 'deadline' : 'failure')
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1
      this.#launch()
    }, delayMs).unref()
  }
}
