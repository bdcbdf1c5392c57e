import { seededRandom } from '../../synthetic/seeded-random.ts'
import { type AlertThreshold, type StayAlerts, stayAlerts } from './alerts.ts'
import { isLabelled, type TrainingStay } from './dataset.ts'
import { brierScore, discrimination, logisticLine, type RankedHours, rankHours } from './metrics.ts'
import { normalisedUtility, type StayUtility, stayUtility } from './utility.ts'

/** A stay with the calibrated probability of each hour; undefined where the guards refuse the hour. */
export interface ScoredStay {
  readonly stay: TrainingStay
  readonly probabilities: readonly (number | undefined)[]
}

export interface Figure {
  readonly value: number
  /** 95% interval: the 2.5th and 97.5th percentile of the bootstrap by stay. */
  readonly low: number
  readonly high: number
}

export type Figures = Readonly<Record<string, Figure>>

const RESAMPLES = 400

/** Every figure on the stays given, with its interval. Nothing is chosen here: what was chosen comes in. */
export function evaluate(stays: readonly ScoredStay[], threshold: AlertThreshold, seed: number): Figures {
  const prepared = prepare(stays, threshold)
  const once = stays.map(() => 1)
  const values = figuresOf(prepared, once)
  const random = seededRandom(seed)
  const resampled = Array.from({ length: RESAMPLES }, () => {
    const weights = new Uint16Array(stays.length)
    for (let draw = 0; draw < stays.length; draw++) weights[random.integer(stays.length)]! += 1
    return figuresOf(prepared, weights)
  })
  const figure = ([name, value]: [string, number]): [string, Figure] => {
    const sorted = resampled.map((draw) => draw[name] ?? Number.NaN).sort((left, right) => left - right)
    const at = (share: number) => rounded(sorted[Math.floor(share * (RESAMPLES - 1))] ?? Number.NaN)
    return [name, { value: rounded(value), low: at(0.025), high: at(0.975) }]
  }
  return Object.fromEntries(Object.entries(values).map(figure))
}

/** The figures alone. */
export function figureValues(stays: readonly ScoredStay[], threshold: AlertThreshold): Record<string, number> {
  const values = figuresOf(
    prepare(stays, threshold),
    stays.map(() => 1),
  )
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rounded(value)]))
}

/** The threshold with the best utility on these stays, among round probabilities. */
export function bestThreshold(stays: readonly ScoredStay[]): AlertThreshold {
  const candidates = Array.from({ length: 120 }, (_, step) => 0.002 * 1.04 ** step)
  const utilities = candidates.map((alertAt) => normalisedUtility(stays.map((stay) => utilityOf(stay, alertAt))))
  const alertAt = significant(candidates[utilities.indexOf(Math.max(...utilities))] ?? 0.5)
  return { alertAt, clearBelow: significant(0.8 * alertAt) }
}

/** The scored hours of these stays, ranked. */
export function rankedHours(stays: readonly ScoredStay[], refusedAs?: number): RankedHours {
  return rankHours(
    stays.flatMap(({ stay, probabilities }, index) =>
      stay.hours.flatMap(({ hour }, at) => {
        const probability = probabilities[at] ?? refusedAs
        return probability === undefined ? [] : [{ probability, label: isLabelled(stay, hour), stay: index }]
      }),
    ),
  )
}

interface Prepared {
  readonly stays: readonly ScoredStay[]
  readonly scored: RankedHours
  readonly all: RankedHours
  readonly utilities: readonly StayUtility[]
  readonly alerts: readonly StayAlerts[]
}

function prepare(stays: readonly ScoredStay[], threshold: AlertThreshold): Prepared {
  const scored = rankedHours(stays)
  const prevalence = scored.labels.reduce((sum, label) => sum + label, 0) / scored.labels.length
  return {
    stays,
    scored,
    all: rankedHours(stays, prevalence),
    utilities: stays.map((stay) => utilityOf(stay, threshold.alertAt)),
    alerts: stays.map(({ stay, probabilities }) => {
      const hours = stay.hours.map(({ hour }) => hour)
      return stayAlerts(probabilities, hours, stay.onset, threshold)
    }),
  }
}

function utilityOf({ stay, probabilities }: ScoredStay, alertAt: number): StayUtility {
  const hours = stay.hours.map(({ hour }) => hour)
  const alarms = probabilities.map((probability) => probability !== undefined && probability >= alertAt)
  return stayUtility({ onset: stay.onset, hours, alarms })
}

function figuresOf(prepared: Prepared, weights: ArrayLike<number>): Record<string, number> {
  const { scored, all, utilities, alerts } = prepared
  const weighted = (weight: number, by: StayUtility) => ({
    observed: weight * by.observed,
    best: weight * by.best,
    silent: weight * by.silent,
  })
  const line = logisticLine(scored, weights)
  const sum = (count: (stay: StayAlerts) => number) =>
    alerts.reduce((total, stay, index) => total + weights[index]! * count(stay), 0)
  const hours = sum((stay) => stay.hours)
  const begun = sum((stay) => stay.alerts)
  const { auroc, auprc } = discrimination(scored, weights)
  return {
    auroc,
    auprc,
    aurocAllHours: discrimination(all, weights).auroc,
    aurocUnder65: discrimination(
      scored,
      onlyAge(prepared, weights, (age) => age < 65),
    ).auroc,
    auroc65AndOver: discrimination(
      scored,
      onlyAge(prepared, weights, (age) => age >= 65),
    ).auroc,
    brier: brierScore(scored, weights),
    calibrationSlope: line.slope,
    calibrationIntercept: line.intercept,
    utility: normalisedUtility(utilities.map((stay, index) => weighted(weights[index]!, stay))),
    alertsPer100PatientDays: (begun / hours) * 2400,
    positivePredictiveValue: sum((stay) => stay.timely) / begun,
    septicStaysAlerted: septicStaysAlerted(prepared, weights),
    scoredHours: prepared.stays.reduce((total, stay, at) => total + weights[at]! * scoredCount(stay), 0) / hours,
  }
}

function onlyAge({ stays }: Prepared, weights: ArrayLike<number>, wanted: (age: number) => boolean): number[] {
  return stays.map(({ stay }, index) => (wanted(stay.ageYears) ? weights[index]! : 0))
}

function scoredCount({ probabilities }: ScoredStay): number {
  return probabilities.filter((probability) => probability !== undefined).length
}

function septicStaysAlerted({ stays, alerts }: Prepared, weights: ArrayLike<number>): number {
  let septic = 0
  let alerted = 0
  stays.forEach(({ stay }, index) => {
    if (stay.onset === undefined) return
    septic += weights[index]!
    if (alerts[index]!.timely > 0) alerted += weights[index]!
  })
  return alerted / septic
}

function rounded(value: number): number {
  return Number(value.toFixed(4))
}

function significant(value: number): number {
  return Number(value.toPrecision(3))
}
