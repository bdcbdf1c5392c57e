import { seededRandom } from '../../synthetic/seeded-random.ts'
import { type AlertThreshold, type StayAlerts, stayAlerts } from './alerts.ts'
import { brierScore, discrimination, logisticLine, type RankedHours, rankHours } from './metrics.ts'
import { isLabelled, type ScoredStay, type TrainingStay } from './scoring.ts'
import { normalisedUtility, type StayUtility, stayUtility } from './utility.ts'

export interface Figure {
  readonly value: number
  /** 95% interval: the 2.5th and 97.5th percentile of the bootstrap by stay. */
  readonly low: number
  readonly high: number
}

export interface ReliabilityBin {
  readonly hours: number
  readonly predicted: number
  readonly observed: number
  /** 95% interval of what was observed, by the same bootstrap. */
  readonly low: number
  readonly high: number
}

export type Figures = Readonly<Record<string, Figure>>

const RESAMPLES = 400
const RELIABILITY_BINS = 10

/** Groups of patients whose figures are given apart. */
const groups: Readonly<Record<string, (stay: TrainingStay) => boolean>> = {
  Women: ({ sex }) => sex === 'female',
  Men: ({ sex }) => sex === 'male',
  Under50: ({ ageYears }) => ageYears < 50,
  From50To64: ({ ageYears }) => ageYears >= 50 && ageYears < 65,
  From65To79: ({ ageYears }) => ageYears >= 65 && ageYears < 80,
  From80: ({ ageYears }) => ageYears >= 80,
}

/** Every figure on the stays given, with its interval. Nothing is chosen here: what was chosen comes in. */
export function evaluate(stays: readonly ScoredStay[], threshold: AlertThreshold, seed: number): Figures {
  const prepared = prepare(stays, threshold)
  const resampled = resamples(stays.length, seed).map((weights) => figuresOf(prepared, weights))
  const figure = ([name, value]: [string, number]): [string, Figure] => {
    const [low, high] = middle95(resampled.map((draw) => draw[name] ?? Number.NaN))
    return [name, { value: rounded(value), low: rounded(low), high: rounded(high) }]
  }
  return Object.fromEntries(Object.entries(figuresOf(prepared, ones(stays))).map(figure))
}

/** How often each stay is drawn, resample by resample. */
function resamples(count: number, seed: number): Uint16Array[] {
  const random = seededRandom(seed)
  return Array.from({ length: RESAMPLES }, () => {
    const weights = new Uint16Array(count)
    for (let draw = 0; draw < count; draw++) weights[random.integer(count)]! += 1
    return weights
  })
}

function middle95(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((left, right) => left - right)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
  return [at(0.025), at(0.975)]
}

/** The figures alone. */
export function figureValues(stays: readonly ScoredStay[], threshold: AlertThreshold): Record<string, number> {
  const values = figuresOf(prepare(stays, threshold), ones(stays))
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rounded(value)]))
}

/** The threshold with the best utility on these stays, among round probabilities. */
export function bestThreshold(stays: readonly ScoredStay[]): AlertThreshold {
  const candidates = Array.from({ length: 120 }, (_, step) => 0.002 * 1.04 ** step)
  const utilities = candidates.map((alertAt) => normalisedUtility(stays.map((stay) => utilityOf(stay, alertAt))))
  const alertAt = significant(candidates[utilities.indexOf(Math.max(...utilities))] ?? 0.5)
  return { alertAt, clearBelow: significant(0.8 * alertAt) }
}

/** The answered hours of these stays, ranked. */
export function rankedHours(stays: readonly ScoredStay[], refusedAs?: number): RankedHours {
  return rankHours(
    stays.flatMap(({ stay, probabilities }, index) =>
      stay.rows.flatMap(({ hour }, at) => {
        const probability = probabilities[at] ?? refusedAs
        return probability === undefined ? [] : [{ probability, label: isLabelled(stay, hour), stay: index }]
      }),
    ),
  )
}

/** Answered hours in ten bins of equal size, from the highest probability down: what was said, and what came. */
export function reliabilityBins(stays: readonly ScoredStay[], seed: number): ReliabilityBin[] {
  const hours = rankedHours(stays)
  const edge = (bin: number) => Math.round((bin / RELIABILITY_BINS) * hours.labels.length)
  const drawn = resamples(stays.length, seed)
  return Array.from({ length: RELIABILITY_BINS }, (_, bin) => {
    const [from, to] = [edge(bin), edge(bin + 1)]
    const mean = (values: ArrayLike<number>, weights: Weights) => weightedMean(values, hours.stays, weights, from, to)
    const [low, high] = middle95(drawn.map((weights) => mean(hours.labels, weights)))
    return {
      hours: to - from,
      predicted: significant(mean(hours.probabilities, ones(stays))),
      observed: significant(mean(hours.labels, ones(stays))),
      low: significant(low),
      high: significant(high),
    }
  })
}

function weightedMean(
  values: ArrayLike<number>,
  stays: Uint32Array,
  weights: Weights,
  from: number,
  to: number,
): number {
  let sum = 0
  let count = 0
  for (let at = from; at < to; at++) {
    const weight = weights[stays[at]!]!
    sum += weight * values[at]!
    count += weight
  }
  return sum / count
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
      const hours = stay.rows.map(({ hour }) => hour)
      return stayAlerts(probabilities, hours, stay.onset, threshold)
    }),
  }
}

function utilityOf({ stay, probabilities }: ScoredStay, alertAt: number): StayUtility {
  const hours = stay.rows.map(({ hour }) => hour)
  const alarms = probabilities.map((probability) => probability !== undefined && probability >= alertAt)
  return stayUtility({ onset: stay.onset, hours, alarms })
}

type Weights = ArrayLike<number>

function figuresOf(prepared: Prepared, weights: Weights): Record<string, number> {
  const { scored, all } = prepared
  const line = logisticLine(scored, weights)
  const { auroc, auprc } = discrimination(scored, weights)
  return {
    auroc,
    auprc,
    aurocAllHours: discrimination(all, weights).auroc,
    brier: brierScore(scored, weights),
    calibrationSlope: line.slope,
    calibrationIntercept: line.intercept,
    utility: weightedUtility(prepared, weights),
    ...alertFigures(prepared, weights),
    ...Object.fromEntries(
      Object.entries(groups).flatMap(([name, isIn]) => groupFigures(prepared, weights, name, isIn)),
    ),
  }
}

function weightedUtility({ utilities }: Prepared, weights: Weights): number {
  return normalisedUtility(
    utilities.map(({ observed, best, silent }, index) => {
      const weight = weights[index] ?? 0
      return { observed: weight * observed, best: weight * best, silent: weight * silent }
    }),
  )
}

function alertFigures({ stays, alerts }: Prepared, weights: Weights): Record<string, number> {
  const sum = (count: (alerts: StayAlerts, stay: ScoredStay) => number) =>
    stays.reduce((total, stay, index) => total + (weights[index] ?? 0) * count(alerts[index]!, stay), 0)
  const hours = sum((_alerts, { probabilities }) => probabilities.length)
  const begun = sum(({ alerts }) => alerts)
  const septic = sum((_alerts, { stay }) => (stay.onset === undefined ? 0 : 1))
  const [leadQuarter, lead, leadThreeQuarters] = leadQuartiles(alerts, weights)
  return {
    alertsPer100PatientDays: (begun / hours) * 2400,
    positivePredictiveValue: sum(({ timely }) => timely) / begun,
    hoursInAlert: sum(({ hoursInAlert }) => hoursInAlert) / hours,
    septicStaysMissed:
      sum(({ leadHours }, { stay }) => (stay.onset !== undefined && leadHours === undefined ? 1 : 0)) / septic,
    otherStaysAlerted:
      sum(({ alerts }, { stay }) => (stay.onset === undefined && alerts > 0 ? 1 : 0)) / (sum(() => 1) - septic),
    leadHours: lead,
    leadHoursQuarter: leadQuarter,
    leadHoursThreeQuarters: leadThreeQuarters,
    answeredHours:
      sum((_alerts, { probabilities }) => probabilities.filter((each) => each !== undefined).length) / hours,
  }
}

/** Quartiles of the lead over the septic stays that were alerted. */
function leadQuartiles(alerts: readonly StayAlerts[], weights: Weights): [number, number, number] {
  const leads = alerts
    .flatMap(({ leadHours }, index) =>
      leadHours === undefined ? [] : new Array<number>(weights[index] ?? 0).fill(leadHours),
    )
    .sort((left, right) => left - right)
  const at = (share: number) => leads[Math.floor(share * (leads.length - 1))] ?? Number.NaN
  return [at(0.25), at(0.5), at(0.75)]
}

function groupFigures(
  prepared: Prepared,
  weights: Weights,
  name: string,
  isIn: (stay: TrainingStay) => boolean,
): [string, number][] {
  const within = prepared.stays.map(({ stay }, index) => (isIn(stay) ? (weights[index] ?? 0) : 0))
  const alerts = alertsOnly(prepared, within)
  return [
    [`auroc${name}`, discrimination(prepared.scored, within).auroc],
    [`utility${name}`, weightedUtility(prepared, within)],
    [`positivePredictiveValue${name}`, alerts],
  ]
}

function alertsOnly({ alerts }: Prepared, weights: Weights): number {
  let begun = 0
  let timely = 0
  alerts.forEach((stay, index) => {
    begun += (weights[index] ?? 0) * stay.alerts
    timely += (weights[index] ?? 0) * stay.timely
  })
  return timely / begun
}

function ones(stays: readonly unknown[]): number[] {
  return stays.map(() => 1)
}

function rounded(value: number): number {
  return Number(value.toFixed(4))
}

function significant(value: number): number {
  return Number(value.toPrecision(3))
}
