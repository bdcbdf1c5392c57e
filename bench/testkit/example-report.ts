import { aimsOf } from '../aims.ts'
import { compared, type LatencyResult } from '../latency.ts'
import { curveShares } from '../mixed-load.ts'
import type { BenchReport } from '../report.ts'
import type { Latency } from '../statistics.ts'

export const latency = (p50Ms: number, perSecond = 1000 / p50Ms): Latency => {
  return { p50Ms, p99Ms: 2 * p50Ms, perSecond, answered: 100, refused: 0 }
}

/** Figures that nobody has measured: each way takes the milliseconds given. */
export function exampleResult(
  model: string,
  concurrency: number,
  ways: readonly [number, number, number],
): LatencyResult {
  const [raw, bareServer, decision] = ways.map((msEach) => latency(msEach)) as [Latency, Latency, Latency]
  const figures = { ...compared(raw, bareServer, decision), bareServerCpuMs: 2, decisionCpuMs: 3 }
  return { model, concurrency, requestBytes: 1000, ...figures, laps: { guardUs: 100, totalUs: 900 }, outsideMs: 1 }
}

export function exampleReport(changes: Partial<BenchReport> = {}): BenchReport {
  const curve = curveShares.map((share) => 1 + share)
  const results = [
    exampleResult('sepsis-risk', 1, [0.1, 1, 1.5]),
    exampleResult('densenet121', 1, [50, 55, 60]),
    exampleResult('densenet121', 16, [50, 55, 60]),
  ]
  const mixedLoad = {
    ...{ bedside: 'news2', imaging: 'densenet121', imagingLanes: 8, idle: latency(2), loaded: latency(3) },
    ...{ timesP50: 1.5, timesP99: 1.5, imagingPerSecond: 20, imagingRefused: 0 },
    ...{ idleCurveMs: curve, loadedCurveMs: curve },
  }
  const starts = [{ what: 'runtime with news2', readyMs: 900, roundsMs: [800, 900, 1000] }]
  return {
    at: '2030-01-01T00:00:00.000Z',
    release: '0.1.0',
    machine: { cores: 2, cpu: 'Example', node: 'v24', loadBefore: 0 },
    form: 'quick',
    leftOut: [],
    latency: results,
    mixedLoad,
    memory: [{ process: 'runtime', residentBytes: 1024 * 1024, proportionalBytes: null }],
    bareServerMemory: [{ process: 'bare server', residentBytes: 1024 * 1024, proportionalBytes: 1024 }],
    starts,
    commits: {
      ...{ group: 32, commitsPerSecond: 1000, rawPerSecond: 4000, ofRaw: 0.25 },
      ...{ singleCommitP50Ms: 1, rawSingleP50Ms: 0.5, pagesOfSingle: 11 },
    },
    packageOpen: { megabytes: 4, openMegabytesPerSecond: 400, opensslMegabytesPerSecond: 4000, timesOpenssl: 10 },
    aims: aimsOf({ latency: results, mixedLoad, starts }),
    ...changes,
  }
}
