import { describe, expect, it } from 'vitest'
import {
  callsPerRound,
  latencyOf,
  measureLatency,
  median,
  medianLatency,
  percentile,
  REFUSED,
  timeCalls,
} from './statistics.ts'

describe('the statistics of the bench', () => {
  it('take the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(percentile(values, 0.5)).toBe(50)
    expect(percentile(values, 0.99)).toBe(99)
    expect(percentile([7], 0.99)).toBe(7)
    expect(percentile([], 0.5)).toBeNaN()
    expect(median([3, 1, 2])).toBe(2)
    expect(median([])).toBeNaN()
  })

  it('call exactly as often as asked, from as many lanes', async () => {
    let running = 0
    let most = 0
    const seen = new Set<number>()
    await measureLatency(50, 8, async (index) => {
      seen.add(index)
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    })
    expect(seen.size).toBe(50)
    expect(most).toBe(8)
  })

  it('leave what was refused out of every figure but its number', async () => {
    const timed = await timeCalls(10, 2, async (index) => (index % 2 === 0 ? REFUSED : index))
    expect(timed.tookMs).toHaveLength(5)
    expect(timed.refused).toBe(5)
    expect(latencyOf({ tookMs: [1, 2, 3], elapsedMs: 1000, refused: 7 })).toEqual({
      p50Ms: 2,
      p99Ms: 3,
      perSecond: 3,
      answered: 3,
      refused: 7,
    })
  })

  it('do not take a round in which all was refused for a fast one', async () => {
    const none = latencyOf({ tookMs: [], elapsedMs: 10, refused: 4 })
    const some = latencyOf({ tookMs: [5], elapsedMs: 10, refused: 0 })
    expect(medianLatency([none, some, none])).toMatchObject({ p50Ms: 5, p99Ms: 5, answered: 1, refused: 8 })
    expect(medianLatency([none]).p50Ms).toBeNaN()
  })

  it('fit calls into the time of a round, one for each lane at least', () => {
    expect(callsPerRound(200, 1, 0.01, 3000)).toBe(200)
    expect(callsPerRound(200, 1, 100, 3000)).toBe(30)
    expect(callsPerRound(200, 64, 100, 3000)).toBe(64)
    expect(callsPerRound(200, 1, 0, 3000)).toBe(200)
  })
})
