import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calibrateProbability, verifyCalibration } from './calibration.ts'
import type { Calibration } from './schema.ts'
import { changed, hourlyContract, spotContract } from './testkit/contracts.ts'

type Isotonic = Extract<Calibration, { method: 'isotonic' }>

const probability = fc.double({ min: 0, max: 1, noNaN: true })
const isotonic = (...points: [raw: number, calibrated: number][]): Isotonic => ({
  method: 'isotonic',
  points: points.map(([raw, calibrated]) => ({ raw, calibrated })),
})
const rising = fc.uniqueArray(probability, { minLength: 2, maxLength: 30 }).chain((raw) =>
  fc.array(probability, { minLength: raw.length, maxLength: raw.length }).map((values) => {
    const [xs, ys] = [raw, values].map((list) => list.toSorted((a, b) => a - b))
    return isotonic(...xs!.map((x, index): [number, number] => [x, ys![index]!]))
  }),
)

describe('Platt scaling', () => {
  const identity = { method: 'platt', slope: 1, intercept: 0 } as const
  const platt = { method: 'platt', slope: 0.8, intercept: -0.5 } as const

  it('has an identity and limits, and keeps the rank', () => {
    expect([calibrateProbability(0, platt), calibrateProbability(1, platt)]).toEqual([0, 1])
    expect([calibrateProbability(-1e-9, platt), calibrateProbability(1 + 1e-9, platt)]).toEqual([0, 1])
    fc.assert(
      fc.property(probability, probability, (p, q) => {
        expect(calibrateProbability(p, identity)).toBeCloseTo(p, 10)
        const [low, high] = [Math.min(p, q), Math.max(p, q)].map((value) => calibrateProbability(value, platt))
        expect(low).toBeLessThanOrEqual(high!)
        expect(low! >= 0 && high! <= 1).toBe(true)
      }),
    )
  })
})

describe('isotonic calibration', () => {
  const steps = isotonic([0.1, 0.02], [0.3, 0.02], [0.5, 0.4], [0.9, 0.75])

  it.each([
    [-0.5, 0.02],
    [0, 0.02],
    [0.1, 0.02],
    [0.2, 0.02],
    [0.3, 0.02],
    [0.4, 0.21],
    [0.5, 0.4],
    [0.7, 0.575],
    [0.9, 0.75],
    [0.95, 0.75],
    [1, 0.75],
    [2, 0.75],
  ])('%s becomes %s: straight between the points, level beyond them', (raw, calibrated) => {
    expect(calibrateProbability(raw, steps)).toBeCloseTo(calibrated, 12)
  })

  it('passes through each point exactly, lies on the line between two, and keeps the rank', () => {
    fc.assert(
      fc.property(rising, probability, probability, (calibration, p, q) => {
        const { points } = calibration
        for (const { raw, calibrated } of points) expect(calibrateProbability(raw, calibration)).toBe(calibrated)
        const [low, high] = [Math.min(p, q), Math.max(p, q)].map((value) => calibrateProbability(value, calibration))
        expect(low).toBeLessThanOrEqual(high!)
        const to = points.findIndex(({ raw }) => raw >= p)
        const [a, b] = [points[to - 1], points[to]]
        if (a === undefined || b === undefined) return
        const weight = (b.raw - p) / (b.raw - a.raw)
        expect(calibrateProbability(p, calibration)).toBeCloseTo(weight * a.calibrated + (1 - weight) * b.calibrated, 9)
      }),
    )
  })

  it('makes nothing of what is no number', () => {
    expect(calibrateProbability(Number.NaN, steps)).toBeNaN()
  })
})

describe('a calibration that would turn risks round', () => {
  const verify = (calibration: Calibration) => () => verifyCalibration(changed(hourlyContract, { calibration }))
  it.each<[string, Calibration]>([
    ['calibration.slope', { method: 'platt', slope: -1, intercept: 0 }],
    ['calibration.points.1.raw', isotonic([0.5, 0.1], [0.4, 0.2])],
    ['calibration.points.2.raw', isotonic([0.1, 0.1], [0.4, 0.2], [0.4, 0.3])],
    ['calibration.points.1.calibrated', isotonic([0.1, 0.3], [0.4, 0.2], [0.6, 0.9])],
    ['calibration.points', isotonic([0.1, 0.3], [0.4, 0.3])],
  ])('%s: refused', (about, calibration) => {
    expect(verify(calibration)).toThrow(expect.objectContaining({ code: 'contract_inconsistent', about }))
  })

  it('is told from one that does not', () => {
    expect(verify(isotonic([0, 0], [0.4, 0], [1, 0.8]))).not.toThrow()
    expect(verify({ method: 'none' })).not.toThrow()
  })

  it('has no probability to speak of: refused', () => {
    const calibration = isotonic([0, 0], [1, 1])
    expect(() => verifyCalibration(changed(spotContract, { calibration }))).toThrow(
      expect.objectContaining({ about: 'calibration.method' }),
    )
  })
})
