import { describe, expect, it } from 'vitest'
import { measureLatency, percentile } from './statistics.ts'

describe('the statistics of the bench', () => {
  it('take the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(percentile(values, 0.5)).toBe(50)
    expect(percentile(values, 0.99)).toBe(99)
    expect(percentile([7], 0.99)).toBe(7)
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
})
