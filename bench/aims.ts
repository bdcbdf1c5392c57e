import type { LatencyResult } from './latency.ts'
import type { MixedLoadResult } from './mixed-load.ts'
import type { StartResult } from './start.ts'

/** One promise about speed, beside what this run measured. */
export interface Aim {
  readonly aim: string
  readonly measured: number
  readonly unit: 'ms' | 'times'
  readonly bound: 'at most' | 'at least'
  readonly limit: number
  readonly isMet: boolean
}

/** A model whose own run takes so long is bound by the run, not by what is around it. */
const LONG_RUN_MS = 5

export interface Measured {
  readonly latency: readonly LatencyResult[]
  readonly mixedLoad: MixedLoadResult
  readonly starts: readonly StartResult[]
}

/** The aims that this run says something about. One that was not measured is not in the list, and none is met by NaN. */
export function aimsOf({ latency, mixedLoad, starts }: Measured): Aim[] {
  return [
    ...latency.filter(({ model, concurrency }) => model === 'sepsis-risk' && concurrency === 1).flatMap(latencyAims),
    ...latency.flatMap((result) => throughputAims(result, latency)),
    atMost(`${mixedLoad.bedside} p99 under full imaging load, of the idle box's`, mixedLoad.timesP99, 'times', 2),
    ...starts
      .filter(({ what }) => what.startsWith('runtime'))
      .map(({ what, readyMs }) => atMost(`start to ready: ${what.replace(/ \(.*/, '')}`, readyMs, 'ms', 2000)),
  ]
}

function latencyAims({ model, addedP50Ms, addedP99Ms, overServerP50Ms, overServerP99Ms }: LatencyResult): Aim[] {
  return [
    atMost(`${model}, one lane: p50 over raw session.run`, addedP50Ms, 'ms', 2),
    atMost(`${model}, one lane: p99 over raw session.run`, addedP99Ms, 'ms', 8),
    atMost(`${model}, one lane: p50 over the bare server`, overServerP50Ms, 'ms', 2),
    atMost(`${model}, one lane: p99 over the bare server`, overServerP99Ms, 'ms', 8),
  ]
}

/** Throughput counts where the box is full: from the second number of lanes on. */
function throughputAims({ model, concurrency, ofServer, ofRaw }: LatencyResult, all: readonly LatencyResult[]): Aim[] {
  const alone = all.find((other) => other.model === model && other.concurrency === 1)
  if (concurrency === 1 || alone === undefined || !(alone.raw.p50Ms >= LONG_RUN_MS)) return []
  const beside = atLeast(`${model}, ${concurrency} lanes: throughput of the bare server's`, ofServer, 0.9)
  if (model !== 'densenet121') return [beside]
  return [beside, atLeast(`${model}, ${concurrency} lanes: throughput of raw`, ofRaw, 0.95)]
}

function atMost(aim: string, measured: number, unit: Aim['unit'], limit: number): Aim {
  return { aim, measured, unit, bound: 'at most', limit, isMet: measured <= limit }
}

function atLeast(aim: string, measured: number, limit: number): Aim {
  return { aim, measured, unit: 'times', bound: 'at least', limit, isMet: measured >= limit }
}
