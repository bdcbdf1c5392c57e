import { describe, expect, it } from 'vitest'
import { guard } from '../contract/guard.ts'
import { news2Contract } from '../news2/contract.ts'
import { sepsisRiskContract } from '../sepsis-risk/contract.ts'
import { observationsAt } from '../sepsis-risk/hourly.ts'
import { syntheticPatients } from './patients.ts'
import { seededRandom } from './seeded-random.ts'

const NOW_MS = Date.UTC(2026, 5, 1)

describe('seededRandom', () => {
  it('repeats itself, and differs by seed', () => {
    const draws = (seed: number) => Array.from({ length: 5 }, seededRandom(seed).uniform)
    expect(draws(1)).toEqual(draws(1))
    expect(draws(1)).not.toEqual(draws(2))
  })

  it('is uniform and normal to the eye of a coarse test', () => {
    const random = seededRandom(11)
    const uniform = Array.from({ length: 20_000 }, random.uniform)
    const normal = Array.from({ length: 20_000 }, random.normal)
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...uniform)).toBeLessThan(1)
    expect(mean(uniform)).toBeCloseTo(0.5, 1)
    expect(mean(normal)).toBeCloseTo(0, 1)
    expect(mean(normal.map((value) => value * value))).toBeCloseTo(1, 1)
  })
})

describe('syntheticPatients', () => {
  const patients = syntheticPatients(42, 30)

  it('gives the same patients for the same seed, and keeps the first ones', () => {
    expect(syntheticPatients(42, 30)).toEqual(patients)
    expect(syntheticPatients(42, 3)).toEqual(patients.slice(0, 3))
    expect(syntheticPatients(43, 3)).not.toEqual(patients.slice(0, 3))
  })

  it('has every trajectory, and only the septic are labelled', () => {
    expect(new Set(patients.map(({ trajectory }) => trajectory))).toEqual(
      new Set(['stable', 'septic', 'deteriorating']),
    )
    for (const { trajectory, rows } of patients) expect(rows.some(({ septic }) => septic)).toBe(trajectory === 'septic')
  })

  it('makes the ill look ill', () => {
    const meanChange = (trajectory: string, input: string) => {
      const changes = patients
        .filter((patient) => patient.trajectory === trajectory)
        .map(({ rows }) => Number(rows.at(-1)?.values[input]?.value) - Number(rows[0]?.values[input]?.value))
      return changes.reduce((sum, change) => sum + change, 0) / changes.length
    }
    expect(Math.abs(meanChange('stable', 'heart-rate'))).toBeLessThan(8)
    expect(meanChange('septic', 'heart-rate')).toBeGreaterThan(30)
    expect(meanChange('septic', 'systolic-pressure')).toBeLessThan(-30)
    expect(meanChange('septic', 'temperature')).toBeGreaterThan(1)
    expect(meanChange('deteriorating', 'respiratory-rate')).toBeGreaterThan(8)
    expect(Math.abs(meanChange('deteriorating', 'temperature'))).toBeLessThan(0.5)
  })

  it('passes the guards of both reference models at every hour, but where oxygen is not documented', () => {
    for (const { rows } of patients) {
      const documented = rows[0]?.values['supplemental-oxygen'] !== undefined
      rows.forEach((_, index) => {
        const inputsOf = (names: string[], hours: number) => observationsAt(rows, index, names, NOW_MS, hours)
        const news2 = inputsOf(
          news2Contract.inputs.map(({ name }) => name),
          1,
        )
        const sepsis = sepsisRiskContract.inputs.map(({ name, series }) => inputsOf([name], series ? 25 : 1))
        if (documented) guard(news2, news2Contract, NOW_MS)
        else expect(() => guard(news2, news2Contract, NOW_MS)).toThrow(/supplemental-oxygen/)
        guard(Object.assign({}, ...sepsis), sepsisRiskContract, NOW_MS)
      })
    }
  })
})
