import { setTimeout as pause } from 'node:timers/promises'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import type { BenchModel } from './bench-model.ts'
import type { Devices } from './clients.ts'
import type { ImagingLoad } from './imaging-load.ts'
import { askUntil } from './lanes.ts'
import { decisionCall } from './latency.ts'
import { type Latency, latencyOf, percentile, type Timed } from './statistics.ts'

export interface MixedLoadResult {
  readonly bedside: string
  readonly imaging: string
  readonly imagingLanes: number
  readonly idle: Latency
  readonly loaded: Latency
  /** loaded p50 ÷ idle p50, and the same of p99. */
  readonly timesP50: number
  readonly timesP99: number
  /** Answers of the imaging model a second while the bedside asks, and what was turned away in all. */
  readonly imagingPerSecond: number
  readonly imagingRefused: number
  /** Latencies at the shares in `curveShares`. */
  readonly idleCurveMs: readonly number[]
  readonly loadedCurveMs: readonly number[]
}

export interface MixedLoadBench {
  readonly bedside: { readonly model: BenchModel; readonly summary: ModelSummary; readonly devices: Devices }
  readonly imaging: { readonly name: string; readonly load: ImagingLoad }
  readonly imagingLanes: number
  readonly rounds: number
  readonly roundMs: number
}

export const curveShares: readonly number[] = [
  0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1,
]

/** A monitor does not ask again the moment it is answered. */
const BEDSIDE_PAUSE_MS = 10
/** The imaging lanes fill the box before the bedside is timed. */
const FILL_MS = 500

interface Window {
  readonly bedside: Timed
  readonly imaging: Timed
}

/**
 * What the bedside notices of imaging: one device asks again and again, with a short pause, beside nothing and beside lanes that
 * ask an imaging model without a pause, in turn. Percentiles are of all its requests in all rounds.
 */
export async function measureMixedLoad(bench: MixedLoadBench): Promise<MixedLoadResult> {
  const idle: Timed[] = []
  const loaded: Window[] = []
  await ask(bench, bench.roundMs / 4)
  for (let round = 0; round < bench.rounds; round++) {
    idle.push(await ask(bench, bench.roundMs))
    loaded.push(await askBesideImaging(bench))
  }
  return mixedLoadOf(bench, together(idle), loaded)
}

function mixedLoadOf(bench: MixedLoadBench, idle: Timed, windows: readonly Window[]): MixedLoadResult {
  const loaded = together(windows.map(({ bedside }) => bedside))
  const imaging = together(windows.map((window) => window.imaging))
  const [idleLatency, loadedLatency] = [latencyOf(idle), latencyOf(loaded)]
  const curve = ({ tookMs }: Timed) => curveShares.map((share) => percentile(tookMs, share))
  return {
    bedside: bench.bedside.model.name,
    imaging: bench.imaging.name,
    imagingLanes: bench.imagingLanes,
    idle: idleLatency,
    loaded: loadedLatency,
    timesP50: loadedLatency.p50Ms / idleLatency.p50Ms,
    timesP99: loadedLatency.p99Ms / idleLatency.p99Ms,
    imagingPerSecond: latencyOf(imaging).perSecond,
    imagingRefused: imaging.refused,
    idleCurveMs: curve(idle),
    loadedCurveMs: curve(loaded),
  }
}

export function together(windows: readonly Timed[]): Timed {
  return {
    tookMs: windows.flatMap(({ tookMs }) => tookMs),
    elapsedMs: windows.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0),
    refused: windows.reduce((sum, { refused }) => sum + refused, 0),
  }
}

/** One bedside device for so long. */
function ask({ bedside: { model, summary, devices } }: MixedLoadBench, forMs: number): Promise<Timed> {
  const endMs = performance.now() + forMs
  return askUntil(() => performance.now() >= endMs, decisionCall(model, summary, devices), 1, BEDSIDE_PAUSE_MS)
}

async function askBesideImaging(bench: MixedLoadBench): Promise<Window> {
  const halt = bench.imaging.load.go()
  await pause(FILL_MS)
  const bedside = await ask(bench, bench.roundMs)
  return { bedside, imaging: await halt() }
}
