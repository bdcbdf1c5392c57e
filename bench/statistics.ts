/** p in 0…1 of the values by the nearest-rank method. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly perSecond: number
}

/**
 * Runs `once` `count` times from `concurrency` lanes and reports how long each took.
 * @param once gets the running number of the call
 */
export async function measureLatency(
  count: number,
  concurrency: number,
  once: (index: number) => Promise<unknown>,
): Promise<Latency> {
  const tookMs: number[] = []
  let next = 0
  const lane = async () => {
    while (next < count) {
      const index = next++
      const startedMs = performance.now()
      await once(index)
      tookMs.push(performance.now() - startedMs)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, lane))
  const perSecond = count / ((performance.now() - startedMs) / 1000)
  return { p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99), perSecond }
}
