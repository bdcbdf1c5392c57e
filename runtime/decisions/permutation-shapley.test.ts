import { describe, expect, test } from 'vitest'
import { coalitionRows } from '../../models/contract/coalitions.ts'
import { type EvaluateRows, type PermutationInput, permutationShapley } from './permutation-shapley.ts'
import { shapleyValues } from './shapley.ts'

type Model = (row: Float32Array) => number

const evaluator =
  (model: Model): EvaluateRows =>
  async (rows, count) => {
    const width = rows.length / count
    return Array.from({ length: count }, (_, at) => model(rows.subarray(at * width, (at + 1) * width)))
  }
const single = (count: number) => Array.from({ length: count }, (_, column) => [column])
const zeros = (count: number) => Array.from({ length: count }, () => 0)

function input(row: readonly number[], changes: Partial<PermutationInput> = {}): PermutationInput {
  const base = { background: [zeros(row.length)], groups: single(row.length), seed: 7, permutations: 16 }
  return { row: Float32Array.from(row), ...base, ...changes }
}

const sum: Model = (row) => row.reduce((total, value) => total + value, 0)
/** Terms of two and three columns, so that the order matters. */
const entangled: Model = (row) => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = row
  return a * b + 2 * b * c * d - e + (a > 0.5 && e > 0.5 ? 1 : 0)
}
const patient = [1, 2, 0.5, 3, 0.75]

describe('sampled Shapley values', () => {
  test('are exact for a model without interplay, whatever is drawn, with no error', async () => {
    const { values, standardErrors, baseline } = await permutationShapley(input([1, 2, 3]), evaluator(sum))
    expect(values).toEqual([1, 2, 3])
    expect([standardErrors, baseline]).toEqual([[0, 0, 0], 0])
  })

  test('are exact for pairs after one order: what one walk gives the first, the other gives the second', async () => {
    const product: Model = ([a = 0, b = 0]) => a * b
    const { values } = await permutationShapley(input([2, 3], { permutations: 2 }), evaluator(product))
    expect(values).toEqual([3, 3])
  })

  test('come to the exact ones, as near as their standard error says, and add up always', async () => {
    const shape = { row: Float32Array.from(patient), baseline: zeros(5), groups: single(5) }
    const outputs = await evaluator(entangled)(coalitionRows(shape, [0, 1, 2, 3, 4]) as Float32Array<ArrayBuffer>, 32)
    const exact = shapleyValues(outputs, 5)
    for (const seed of [0, 1, 2, 3]) {
      const sampled = await permutationShapley(input(patient, { seed, permutations: 400 }), evaluator(entangled))
      for (const [group, value] of sampled.values.entries())
        expect(Math.abs(value - (exact[group] ?? 0))).toBeLessThan(5 * (sampled.standardErrors[group] ?? 0) + 1e-9)
      const total = sampled.values.reduce((all, value) => all + value, 0)
      expect(total).toBeCloseTo(entangled(Float32Array.from(patient)) - sampled.baseline, 9)
    }
  })

  test('are the same for the same seed, to the last bit, and others for another', async () => {
    const first = await permutationShapley(input(patient), evaluator(entangled))
    expect(await permutationShapley(input(patient), evaluator(entangled))).toEqual(first)
    expect((await permutationShapley(input(patient, { seed: 8 }), evaluator(entangled))).values).not.toEqual(
      first.values,
    )
  })

  test('stand against the mean of several background rows', async () => {
    const background = [
      [0, 0, 0],
      [2, 2, 2],
    ]
    const sampled = await permutationShapley(input([1, 5, 2], { background }), evaluator(sum))
    expect(sampled.baseline).toBe(3)
    expect(sampled.values).toEqual([0, 4, 1])
  })

  test('give a group that does not differ nothing, and ask nothing for it', async () => {
    let rows = 0
    const counting: EvaluateRows = (data, count) => {
      rows += count
      return evaluator(entangled)(data, count)
    }
    const { values } = await permutationShapley(input([1, 2, 0, 0, 0], { permutations: 2 }), counting)
    expect(values.slice(2)).toEqual([0, 0, 0])
    // Background, patient, and one step between them for each of two orders, both ways.
    expect(rows).toBe(1 + 1 + 4)
  })

  test('send wide rows in several batches', async () => {
    const width = 4000
    const sizes: number[] = []
    const wide: EvaluateRows = (data, count) => {
      sizes.push(data.length)
      return evaluator(sum)(data, count)
    }
    const groups = Array.from({ length: 256 }, (_, group) =>
      Array.from({ length: width }, (_, at) => at).filter((at) => at % 256 === group),
    )
    const row = Array.from({ length: width }, () => 1)
    const { values } = await permutationShapley(input(row, { groups, permutations: 2 }), wide)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000_000)
    expect(values.every((value) => value === 15 || value === 16)).toBe(true)
  })
})
