import { describe, expect, test } from 'vitest'
import type { Contract } from '../contract/schema.ts'
import { checkGolden } from './golden-check.ts'

const quantity = (name: string) => ({
  ...{ kind: 'quantity', name, display: name, codes: [], series: false, onMissing: 'refuse', maxAgeMinutes: 60 },
  ...{ onStale: 'refuse', unit: '/min', range: { low: 1, high: 300 }, onImplausible: 'refuse' },
})
const contract = {
  inputs: [quantity('pulse'), quantity('breaths')],
  population: { description: 'Adults', criteria: [] },
  preprocessing: [
    { op: 'observe', version: 1, inputs: ['pulse', 'breaths'], hours: 1, to: 'now' },
    { op: 'tensor', version: 1, from: 'now', tensor: 'features' },
  ],
  outputs: [{ role: 'probability', name: 'risk', display: 'Risk', tensor: 'risk', unit: '1' }],
  calibration: { method: 'none' },
  threshold: { output: 'risk', alertAt: 0.5, clearBelow: 0.4 },
  explanation: { method: 'none', reason: 'none' },
  validityMinutes: 60,
  deadlineMs: 1000,
} as unknown as Contract

const sent = (value: number, unit = '/min', ageMinutes = 1) => [{ value, unit, ageMinutes }]
const scored = (inputs: object, expected: object = { outputs: { risk: [0.7] }, alert: true }) => ({
  version: 1,
  vectors: [{ name: 'one', inputs, expect: expected }],
})
const both = { pulse: sent(80), breaths: sent(16) }
const said = (value: unknown, of = contract) => checkGolden(value, of).map(({ code, about }) => `${code} ${about}`)

describe('golden vectors before the model is run', () => {
  test('nothing is said of those that can come true', () => {
    expect(said(scored(both))).toEqual([])
    expect(said(scored(both, { outputs: { risk: [0.45] }, alert: false }))).toEqual([])
    const refused = {
      name: 'none',
      inputs: { pulse: sent(80) },
      expect: { refused: 'input_missing', about: 'breaths' },
    }
    expect(said({ version: 1, vectors: [...scored(both).vectors, refused] })).toEqual([])
  })

  test.each<[string, unknown]>([
    ['golden_invalid vectors: invalid type', {}],
    [
      'golden_invalid vectors.0.inputs.pulse.0.ageMinutes: invalid type',
      scored({ pulse: [{ value: 1, unit: '/min' }] }),
    ],
    ['golden_invalid golden-vectors: one', scored({ other: sent(1) })],
    ['golden_invalid golden-vectors: one', scored(both, { outputs: { risk: [0.5, 0.5] }, alert: true })],
    ['golden_contradicted one: it would be refused: input_missing (breaths)', scored({ pulse: sent(80) })],
    [
      'golden_contradicted one: it would be refused: input_unit_unknown (pulse)',
      scored({ ...both, pulse: sent(80, 'furlong') }),
    ],
    [
      'golden_contradicted one: it would be refused: input_stale (pulse)',
      scored({ ...both, pulse: sent(80, '/min', 61) }),
    ],
    ['golden_contradicted one: alert', scored(both, { outputs: { risk: [0.7] }, alert: false })],
    ['golden_contradicted one: alert', scored(both, { outputs: { risk: [0.45] }, alert: true })],
  ])('%s', (expected, value) => {
    expect(said(value).filter((text) => !text.startsWith('golden_invalid version'))).toEqual([expected])
  })

  test('a refusal that does not come, and one with another reason', () => {
    const vectors = [
      ...scored(both).vectors,
      { name: 'comes through', inputs: both, expect: { refused: 'input_missing' } },
      { name: 'other input', inputs: { pulse: sent(80) }, expect: { refused: 'input_missing', about: 'pulse' } },
    ]
    expect(said({ version: 1, vectors })).toEqual([
      'golden_contradicted comes through: not refused',
      'golden_contradicted other input: refused about another input',
    ])
  })

  test('two of one name, and no alert without a threshold', () => {
    const [vector] = scored(both).vectors
    expect(said({ version: 1, vectors: [vector, vector] })).toEqual(['golden_invalid vectors: two have the same name'])
    expect(said(scored(both), { ...contract, threshold: null })).toEqual(['golden_contradicted one: alert'])
  })
})
