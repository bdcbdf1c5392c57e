import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { DrainRate } from './drain-rate.ts'
import { reconnectDelayMs } from './reconnect.ts'

describe('reconnecting', () => {
  it('waits longer each time, up to the limit, never less than half, and not in step with others', () => {
    const delays = [1, 2, 3, 10, 1000].map((failures) =>
      Array.from({ length: 200 }, () => reconnectDelayMs(failures, 60_000, systemRandomness)),
    )
    const range = delays.map((list) => [Math.min(...list), Math.max(...list)])
    const whole = [500, 1000, 2000, 60_000, 60_000]
    range.forEach(([least = 0, most = 0], index) => {
      expect(least).toBeGreaterThanOrEqual((whole[index] ?? 0) / 2)
      expect(most).toBeLessThan(whole[index] ?? 0)
    })
    expect(new Set(delays[4]).size).toBeGreaterThan(190)
  })
})

describe('the drain', () => {
  it('lets no more pass than its rate, after a first second of it', () => {
    const rate = new DrainRate(100, 0)
    let sent = 0
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 10) {
      const records = rate.available(nowMs)
      rate.take(records)
      sent += records
    }
    expect(sent).toBe(1100)
  })

  it('has no more at the lowest rate either, and is not confused by a clock that stands', () => {
    const rate = new DrainRate(2, 0)
    expect(rate.available(0)).toBe(2)
    rate.take(2)
    expect([rate.available(0), rate.available(-5), rate.available(2000)]).toEqual([0, 0, 2])
  })
})
