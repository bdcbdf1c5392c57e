import { describe, expect, it } from 'vitest'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { ContractError, Refusal } from './errors.ts'
import {
  type GoldenVector,
  goldenDifference,
  goldenObservations,
  parseGoldenVectors,
  verifyGoldenVectors,
} from './golden.ts'
import { guard } from './guard.ts'
import type { Assessment } from './postprocess.ts'
import type { GoldenVectors } from './schema.ts'
import { NOW_MS, spotContract, spotObservations } from './testkit/contracts.ts'

const scored: GoldenVector = {
  name: 'scored',
  inputs: { temperature: [{ value: 95, unit: '[degF]', ageMinutes: 5 }], oxygen: [{ value: true, ageMinutes: 0 }] },
  expect: { outputs: { aggregate: [7], points: [3, 2, 2, 0] }, alert: true },
}
const refused: GoldenVector = { ...scored, name: 'refused', expect: { refused: 'input_missing', about: 'oxygen' } }
const vectors: GoldenVectors = { version: 1, vectors: [scored, refused] }

function assessment(aggregate: number[], alert = true): Assessment {
  const said = { role: 'score', display: 'd', unit: '1', label: null } as const
  return {
    outputs: { aggregate: { ...said, values: aggregate }, points: { ...said, values: [3, 2, 2, 0] } },
    threshold: null,
    alert,
  }
}

function aboutOf(act: () => void): string | undefined {
  try {
    act()
  } catch (error) {
    if (error instanceof ContractError && error.code === 'contract_inconsistent') return error.about
    throw error
  }
  return 'accepted'
}

describe('the file', () => {
  it('is read as it was written', () => {
    expect(parseGoldenVectors(canonicalBytes(vectors))).toEqual(vectors)
  })

  it.each<[string, Uint8Array]>([
    ['not JSON', Buffer.from('{')],
    ['empty', new Uint8Array()],
    ['not canonical', Buffer.from(JSON.stringify(vectors, null, 1))],
    ['of another version', canonicalBytes({ ...vectors, version: 2 })],
    ['without vectors', canonicalBytes({ version: 1, vectors: [] })],
    ['two of one name', canonicalBytes({ version: 1, vectors: [scored, scored] })],
    ['with more than the schema', canonicalBytes({ ...vectors, extra: 1 })],
    [
      'measured in the future',
      canonicalBytes({
        version: 1,
        vectors: [{ ...scored, inputs: { oxygen: [{ value: true, ageMinutes: -1 }] } }],
      }),
    ],
  ])('%s: refused', (_name, bytes) => {
    expect(aboutOf(() => parseGoldenVectors(bytes))).toBe('golden-vectors')
  })
})

describe('the vectors and the contract', () => {
  const withVector = (change: Partial<GoldenVector>) => () =>
    verifyGoldenVectors({ version: 1, vectors: [{ ...scored, ...change }] }, spotContract)
  const gcs = { gcs: [{ value: 15, ageMinutes: 0 }] }

  it('fit', () => {
    expect(aboutOf(() => verifyGoldenVectors(vectors, spotContract))).toBe('accepted')
    const unknown = { ...scored, name: 'unknown', inputs: gcs, expect: { refused: 'input_unknown' } }
    expect(aboutOf(() => verifyGoldenVectors({ version: 1, vectors: [scored, unknown] }, spotContract))).toBe(
      'accepted',
    )
  })

  it('must run the model at least once and say what the judged output is', () => {
    const none = 'golden-vectors: none runs the model'
    expect(aboutOf(withVector({ expect: { refused: 'input_missing' } }))).toBe(none)
    expect(aboutOf(withVector({ expect: { outputs: { band: [0] }, alert: false } }))).toBe(none)
    expect(aboutOf(withVector({ expect: { outputs: {}, alert: false } }))).toBe(none)
  })

  it.each<[string, Partial<GoldenVector>]>([
    ['an unknown input', { inputs: gcs }],
    ['an unknown input and another refusal', { inputs: gcs, expect: { refused: 'input_stale' } }],
    ['an unknown refusal', { expect: { refused: 'input_odd' } }],
    ['a refusal that every object has', { expect: { refused: 'constructor' } }],
    ['an unknown output', { expect: { outputs: { risk: [1] }, alert: false } }],
    ['too many values', { expect: { outputs: { aggregate: [1, 2] }, alert: false } }],
    ['too few contributions', { expect: { outputs: { points: [1, 2] }, alert: false } }],
  ])('%s does not fit', (_name, change) => {
    expect(aboutOf(withVector(change))).toBe('golden-vectors: scored')
  })
})

describe('observations', () => {
  it('are as old as the vector says', () => {
    expect(goldenObservations(scored, NOW_MS)).toEqual({
      temperature: [{ value: 95, unit: '[degF]', atMs: NOW_MS - 300_000 }],
      oxygen: [{ value: true, unit: undefined, atMs: NOW_MS }],
    })
  })

  it('pass the guard', () => {
    const { inputs } = guard({ ...spotObservations(), ...goldenObservations(scored, NOW_MS) }, spotContract, NOW_MS)
    expect(inputs.temperature?.[0]?.value).toBe(35)
  })
})

describe('difference', () => {
  it('none within tolerance', () => {
    expect(goldenDifference(scored, assessment([7]), 0)).toBeUndefined()
    expect(goldenDifference(scored, assessment([7.5]), 0.5)).toBeUndefined()
    expect(goldenDifference(refused, new Refusal('input_missing', { about: 'oxygen' }), 0)).toBeUndefined()
    const anyInput: GoldenVector = { ...refused, expect: { refused: 'input_missing' } }
    expect(goldenDifference(anyInput, new Refusal('input_missing', { about: 'age' }), 0)).toBeUndefined()
  })

  it.each<[string, GoldenVector, Assessment | Refusal]>([
    ['aggregate', scored, assessment([7.6])],
    ['aggregate', scored, assessment([6.4])],
    ['aggregate', scored, assessment([Number.NaN])],
    ['aggregate', scored, assessment([])],
    ['aggregate', scored, assessment([7, 7])],
    ['aggregate', scored, { ...assessment([7]), outputs: {} }],
    ['alert', scored, assessment([7], false)],
    ['refused', scored, new Refusal('input_stale')],
    ['not refused', refused, assessment([7])],
    ['refused with another code', refused, new Refusal('input_stale', { about: 'oxygen' })],
    ['refused about another input', refused, new Refusal('input_missing', { about: 'age' })],
    ['refused about another input', refused, new Refusal('input_missing')],
  ])('%s', (difference, vector, outcome) => {
    expect(goldenDifference(vector, outcome, 0.5)).toBe(difference)
  })
})
