import { describe, expect, it } from 'vitest'
import { verifyContract } from './consistency.ts'
import type { Contract, ExplanationSpec } from './schema.ts'
import { changed, hourlyContract } from './testkit/contracts.ts'

type Sampled = Extract<ExplanationSpec, { method: 'permutation-shapley' }>

const sampled: Sampled = {
  method: 'permutation-shapley',
  output: 'risk',
  tensor: 'features',
  groups: [
    { name: 'heart', display: 'Heart', columns: [0, 3] },
    { name: 'others', display: 'Others', columns: [1, 2, 4, 5] },
  ],
  background: [
    [0, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1],
  ],
  seed: 1,
  permutations: 8,
  budgetMs: 100,
}
const contractWith = (change: Partial<Sampled>): Contract =>
  changed(hourlyContract, { explanation: { ...sampled, ...change } })

describe('a sampled explanation', () => {
  it('that fits its contract is taken', () => {
    expect(() => verifyContract(contractWith({}))).not.toThrow()
  })

  it.each<[string, Partial<Sampled>, string]>([
    ['a background row of another width', { background: [[0, 0, 0, 0, 0, 0], [1]] }, 'explanation.background.1'],
    [
      'a column in no group',
      { groups: sampled.groups.map((g) => ({ ...g, columns: g.columns.slice(1) })) },
      'explanation.groups.columns',
    ],
    ['a group twice', { groups: sampled.groups.map((g) => ({ ...g, name: 'heart' })) }, 'explanation.groups.name'],
    ['another tensor', { tensor: 'other' }, 'explanation.tensor'],
    ['an output that is none', { output: 'other' }, 'explanation.output'],
    ['a budget beyond the deadline', { budgetMs: 5000 }, 'explanation.budgetMs'],
  ])('with %s is not', (_, change, about) => {
    const verify = () => verifyContract(contractWith(change))
    expect(verify).toThrow(expect.objectContaining({ code: 'contract_inconsistent', about }))
  })

  it('has an end: orders times groups times background rows times columns', () => {
    const columns = Array.from({ length: 2000 }, (_, column) => column)
    const width = columns.length
    const groups = columns.slice(0, 200).map((start) => ({
      ...{ name: `g${start}`, display: 'G', columns: columns.filter((column) => column % 200 === start) },
    }))
    const inputs = columns.slice(0, 200).map((index) => ({ ...hourlyContract.inputs[0], name: `i${index}` }))
    const wide = {
      inputs: [...inputs, hourlyContract.inputs[3]],
      preprocessing: [
        { op: 'observe', version: 1, inputs: inputs.map(({ name }) => name), hours: 1, to: 'a' },
        { op: 'fill', version: 1, from: 'a', to: 'b', values: inputs.map(() => 0) },
        { op: 'concatenate', version: 1, from: Array.from({ length: 10 }, () => 'b'), to: 'c' },
        { op: 'tensor', version: 1, from: 'c', tensor: 'features' },
      ],
    } as unknown as Partial<Contract>
    const of = (permutations: number) =>
      changed(hourlyContract, {
        ...wide,
        explanation: { ...sampled, groups, background: [columns.map(() => 0)], permutations },
      })
    expect(2 * 250 * 200 * width).toBe(200_000_000)
    expect(() => verifyContract(of(250))).not.toThrow()
    expect(() => verifyContract(of(251))).toThrow(expect.objectContaining({ about: 'explanation.permutations' }))
  })
})
