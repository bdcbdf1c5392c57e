import { describe, expect, it } from 'vitest'
import { ContractError } from '../../models/contract/errors.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { spotContract } from '../../models/contract/testkit/contracts.ts'
import { COALITIONS } from '../inference/types.ts'
import { explain } from './explain.ts'

const row = (...data: number[]): Tensors[string] => ({
  dtype: 'float32',
  dims: [1, data.length],
  data: new Float32Array(data),
})
const tensors: Tensors = { parameters: row(1, 2, 3, 4, 5) }

/** Five columns in two groups; the model of these tests adds them up. */
const additive: Contract = {
  ...spotContract,
  explanation: {
    method: 'exact-shapley',
    output: 'aggregate',
    tensor: 'parameters',
    groups: [
      { name: 'first', display: 'First', columns: [0, 1] },
      { name: 'second', display: 'Second', columns: [2, 3, 4] },
    ],
    baseline: [0, 0, 0, 0, 0],
    budgetMs: 100,
  },
}
const assessment = postprocess({ aggregate: row(15), band: row(1), points: row(3, 1, 2, 0) }, spotContract)

async function sums(inputs: Tensors): Promise<Tensors> {
  const { data, dims } = inputs.parameters as { data: Float32Array; dims: readonly number[] }
  const [rows = 0, width = 0] = dims
  const totals = Array.from({ length: rows }, (_, at) =>
    Array.from(data.subarray(at * width, (at + 1) * width)).reduce((sum, value) => sum + value, 0),
  )
  return { aggregate: { dtype: 'float32', dims: [rows, 1], data: new Float32Array(totals) } }
}

const never = () => Promise.reject(new TypeError('the model must not run again'))

describe('an explanation by Shapley values', () => {
  it('gives each group what it added, in the words of the contract', async () => {
    const explanation = await explain(assessment, tensors, additive, sums)
    expect(explanation).toMatchObject({ method: 'exact-shapley', of: 'aggregate', baseline: 0, residual: 0 })
    expect(explanation.contributions).toEqual([
      { name: 'first', display: 'First', value: 3 },
      { name: 'second', display: 'Second', value: 12 },
    ])
  })

  const told = (...data: number[]): Tensors => ({
    [COALITIONS]: { dtype: 'float32', dims: [1, data.length], data: Float32Array.from(data) },
  })

  it('takes what came along with the decision, and runs nothing more', async () => {
    const explanation = await explain(assessment, tensors, additive, never, told(0, 3, 12, 15))
    expect(explanation).toEqual(await explain(assessment, tensors, additive, sums))
  })

  it.each<[string, Tensors]>([
    ['too few', told(0, 3, 12)],
    ['too many', told(0, 3, 12, 15, 15, 15, 15, 15)],
    ['one that is not a number', told(0, Number.NaN, 12, 15)],
    ['one out of range', told(0, 3, 99, 15)],
  ])('is refused when what came along is %s', async (_what, raw) => {
    await expect(explain(assessment, tensors, additive, never, raw)).rejects.toBeInstanceOf(ContractError)
  })

  it('is none when what came along is about another result', async () => {
    expect(await explain(assessment, tensors, additive, never, told(0, 3, 11, 14))).toMatchObject({ method: 'none' })
  })

  it('is none when the contributions do not add up to what was decided', async () => {
    const other = async (inputs: Tensors) => {
      const { aggregate } = await sums(inputs)
      const halves = Array.from(aggregate?.data as Float32Array, (value) => value / 2)
      return { aggregate: { dtype: 'float32' as const, dims: [halves.length, 1], data: new Float32Array(halves) } }
    }
    const explanation = await explain(assessment, tensors, additive, other)
    expect(explanation).toMatchObject({ method: 'none', contributions: [], reason: expect.stringContaining('add up') })
  })

  it.each<[string, (answer: Tensors) => Tensors]>([
    ['one row for the whole batch', () => ({ aggregate: row(15) })],
    ['no such output', () => ({})],
    [
      'a row that is not a number',
      ({ aggregate }) => ({ aggregate: { ...aggregate!, data: new Float32Array([0, Number.NaN, 3, 15]) } }),
    ],
    [
      'a row out of range',
      ({ aggregate }) => ({ aggregate: { ...aggregate!, data: new Float32Array([0, 3, 12, 99]) } }),
    ],
  ])('is refused when the model answers with %s', async (_what, change) => {
    const answer = explain(assessment, tensors, additive, async (inputs) => change(await sums(inputs)))
    await expect(answer).rejects.toBeInstanceOf(ContractError)
  })
})

describe('an explanation by the model itself', () => {
  it('needs no second run and is none when its points do not add up', async () => {
    const fair = postprocess({ aggregate: row(6), band: row(1), points: row(3, 1, 2, 0) }, spotContract)
    const explained = await explain(fair, tensors, spotContract, never)
    expect(explained).toMatchObject({ method: 'model-output', of: 'aggregate', residual: 0 })
    const unfair = postprocess({ aggregate: row(9), band: row(1), points: row(3, 1, 2, 0) }, spotContract)
    expect((await explain(unfair, tensors, spotContract, never)).method).toBe('none')
  })
})
