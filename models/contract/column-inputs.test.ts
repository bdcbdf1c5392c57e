import { expect, it } from 'vitest'
import { sepsisRiskContract } from '../sepsis-risk/contract.ts'
import { columnInputs } from './column-inputs.ts'
import { changed, hourlyContract } from './testkit/contracts.ts'

const base = { version: 1 } as const

it('follows each column back to its input, through every step that moves columns', () => {
  const contract = changed(hourlyContract, {
    preprocessing: [
      { op: 'observe', ...base, inputs: ['heart-rate', 'temperature', 'lactate'], hours: 3, to: 'a' },
      { op: 'mask', ...base, from: 'a', to: 'b' },
      { op: 'select', ...base, from: 'a', to: 'c', columns: [2, 0] },
      { op: 'stack', ...base, from: 'c', to: 'd', rows: 2, beyond: 0 },
      { op: 'concatenate', ...base, from: ['d', 'b'], to: 'e' },
      { op: 'last-row', ...base, from: 'e', to: 'f' },
      { op: 'tensor', ...base, from: 'f', tensor: 'features' },
    ],
  })
  expect(columnInputs(contract, 'features')).toEqual([
    ...['lactate', 'heart-rate', 'lactate', 'heart-rate'],
    ...['heart-rate', 'temperature', 'lactate'],
  ])
  expect(columnInputs(contract, 'other')).toBeUndefined()
})

it('names every column of a model that explains itself by groups', () => {
  const { explanation, inputs } = sepsisRiskContract
  const columns = columnInputs(sepsisRiskContract, 'features') ?? []
  const names = inputs.map(({ name }) => name)
  expect(explanation.method === 'exact-shapley' ? columns.length : 0).toBe(
    explanation.method === 'exact-shapley' ? explanation.groups.flatMap((group) => group.columns).length : 1,
  )
  expect(columns.filter((name) => !names.includes(name))).toEqual([])
})
