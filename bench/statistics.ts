/** p in 0…1 of the values by the nearest-rank method. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN
}

/** The middle one; of an even number the upper of the two. NaN of none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers a second; what was refused is none. */
  readonly perSecond: number
  /** How many were answered, and how many refused: those are in no figure but this. */
  readonly answered: number
  readonly refused: number
}

/** What a call resolves with that was turned away: its time says nothing about an answer. */
export const REFUSED = Symbol('refused')

export interface Timed {
  readonly tookMs: readonly number[]
  readonly elapsedMs: number
  readonly refused: number
}

/**
 * Runs `once` `count` times from `concurrency` lanes and reports how long each took.
 * @param once gets the running number of the call; REFUSED when there was no answer to time
 */
export async function timeCalls(
  count: number,
  concurrency: number,
  once: (index: number) => Promise<unknown>,
): Promise<Timed> {
  const tookMs: number[] = []
  let next = 0
  let refused = 0
  const lane = async () => {
    while (next < count) {
      const index = next++
      const startedMs = performance.now()
      const answer = await once(index)
      if (answer === REFUSED) refused += 1
      else tookMs.push(performance.now() - startedMs)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, lane))
  return { tookMs, elapsedMs: performance.now() - startedMs, refused }
}

export function latencyOf({ tookMs, elapsedMs, refused }: Timed): Latency {
  return {
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    perSecond: (1000 * tookMs.length) / elapsedMs,
    answered: tookMs.length,
    refused,
  }
}

/** @param once as `timeCalls` has it */
export async function measureLatency(
  count: number,
  concurrency: number,
  once: (index: number) => Promise<unknown>,
): Promise<Latency> {
  return latencyOf(await timeCalls(count, concurrency, once))
}

/** The median of each figure over rounds, and the sum of what was counted. */
export function medianLatency(rounds: readonly Latency[]): Latency {
  const of = (key: keyof Latency) => median(rounds.map((round) => round[key]).filter((value) => !Number.isNaN(value)))
  const sum = (key: keyof Latency) => rounds.reduce((total, round) => total + round[key], 0)
  const counted = { answered: sum('answered'), refused: sum('refused') }
  return { p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), perSecond: of('perSecond'), ...counted }
}

/**
 * How many calls one round makes: as many as asked for while they fit into the time, and never fewer than one for each lane.
 * @param callMs what one call takes when it is alone
 */
export function callsPerRound(asked: number, concurrency: number, callMs: number, roundMs: number): number {
  const fitting = Math.floor(roundMs / Math.max(callMs, 0.001))
  return Math.max(concurrency, Math.min(asked, fitting))
}
