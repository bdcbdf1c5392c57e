import { expect, test } from 'vitest'
import { RestartBackoff } from './restart-backoff.ts'

const settings = { firstMs: 50, capMs: 10_000, stableMs: 10_000 }

function backoffAt() {
  const time = { ms: 0 }
  const clock = { nowMs: () => time.ms, monotonicMs: () => time.ms }
  return { time, backoff: new RestartBackoff(clock, settings) }
}

test('each wait is twice the one before, up to the cap', () => {
  const { backoff } = backoffAt()
  const delays = Array.from({ length: 10 }, () => backoff.nextDelayMs())
  expect(delays).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
})

test('a process that was ready for the stable period starts the count again', () => {
  const { time, backoff } = backoffAt()
  backoff.nextDelayMs()
  backoff.nextDelayMs()
  backoff.markReady()
  time.ms += settings.stableMs
  expect(backoff.nextDelayMs()).toBe(50)
  expect(backoff.nextDelayMs()).toBe(100)
})

test('a process that was ready for less, or never, does not', () => {
  const { time, backoff } = backoffAt()
  backoff.nextDelayMs()
  backoff.markReady()
  time.ms += settings.stableMs - 1
  expect(backoff.nextDelayMs()).toBe(100)
  time.ms += settings.stableMs * 10
  expect(backoff.nextDelayMs()).toBe(200)
})

test('a process ended at a deadline is replaced soon, and does not count', () => {
  const { backoff } = backoffAt()
  expect(Array.from({ length: 10 }, () => backoff.nextDelayMs('deadline'))).toEqual(Array(10).fill(50))
  expect(backoff.nextDelayMs()).toBe(50)
  expect(backoff.nextDelayMs('deadline')).toBe(50)
  expect(backoff.nextDelayMs()).toBe(100)
})
