import { expect, it } from 'vitest'
import { unitText, valueText } from './value-text.ts'

it('a unit is written behind its value, and one that says nothing is not', () => {
  expect(['/min', 'mm[Hg]', 'mg{fibrinogen}/dL'].map(unitText)).toEqual([' /min', ' mm[Hg]', ' mg{fibrinogen}/dL'])
  expect(['1', '', '{score}', null, undefined].map(unitText)).toEqual(['', '', '', '', ''])
})

it('a tensor is its shape', () => {
  expect(valueText({ dtype: 'float32', dims: [1, 3, 8] })).toBe('float32 [1 × 3 × 8]')
  expect(valueText(7.35)).toBe('7.35')
})
