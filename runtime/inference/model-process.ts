import type { Clock } from '../../device/platform/clock.ts'
import { ContractError } from '../../models/contract/errors.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import type { Dispatch } from './dispatch.ts'
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
  /** An answer has come: more may be given. */
  answered(): void
  /** These have to be asked again, each alone: they failed as part of a batch. */
  parted(runs: readonly PendingRun[]): void
  /** Exactly once. `how` is an identifier: `deadline`, `SIGSEGV`, `exit-1`. `unserved` was given and not begun. */
  ended(how: string, fault: LoadFault | undefined, unserved: readonly PendingRun[]): void
}

interface InFlight {
  readonly id: number
  readonly dispatch: Dispatch
}

/**
 * One life of a worker process: it loads, answers what it is given in that order, and ends. Whatever it works on then is
 * answered with the loss; what waits behind that was not begun, and is given back.
 */
export class ModelProcess {
  readonly #events: ProcessEvents
  readonly #clock: Clock
  readonly #times: RunTimes
  readonly #channel: WorkerChannel
  readonly #provider: SessionReport['provider']
  readonly #end = Promise.withResolvers<void>()
  readonly #loadTimer: NodeJS.Timeout
  #ready = false
  /** The first is what the process works on. */
  readonly #inFlight: InFlight[] = []
  /** Since when it works on that. */
  #sinceMs = 0
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

  get isOpen(): boolean {
    return this.#ready && !this.#leaving && this.#killedFor === undefined
  }

  get given(): readonly Dispatch[] {
    return this.#inFlight.map(({ dispatch }) => dispatch)
  }

  /** What is in it needs at least so long. */
  get underWayMs(): number {
    const [first, ...others] = this.#inFlight
    if (first === undefined) return 0
    const least = ({ dispatch }: InFlight) => this.#times.leastMs(dispatch.inputs) ?? 0
    const restMs = Math.max(0, least(first) - (this.#clock.monotonicMs() - this.#sinceMs))
    return others.reduce((sum, other) => sum + least(other), restMs)
  }

  run(dispatch: Dispatch): void {
    this.#lastId += 1
    const id = this.#lastId
    this.#channel.hold(true)
    if (!this.#channel.send({ kind: 'run', id, inputs: dispatch.inputs })) {
      const runs = dispatch.fail(new InferenceError('inference_failed', { about: 'tensors' }))
      if (this.#inFlight.length === 0) this.#channel.hold(false)
      // Not while whoever gives us this is at it.
      queueMicrotask(() => {
        if (runs.length > 0) this.#events.parted(runs)
        this.#events.answered()
      })
      return
    }
    this.#inFlight.push({ id, dispatch })
    if (this.#inFlight.length === 1) this.#begin()
  }

  /** Nobody waits for this request any more. If the process works on it, that has a grace, and then only a kill frees it. */
  abandon(run: PendingRun): void {
    if (this.#inFlight[0]?.dispatch.runs.includes(run)) this.#judgeFirst()
  }

  kill(reason: string): void {
    this.#killedFor ??= reason
    this.#channel.kill()
  }

  /** Lets what the process works on finish within `graceMs`, then ends it. Resolves when the process is gone. */
  stop(graceMs: number): Promise<void> {
    this.#leaving = true
    this.#channel.hold(true)
    // What nobody waits for any more is not waited for here either.
    if (!this.#ready || this.#inFlight[0]?.dispatch.isWanted === false) this.kill('stopped')
    else if (this.#inFlight.length === 0) this.#channel.release()
    const timer = setTimeout(() => this.kill('stopped'), graceMs)
    return this.#end.promise.finally(() => clearTimeout(timer))
  }

  #receive(message: FromWorker | undefined): void {
    // What crosses our kill has nobody waiting for it.
    if (this.#killedFor !== undefined) return
    const id = this.#inFlight[0]?.id
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
    this.#answer((dispatch) => dispatch.fail(runError(fault)))
  }

  #succeed(outputs: Tensors): void {
    const { inputs } = this.#inFlight[0]?.dispatch ?? {}
    if (inputs !== undefined) this.#times.record(inputs, this.#clock.monotonicMs() - this.#sinceMs)
    this.#answer((dispatch) => dispatch.succeed(outputs))
  }

  #answer(settle: (dispatch: Dispatch) => readonly PendingRun[]): void {
    const first = this.#inFlight.shift()
    if (first === undefined) return
    this.#begin()
    const again = settle(first.dispatch)
    if (again.length > 0) this.#events.parted(again)
    if (this.#leaving) {
      // What waits behind it is given back when the process has gone.
      this.#channel.release()
    } else {
      if (this.#inFlight.length === 0) this.#channel.hold(false)
      this.#events.answered()
    }
  }

  /** The process has turned to what is first now. */
  #begin(): void {
    clearTimeout(this.#graceTimer)
    this.#graceTimer = undefined
    this.#sinceMs = this.#clock.monotonicMs()
    this.#judgeFirst()
  }

  /** Does nobody wait for what the process works on? A late answer within the grace frees it. */
  #judgeFirst(): void {
    const late = this.#inFlight[0]
    if (late === undefined || late.dispatch.isWanted || this.#graceTimer !== undefined) return
    const { inputs, deadlineMs } = late.dispatch
    const judge = () => {
      if (this.#inFlight[0] !== late) return
      this.#times.record(inputs, this.#clock.monotonicMs() - this.#sinceMs)
      this.kill('deadline')
    }
    if (this.#leaving) {
      judge()
      return
    }
    // Whoever asked may have left long before the deadline: until then the process is not late.
    const leftMs = Math.max(0, Math.min(deadlineMs - this.#clock.monotonicMs(), MAX_TIMER_MS))
    // An answer that has arrived while we were busy is read before the process is judged.
    const wait = () => setImmediate(judge)
    this.#graceTimer = setTimeout(wait, leftMs + this.#times.graceMs(inputs))
  }

  #ended({ how, outOfMemory }: WorkerEnd): void {
    clearTimeout(this.#loadTimer)
    clearTimeout(this.#graceTimer)
    const reason = this.#killedFor ?? (outOfMemory ? 'out-of-memory' : how)
    // Nothing more can be given, whatever those who are told now do.
    this.#killedFor = reason
    const [first, ...others] = this.#inFlight.splice(0)
    const again = first?.dispatch.fail(new InferenceError(lostCode(this.#leaving, reason))) ?? []
    if (again.length > 0) this.#events.parted(again)
    this.#end.resolve()
    const unserved = others.flatMap(({ dispatch }) => dispatch.runs)
    this.#events.ended(reason, this.#fault, unserved)
  }
}

/** setTimeout takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1 - 60_000

function runError(fault: RunFault): InferenceError | ContractError {
  if (fault.reason === 'output-invalid') return new ContractError('contract_output_invalid', { about: fault.about })
  return new InferenceError(fault.reason === 'out-of-memory' ? 'inference_out_of_memory' : 'inference_failed')
}

function lostCode(leaving: boolean, reason: string) {
  if (leaving) return 'inference_unavailable'
  return reason === 'out-of-memory' ? 'inference_out_of_memory' : 'inference_worker_lost'
}
