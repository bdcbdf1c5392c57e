import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../synthetic/seeded-random.ts'
import { stayAlerts } from './alerts.ts'
import { brierScore, calibrated, discrimination, logisticLine, rankHours } from './metrics.ts'
import { alarmUtility, normalisedUtility, silenceUtility, stayUtility } from './utility.ts'

const hours = (...pairs: (readonly [number, boolean])[]) =>
  rankHours(pairs.map(([probability, label], stay) => ({ probability, label, stay })))
const once = [1, 1, 1, 1, 1, 1]

describe('challenge utility', () => {
  it('has the corners that the challenge publishes', () => {
    expect([-13, -12, -9, -6, -1.5, 3, 4].map(alarmUtility)).toEqual([-0.05, 0, 0.5, 1, 0.5, 0, 0])
    expect([-7, -6, -1.5, 3, 4].map(silenceUtility)).toEqual([0, 0, -1, -2, 0].map((value) => value + 0))
    expect([alarmUtility(undefined), silenceUtility(undefined)]).toEqual([-0.05, 0])
  })

  it('is 0 for never alarming, 1 for the best alarms, below 0 for always alarming on the well', () => {
    const septic = { onset: 20, hours: Array.from({ length: 30 }, (_, hour) => hour) }
    const well = { onset: undefined, hours: septic.hours }
    const utilityOf = (alarm: (hour: number, onset: number | undefined) => boolean) =>
      normalisedUtility(
        [septic, well].map((stay) =>
          stayUtility({ ...stay, alarms: stay.hours.map((hour) => alarm(hour, stay.onset)) }),
        ),
      )
    expect(utilityOf(() => false)).toBe(0)
    expect(utilityOf((hour, onset) => onset !== undefined && hour >= onset - 12 && hour <= onset + 3)).toBe(1)
    expect(utilityOf((_hour, onset) => onset === undefined)).toBeLessThan(0)
  })
})

describe('discrimination', () => {
  it('counts pairs in order, ties half', () => {
    expect(discrimination(hours([0.9, true], [0.8, false], [0.7, true], [0.1, false]), once).auroc).toBe(0.75)
    expect(discrimination(hours([0.5, true], [0.5, false]), once)).toEqual({ auroc: 0.5, auprc: 0.5 })
    expect(discrimination(hours([0.9, true], [0.8, false], [0.7, true]), once).auprc).toBeCloseTo((1 + 2 / 3) / 2, 12)
  })

  it('weighs each hour as if its stay were there as often', () => {
    const weighted = discrimination(hours([0.9, true], [0.8, false], [0.7, true]), [2, 1, 1])
    const repeated = discrimination(hours([0.9, true], [0.9, true], [0.8, false], [0.7, true]), once)
    expect(weighted).toEqual(repeated)
  })
})

describe('calibration', () => {
  it('finds the line that the outcomes were drawn from', () => {
    const random = seededRandom(5)
    const drawn = Array.from({ length: 40_000 }, (_, stay) => {
      const probability = 0.05 + 0.9 * random.uniform()
      return { probability, label: random.uniform() < calibrated(probability, { slope: 0.5, intercept: -1 }), stay }
    })
    const line = logisticLine(
      rankHours(drawn),
      drawn.map(() => 1),
    )
    expect(line.slope).toBeCloseTo(0.5, 1)
    expect(line.intercept).toBeCloseTo(-1, 1)
  })

  it('scores a sure and right forecast 0, a sure and wrong one 1', () => {
    expect(brierScore(hours([1, true], [0, false]), once)).toBe(0)
    expect(brierScore(hours([1, false], [0, true]), once)).toBe(1)
  })
})

describe('stayAlerts', () => {
  const threshold = { alertAt: 0.5, clearBelow: 0.4 }
  const begun = (probabilities: (number | undefined)[], onset?: number) =>
    stayAlerts(
      probabilities,
      probabilities.map((_, hour) => hour),
      onset,
      threshold,
    )

  it('counts where an alert begins, with hysteresis, over refused hours', () => {
    expect(begun([0.1, 0.5, 0.45, 0.6, undefined, 0.6]).alerts).toBe(1)
    expect(begun([0.6, 0.39, 0.6, 0.1]).alerts).toBe(2)
  })

  it('calls an alert timely from 12 h before to 3 h after the onset', () => {
    expect(begun([0.6], 12).timely).toBe(1)
    expect(begun([0.6], 13).timely).toBe(0)
    expect(begun([0, 0, 0, 0.6], 0).timely).toBe(1)
    expect(begun([0, 0, 0, 0, 0.6], 0).timely).toBe(0)
  })

  it('takes the lead from the first hour under alert, twelve hours before the onset at most', () => {
    expect(begun([0, 0, 0.6, 0], 5).leadHours).toBe(3)
    expect(begun([0.6, 0.6, 0.6, 0.6], 14).leadHours).toBe(12)
    expect(begun([0.6, 0.1, 0.1, 0.1], 14).leadHours).toBeUndefined()
    expect(begun([0, 0.6], 0).leadHours).toBe(-1)
    expect(begun([0.6, 0.6]).leadHours).toBeUndefined()
  })

  it('counts the hours under alert, refused ones too', () => {
    expect(begun([0.6, undefined, 0.45, 0.3, 0.6]).hoursInAlert).toBe(4)
  })
})
