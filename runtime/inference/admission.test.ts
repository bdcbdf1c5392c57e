import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Chances, isHopeless, retryAfterMs } from './admission.ts'

const ms = fc.integer({ min: 0, max: 10_000 })
const chances: fc.Arbitrary<Chances> = fc.record({
  leftMs: ms,
  ownMs: ms,
  aheadMs: ms,
  underWayMs: ms,
  servers: fc.integer({ min: 1, max: 8 }),
})

test('what finds nothing before it is taken, however slow it was the last time', () => {
  fc.assert(fc.property(chances, (one) => !isHopeless({ ...one, aheadMs: 0, underWayMs: 0 })))
})

test('what could still be in time is never refused', () => {
  fc.assert(
    fc.property(chances, (one) => {
      // As if all that is before it were spread evenly over all processes.
      const doneMs = (one.aheadMs + one.underWayMs) / one.servers + one.ownMs
      return doneMs > one.leftMs || !isHopeless(one)
    }),
  )
})

test('more time, or more processes, never makes it hopeless', () => {
  fc.assert(
    fc.property(chances, ms, (one, more) => {
      const better = { ...one, leftMs: one.leftMs + more, servers: one.servers + 1 }
      return isHopeless(one) || !isHopeless(better)
    }),
  )
})

test('when to come again is between one second and thirty', () => {
  expect(retryAfterMs(0, 1)).toBe(1000)
  expect(retryAfterMs(8000, 2)).toBe(4000)
  expect(retryAfterMs(1e9, 1)).toBe(30_000)
})
