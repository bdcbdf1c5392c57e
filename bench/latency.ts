import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../runtime/decisions/types.ts'
import { bareBody } from './bare-server.ts'
import { type BenchModel, modelBytes } from './bench-model.ts'
import type { Devices } from './clients.ts'
import { processorMs } from './processor-time.ts'
import { openRawSession } from './raw-session.ts'
import { callsPerRound, type Latency, measureLatency, median, medianLatency, REFUSED } from './statistics.ts'

export interface LatencyResult {
  readonly model: string
  readonly concurrency: number
  readonly requestBytes: number
  /** `session.run` in the bench's process. */
  readonly raw: Latency
  /** The same over mTLS in a server of its own that does nothing else. */
  readonly bareServer: Latency
  readonly decision: Latency
  /** decision p50 − raw p50. */
  readonly addedP50Ms: number
  readonly addedP99Ms: number
  /** decision p50 − bare server p50. */
  readonly overServerP50Ms: number
  readonly overServerP99Ms: number
  /** Decisions a second as a share of raw runs a second, and of the bare server's answers. */
  readonly ofRaw: number
  readonly ofServer: number
  /** Processor time of one answer, in milliseconds: of the bare server, and of the runtime with its workers. Medians of the rounds. */
  readonly bareServerCpuMs: number
  readonly decisionCpuMs: number
  /** Median of each lap inside the runtime, in microseconds. */
  readonly laps: Readonly<Record<string, number>>
  /** decision p50 − the median of all laps together: HTTP, TLS, JSON, the commit, and the client. */
  readonly outsideMs: number
}

/** What a measurement of one model needs around it. */
export interface LatencyBench {
  readonly runtime: Devices
  readonly bareServer: Devices
  readonly runtimePid: number
  readonly bareServerPid: number
  readonly threads: number
  readonly rounds: number
  /** Calls of one round, when they fit into its time. */
  readonly callsPerRound: number
  readonly roundMs: number
}

/**
 * Decision latency over mTLS beside bare `session.run` of the same model file and the same input in this process, and beside a
 * bare server, in alternating rounds so that a machine that slows down slows all of them.
 */
export async function measureDecisions(
  model: BenchModel,
  summary: ModelSummary,
  bench: LatencyBench,
  concurrency: number,
): Promise<LatencyResult> {
  const laps = new Map<string, number[]>()
  const session = await openRawSession(modelBytes(model.draft), model.tensors, bench.threads)
  try {
    const ways = [session.runOnly, bareCall(model, bench.bareServer), decisionCall(model, summary, bench.runtime, laps)]
    const pids = [process.pid, bench.bareServerPid, bench.runtimePid]
    const counts: number[] = []
    for (const way of ways) counts.push(await warmedCount(way, concurrency, bench))
    laps.clear()
    const rounds: Latency[][] = ways.map(() => [])
    const cpuMs: number[][] = ways.map(() => [])
    for (let round = 0; round < bench.rounds; round++) {
      for (const [index, way] of ways.entries()) {
        const beforeMs = processorMs(pids[index] ?? 0)
        const latency = await measureLatency(counts[index] ?? 1, concurrency, way)
        rounds[index]?.push(latency)
        cpuMs[index]?.push((processorMs(pids[index] ?? 0) - beforeMs) / latency.answered)
      }
    }
    const [, bareServerCpuMs = Number.NaN, decisionCpuMs = Number.NaN] = cpuMs.map(median)
    const [raw, bareServer, decision] = rounds.map(medianLatency) as [Latency, Latency, Latency]
    const requestBytes = JSON.stringify(model.body(summary, 0)).length
    const medians = Object.fromEntries([...laps].map(([name, values]) => [name, median(values)]))
    const outsideMs = decision.p50Ms - (medians.totalUs ?? Number.NaN) / 1000
    const figures = { requestBytes, ...compared(raw, bareServer, decision), bareServerCpuMs, decisionCpuMs }
    return { model: model.name, concurrency, ...figures, laps: medians, outsideMs }
  } finally {
    await session.close()
  }
}

/** The figures that say how far one is from the other. */
export function compared(raw: Latency, bareServer: Latency, decision: Latency) {
  return {
    ...{ raw, bareServer, decision },
    addedP50Ms: decision.p50Ms - raw.p50Ms,
    addedP99Ms: decision.p99Ms - raw.p99Ms,
    overServerP50Ms: decision.p50Ms - bareServer.p50Ms,
    overServerP99Ms: decision.p99Ms - bareServer.p99Ms,
    ofRaw: decision.perSecond / raw.perSecond,
    ofServer: decision.perSecond / bareServer.perSecond,
  }
}

type Call = (index: number) => Promise<unknown>

/** Runs each way until it is warm, and finds how many calls of it a round has time for. */
async function warmedCount(way: Call, concurrency: number, bench: LatencyBench): Promise<number> {
  const first = await measureLatency(3, 1, way)
  await measureLatency(callsPerRound(50, concurrency, first.p50Ms, bench.roundMs / 2), concurrency, way)
  const { p50Ms } = await measureLatency(5, 1, way)
  return callsPerRound(bench.callsPerRound, concurrency, p50Ms, bench.roundMs)
}

function bareCall(model: BenchModel, devices: Devices): Call {
  const body = bareBody(model.tensors)
  return async (index) => {
    const { status } = await devices.post(index, `/run/${model.name}`, body)
    if (status !== 200) throw new TypeError(`the bare server answered ${status}`)
  }
}

export function decisionCall(
  model: BenchModel,
  summary: ModelSummary,
  devices: Devices,
  laps?: Map<string, number[]>,
): Call {
  return async (index) => {
    const { status, body } = await devices.post(index, '/v1/decisions', model.body(summary, index))
    if (isTurnedAway(status)) return REFUSED
    if (status !== 200) throw new TypeError(`a decision of ${model.name} got status ${status}: ${codeIn(body)}`)
    const { outcome, timings } = (body as DecisionAnswer).decision
    if (outcome !== 'scored') throw new TypeError(`a decision of ${model.name} was ${outcome}: ${codeIn(body)}`)
    for (const [name, us] of Object.entries(timings)) {
      const known = laps?.get(name)
      if (known === undefined) laps?.set(name, [us])
      else known.push(us)
    }
    return undefined
  }
}

/** Too much at once, or too late to be of use: an answer of the box, and no decision. */
function isTurnedAway(status: number): boolean {
  return status === 429 || status === 503 || status === 504
}

function codeIn(body: unknown): string {
  return JSON.stringify(body).slice(0, 300)
}
