import { expect, test } from 'vitest'
import { RunTimes } from './run-times.ts'

const rows = (count: number) => ({
  x: { dtype: 'float32', dims: [count, 2], data: new Float32Array(count * 2) } as const,
})

test('what is typical follows the runs, each size for itself', () => {
  const times = new RunTimes()
  expect(times.typicalMs(rows(1))).toBe(0)
  times.record(rows(1), 1)
  times.record(rows(512), 100)
  for (let run = 0; run < 30; run += 1) times.record(rows(1), 3)
  expect(times.typicalMs(rows(1))).toBeCloseTo(3, 1)
  expect(times.typicalMs(rows(512))).toBe(100)
})

test('a size not seen takes at least as long as a smaller one', () => {
  const times = new RunTimes()
  times.record(rows(8), 40)
  expect(times.typicalMs(rows(1))).toBe(0)
  expect(times.typicalMs(rows(4096))).toBe(40)
})

test('a batch is not begun with the time of a single row left, and the row is', () => {
  const times = new RunTimes()
  times.record(rows(1), 1)
  times.record(rows(512), 100)
  expect(times.allows(rows(512), 50)).toBe(false)
  expect(times.allows(rows(1), 50)).toBe(true)
  expect(times.allows(rows(512), 150)).toBe(true)
})

test.each([512, 4096])('an estimate that lets nothing through fades, also for %s rows', (count) => {
  const times = new RunTimes()
  times.record(rows(512), 5000)
  let refused = 0
  while (!times.allows(rows(count), 1000)) refused += 1
  expect(refused).toBeGreaterThan(5)
  expect(refused).toBeLessThan(30)
})

test('the grace is four times what is typical, within bounds', () => {
  const times = new RunTimes()
  expect(times.graceMs(rows(1))).toBe(250)
  times.record(rows(1), 200)
  expect(times.graceMs(rows(1))).toBe(800)
  times.record(rows(512), 60_000)
  expect(times.graceMs(rows(512))).toBe(5000)
})

test('a scalar is one row, and nothing at all is too', () => {
  const times = new RunTimes()
  times.record({}, 7)
  expect(times.typicalMs({ size: { dtype: 'int64', dims: [], data: BigInt64Array.of(1n) } })).toBe(7)
  expect(times.typicalMs({ none: { dtype: 'float32', dims: [0], data: new Float32Array(0) } })).toBe(7)
})
