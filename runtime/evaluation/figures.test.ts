import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measure, type ScoredStay } from './figures.ts'

const threshold = { alertAt: 0.5, clearBelow: 0.3 }
const options = { seed: 7, draws: 50 }
const once = { seed: 7, draws: 0 }

const septic: ScoredStay = { onset: 12, probabilities: Array.from({ length: 16 }, (_, hour) => (hour < 6 ? 0.1 : 0.9)) }
const well: ScoredStay = { onset: undefined, probabilities: Array.from({ length: 8 }, () => 0.2) }
const value = (stays: readonly ScoredStay[], name: keyof ReturnType<typeof measure>) =>
  measure(stays, threshold, once)[name].value

describe('measure', () => {
  it('counts an alert once while it stands, and as right by when it began', () => {
    const figures = measure([septic, well], threshold, once)
    expect(figures.alertsPer100PatientDays.value).toBeCloseTo((1 / 24) * 2400, 12)
    expect(figures.positivePredictiveValue.value).toBe(1)
    expect(figures.septicStaysMissed.value).toBe(0)
    expect(figures.auroc.value).toBe(1)
    expect(figures.hoursAnswered.value).toBe(1)
    const wavering = { onset: undefined, probabilities: [0.6, 0.4, 0.6, 0.2, 0.6] }
    expect(value([wavering], 'alertsPer100PatientDays')).toBeCloseTo((2 / 5) * 2400, 12)
    expect(value([septic, wavering], 'positivePredictiveValue')).toBeCloseTo(1 / 3, 12)
  })

  it('an alert that began too early is not right, but its stay is not missed while it stands', () => {
    const early = { onset: 20, probabilities: Array.from({ length: 24 }, () => 0.6) }
    expect(value([early], 'positivePredictiveValue')).toBe(0)
    expect(value([early], 'septicStaysMissed')).toBe(0)
    const over = { onset: 20, probabilities: early.probabilities.map((found, hour) => (hour < 7 ? found : 0.1)) }
    expect(value([over], 'septicStaysMissed')).toBe(1)
  })

  it('an alert begins and ends where a decision would begin and end it: compared in float32, in which the model speaks', () => {
    const limits = { alertAt: 0.9, clearBelow: 0.7 }
    const [reached, held] = [Math.fround(0.9), Math.fround(0.7)]
    expect([reached < limits.alertAt, held < limits.clearBelow]).toEqual([true, true])
    const figures = measure([{ onset: 3, probabilities: [reached, held, reached, 0.1] }], limits, once)
    expect(figures.alertsPer100PatientDays.value).toBe((1 / 4) * 2400)
    expect(figures.septicStaysMissed.value).toBe(0)
  })

  it('the best possible alarms are worth 1, silence 0, and an alarm for all less than none where nobody falls ill', () => {
    const best = { onset: 12, probabilities: Array.from({ length: 16 }, () => 0.9) }
    expect(value([best], 'utility')).toBe(1)
    expect(value([{ ...best, probabilities: best.probabilities.map(() => 0.1) }], 'utility')).toBe(0)
    const alarmed = { onset: undefined, probabilities: [0.9, 0.9] }
    expect(value([septic, alarmed], 'utility')).toBeLessThan(value([septic, well], 'utility') ?? 0)
  })

  it('an hour that was refused is silence in the utility, and is told', () => {
    const refused = { ...septic, probabilities: septic.probabilities.map(() => undefined) }
    const half = { ...septic, probabilities: septic.probabilities.map((p, hour) => (hour % 2 === 0 ? p : undefined)) }
    expect(value([refused, well], 'utility')).toBe(0)
    expect(value([refused, well], 'septicStaysMissed')).toBe(1)
    expect(value([half], 'hoursAnswered')).toBe(0.5)
    expect(value([half], 'alertsPer100PatientDays')).toBe(value([septic], 'alertsPer100PatientDays'))
  })

  it('what these stays do not define is null, and without a threshold what needs one', () => {
    const figures = measure([well], threshold, options)
    for (const name of ['utility', 'auroc', 'positivePredictiveValue', 'septicStaysMissed'] as const)
      expect(figures[name], name).toEqual({ value: null, low: null, high: null })
    const unjudged = measure([septic, well], null, options)
    expect(unjudged.utility.value).toBeNull()
    expect(unjudged.auroc.value).toBe(1)
  })

  it('the same seed gives the same intervals, which hold the value; no draws give none', () => {
    const probability = fc.option(fc.double({ noNaN: true, min: 0, max: 1 }), { nil: undefined })
    const stay = fc.record({
      onset: fc.option(fc.integer({ min: 6, max: 12 }), { nil: undefined }),
      probabilities: fc.array(probability, { minLength: 1, maxLength: 20 }),
    })
    fc.assert(
      fc.property(fc.array(stay, { minLength: 1, maxLength: 12 }), (stays) => {
        const figures = measure(stays, threshold, options)
        expect(measure(stays, threshold, options)).toEqual(figures)
        for (const { value: found, low, high } of Object.values(figures)) {
          if (found !== null) expect(Number.isFinite(found)).toBe(true)
          if (low !== null && high !== null) expect(low).toBeLessThanOrEqual(high)
        }
        for (const { low, high } of Object.values(measure(stays, threshold, once)))
          expect([low, high]).toEqual([null, null])
      }),
      { numRuns: 50 },
    )
    const many = Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? septic : well))
    const { hoursAnswered, alertsPer100PatientDays } = measure(many, threshold, options)
    expect(hoursAnswered).toEqual({ value: 1, low: 1, high: 1 })
    const { value: alerts, low, high } = alertsPer100PatientDays
    expect(low).toBeLessThan(alerts ?? 0)
    expect(high).toBeGreaterThan(alerts ?? 0)
  })
})
