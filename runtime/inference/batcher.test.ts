import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Tensors } from '../../models/contract/tensor.ts'
import { isAlike, isRow, joinRows, planBatch, splitRows } from './batcher.ts'

const row = (numbers: readonly number[], flag: number): Tensors => ({
  x: { dtype: 'float32', dims: [1, numbers.length], data: Float32Array.from(numbers) },
  id: { dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(flag)) },
})

test('rows that were put together come apart as they were', () => {
  const rows = fc.array(fc.tuple(fc.array(fc.float(), { minLength: 3, maxLength: 3 }), fc.integer()), {
    minLength: 1,
    maxLength: 20,
  })
  fc.assert(
    fc.property(rows, (list) => {
      const parts = list.map(([numbers, flag]) => row(numbers, flag))
      const joined = joinRows(parts)
      expect(joined.x?.dims).toEqual([list.length, 3])
      expect(splitRows(joined, list.length)).toEqual(parts)
    }),
  )
})

test('an answer that is not a row for each does not come apart', () => {
  const sum = { y: { dtype: 'float32', dims: [1], data: Float32Array.of(1) } } as const
  expect(splitRows(sum, 2)).toBeUndefined()
  expect(splitRows({ y: { dtype: 'float32', dims: [], data: Float32Array.of(1) } }, 2)).toBeUndefined()
})

test('a row taken apart does not keep the others in memory', () => {
  const [first] = splitRows(joinRows([row([1, 2, 3], 1), row([4, 5, 6], 2)]), 2) ?? []
  expect(first?.x?.data.buffer.byteLength).toBe(12)
})

test('only one row of the same names, types and dimensions goes with another', () => {
  const one = row([1, 2], 0)
  expect(isAlike(one, row([3, 4], 9))).toBe(true)
  expect(isAlike(one, row([3, 4, 5], 9))).toBe(false)
  expect(isAlike(one, { x: one.x! })).toBe(false)
  expect(isAlike(one, { ...one, id: { dtype: 'int32', dims: [1], data: Int32Array.of(1) } })).toBe(false)
  expect(isRow(one)).toBe(true)
  expect(isRow(joinRows([one, one]))).toBe(false)
  expect(isRow({ s: { dtype: 'float32', dims: [], data: Float32Array.of(1) } })).toBe(false)
  expect(isRow({})).toBe(false)
})

test('a batch is one of the sizes, no larger than what waits, and nobody waits longer than the package says', () => {
  const sizes = fc.uniqueArray(fc.integer({ min: 1, max: 32 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.nat(20),
      sizes,
      fc.nat(10),
      (waiting, waitedMs, list, maxWaitMs) => {
        const plan = planBatch(waiting, waitedMs, { sizes: list, maxWaitMs })
        if (plan.take === undefined) {
          expect(waitedMs + plan.waitMs).toBe(maxWaitMs)
          expect(waiting).toBeLessThan(Math.max(...list))
        } else {
          expect(plan.take).toBeLessThanOrEqual(waiting)
          expect([1, ...list]).toContain(plan.take)
          // No larger size would have been filled.
          expect(list.filter((size) => size <= waiting).every((size) => size <= plan.take)).toBe(true)
        }
      },
    ),
  )
})
