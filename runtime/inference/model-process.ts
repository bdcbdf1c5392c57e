import type { Clock } from '../../device/platform/clock.ts'
import { ContractError } from '../../models/contract/errors.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { InferenceError } from './errors.ts'
import type { WorkerEnd } from './isolated-child.ts'
import type { WorkerCommand } from './isolation.ts'
import type { FromWorker, LoadMessage, RunFault } from './protocol.ts'
import type { PendingRun } from './request-queue.ts'
import type { RunTimes } from './run-times.ts'
import type { SessionReport } from './types.ts'
import { launchWorker, type WorkerChannel } from './worker-launch.ts'

export interface ProcessStart {
  readonly command: WorkerCommand
  readonly packageFd: number
  readonly load: LoadMessage
  /** A session that is not made by then never will be. */
  readonly loadTimeoutMs: number
  readonly clock: Clock
  /** Read and written: how long this model takes outlives a process. */
  readonly times: RunTimes
}

/** What the process itself said about a model that it cannot load: the package or the model is at fault, not the machine. */
export type LoadFault = Omit<Extract<FromWorker, { kind: 'load-failed' }>, 'kind'>

export interface ProcessEvents {
  ready(provider: SessionReport): void
  /** The last request has its answer; another may be given. */
  idle(): void
  /** Exactly once. `how` is an identifier: `deadline`, `SIGSEGV`, `exit-1`. */
  ended(how: string, fault: LoadFault | undefined): void
}

/** One life of a worker process: it loads, answers one request at a time, and ends. Whoever is in it then is answered. */
export class ModelProcess {
  readonly #events: ProcessEvents
  readonly #clock: Clock
  readonly #times: RunTimes
  readonly #channel: WorkerChannel
  readonly #provider: SessionReport['provider']
  readonly #end = Promise.withResolvers<void>()
  readonly #loadTimer: NodeJS.Timeout
  #ready = false
  #inFlight: { readonly id: number; readonly run: PendingRun; readonly startedMs: number } | undefined
  #lastId = 0
  #graceTimer: NodeJS.Timeout | undefined
  #leaving = false
  /** Why we ended it ourselves, if we did. */
  #killedFor: string | undefined
  #fault: LoadFault | undefined

  constructor(start: ProcessStart, events: ProcessEvents) {
    this.#events = events
    this.#clock = start.clock
    this.#times = start.times
    this.#loadTimer = setTimeout(() => this.kill('load-timeout'), start.loadTimeoutMs).unref()
    this.#channel = launchWorker(start.command, start.packageFd, {
      message: (message) => this.#receive(message),
      ended: (end) => this.#ended(end),
    })
    this.#provider = start.load.provider
    // Inputs larger than the channel takes: it starts cold.
    if (!this.#channel.send(start.load)) this.#channel.send({ ...start.load, warmUp: {} })
  }

  get pid(): number | undefined {
    return this.#channel.pid
  }

  get canRun(): boolean {
    return this.#ready && this.#inFlight === undefined && !this.#leaving && this.#killedFor === undefined
  }

  run(run: PendingRun): void {
    this.#lastId += 1
    this.#inFlight = { id: this.#lastId, run, startedMs: this.#clock.monotonicMs() }
    this.#channel.hold(true)
    const isSent = this.#channel.send({ kind: 'run', id: this.#lastId, inputs: run.inputs })
    if (!isSent) this.#answer((pending) => pending.reject(new InferenceError('inference_failed', { about: 'tensors' })))
  }

  /**
   * The request was answered by its deadline. If it is the one in the process, it has a grace in which a late answer
   * frees the process; then only a kill does.
   */
  abandon(run: PendingRun): void {
    const late = this.#inFlight
    if (late?.run !== run) return
    const judge = () => {
      if (this.#inFlight !== late) return
      this.#times.record(run.inputs, this.#clock.monotonicMs() - late.startedMs)
      this.kill('deadline')
    }
    // An answer that has arrived while we were busy is read before the process is judged.
    const wait = () => setImmediate(judge)
    if (this.#leaving) judge()
    else this.#graceTimer = setTimeout(wait, this.#times.graceMs(run.inputs))
  }

  kill(reason: string): void {
    this.#killedFor ??= reason
    this.#channel.kill()
  }

  /** Lets the request in the process finish within `graceMs`, then ends it. Resolves when the process is gone. */
  stop(graceMs: number): Promise<void> {
    this.#leaving = true
    this.#channel.hold(true)
    // One whose answer nobody waits for any more is not waited for here either.
    if (!this.#ready || this.#graceTimer !== undefined) this.kill('stopped')
    else if (this.#inFlight === undefined) this.#channel.release()
    const timer = setTimeout(() => this.kill('stopped'), graceMs)
    return this.#end.promise.finally(() => clearTimeout(timer))
  }

  #receive(message: FromWorker | undefined): void {
    // What crosses our kill has nobody waiting for it.
    if (this.#killedFor !== undefined) return
    const id = this.#inFlight?.id
    if (message?.kind === 'ready' && this.#isAsked(message.provider)) this.#becomeReady(message.provider)
    else if (message?.kind === 'load-failed' && !this.#ready) this.#loadFailed(message)
    else if (message?.kind === 'result' && message.id === id) this.#succeed(message.outputs)
    else if (message?.kind === 'run-failed' && message.id === id) this.#runFailed(message)
    else this.kill('protocol-broken')
  }

  /** Once, and on the provider that was asked for. */
  #isAsked({ provider }: SessionReport): boolean {
    return !this.#ready && provider === this.#provider
  }

  #becomeReady(provider: SessionReport): void {
    clearTimeout(this.#loadTimer)
    this.#ready = true
    this.#channel.hold(false)
    this.#events.ready(provider)
  }

  #loadFailed({ stage, code }: LoadFault): void {
    this.#fault = { stage, code }
    this.kill('load-failed')
  }

  #runFailed(fault: RunFault): void {
    // Native code seldom unwinds cleanly from a failed allocation, and its arena keeps what it got: begin afresh.
    if (fault.reason === 'out-of-memory') this.kill('out-of-memory')
    this.#answer((run) => run.reject(runError(fault)))
  }

  #succeed(outputs: Tensors): void {
    const { run, startedMs } = this.#inFlight ?? {}
    if (run !== undefined && startedMs !== undefined)
      this.#times.record(run.inputs, this.#clock.monotonicMs() - startedMs)
    this.#answer((pending) => pending.resolve(outputs))
  }

  #answer(settle: (run: PendingRun) => void): void {
    if (this.#inFlight === undefined) return
    const { run } = this.#inFlight
    this.#endRun()
    settle(run)
    if (this.#leaving) {
      this.#channel.release()
    } else {
      this.#channel.hold(false)
      this.#events.idle()
    }
  }

  #endRun(): void {
    clearTimeout(this.#graceTimer)
    this.#graceTimer = undefined
    this.#inFlight = undefined
  }

  #ended({ how, outOfMemory }: WorkerEnd): void {
    clearTimeout(this.#loadTimer)
    const reason = this.#killedFor ?? (outOfMemory ? 'out-of-memory' : how)
    this.#inFlight?.run.reject(new InferenceError(lostCode(this.#leaving, reason)))
    this.#endRun()
    this.#end.resolve()
    this.#events.ended(reason, this.#fault)
  }
}

function runError(fault: RunFault): InferenceError | ContractError {
  if (fault.reason === 'output-invalid') return new ContractError('contract_output_invalid', { about: fault.about })
  return new InferenceError(fault.reason === 'out-of-memory' ? 'inference_out_of_memory' : 'inference_failed')
}

function lostCode(leaving: boolean, reason: string) {
  if (leaving) return 'inference_unavailable'
  return reason === 'out-of-memory' ? 'inference_out_of_memory' : 'inference_worker_lost'
}
