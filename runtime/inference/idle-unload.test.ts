import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { IdleWatch, LoadTime } from './idle-unload.ts'

const IDLE_MS = 1000
let clock: FakeClock
let unloads: number
let isIdle: boolean

beforeEach(() => {
  vi.useFakeTimers()
  clock = new FakeClock(0)
  unloads = 0
  isIdle = true
})
afterEach(() => vi.useRealTimers())

function watch(): IdleWatch {
  return new IdleWatch(clock, IDLE_MS, () => {
    if (isIdle) unloads += 1
    return isIdle
  })
}

function pass(ms: number): void {
  clock.advance(ms)
  vi.advanceTimersByTime(ms)
}

describe('a model', () => {
  test('that is asked again and again stays, and goes when it was left alone for long enough', () => {
    const idle = watch()
    for (let round = 0; round < 20; round += 1) {
      pass(IDLE_MS / 2)
      idle.asked()
    }
    expect(unloads).toBe(0)
    pass(IDLE_MS - 1)
    expect(unloads).toBe(0)
    pass(1)
    expect(unloads).toBe(1)
  })

  test('goes once, until it is asked again', () => {
    const idle = watch()
    pass(IDLE_MS)
    pass(10 * IDLE_MS)
    expect(unloads).toBe(1)
    idle.asked()
    pass(IDLE_MS)
    expect(unloads).toBe(2)
  })

  test('that works all the time is looked at again later', () => {
    watch()
    isIdle = false
    pass(IDLE_MS)
    isIdle = true
    pass(IDLE_MS - 1)
    expect(unloads).toBe(0)
    pass(1)
    expect(unloads).toBe(1)
  })

  test('that is stopped is left alone', () => {
    watch().stop()
    pass(10 * IDLE_MS)
    expect(unloads).toBe(0)
  })
})

test('a request waits for a load that can end in time, and no other', () => {
  const load = new LoadTime(clock)
  load.begin()
  // How long it takes is not known yet.
  expect(load.tooLongFor(clock.monotonicMs() + 1)).toBeUndefined()
  clock.advance(400)
  load.end()
  load.begin()
  const startMs = clock.monotonicMs()
  expect(load.tooLongFor(startMs + 399)).toBe(400)
  expect(load.tooLongFor(startMs + 400)).toBeUndefined()
  clock.advance(500)
  expect(load.tooLongFor(clock.monotonicMs() + 1)).toBe(undefined)
  load.end()
  expect(load.tooLongFor(startMs)).toBeUndefined()
})
