import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coalitionRows, playingGroups } from '../../models/contract/coalitions.ts'
import { shapleyValues } from './shapley.ts'

/** The definition itself: the mean marginal gain over all orders of the players. */
function overAllOrders(outputs: readonly number[], count: number): number[] {
  const totals = new Array<number>(count).fill(0)
  let orders = 0
  const walk = (coalition: number, gains: number[]): void => {
    if (coalition === (1 << count) - 1) {
      orders += 1
      for (let player = 0; player < count; player++) totals[player] = totals[player]! + gains[player]!
      return
    }
    for (let player = 0; player < count; player++) {
      if ((coalition >> player) & 1) continue
      const next = [...gains]
      next[player] = outputs[coalition | (1 << player)]! - outputs[coalition]!
      walk(coalition | (1 << player), next)
    }
  }
  walk(0, new Array<number>(count).fill(0))
  return totals.map((total) => total / orders)
}

describe('exact Shapley values', () => {
  it('equal the mean over every order of the players', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 32, maxLength: 32 }),
        (outputs) => {
          const expected = overAllOrders(outputs, 5)
          shapleyValues(outputs, 5).forEach((value, player) => {
            expect(value).toBeCloseTo(expected[player]!, 10)
          })
        },
      ),
      { numRuns: 50 },
    )
  })

  it('add up to the difference between the patient and the baseline, for twelve players', () => {
    const outputs = Array.from({ length: 4096 }, (_, coalition) => Math.sin(coalition * 12.9898) * 0.5)
    const total = shapleyValues(outputs, 12).reduce((sum, value) => sum + value, 0)
    expect(total).toBeCloseTo(outputs[4095]! - outputs[0]!, 9)
  })

  it('leave out groups that equal the baseline and switch whole groups', () => {
    const input = { row: new Float32Array([1, 2, 3, 4]), baseline: [1, 0, 0, 4], groups: [[0], [1, 2], [3]] }
    expect(playingGroups(input)).toEqual([1])
    expect(Array.from(coalitionRows(input, [1]))).toEqual([1, 0, 0, 4, 1, 2, 3, 4])
  })

  it('have nothing to say when nobody plays', () => {
    expect(shapleyValues([0.3], 0)).toEqual([])
  })
})
