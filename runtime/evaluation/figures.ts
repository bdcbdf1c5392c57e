import { LABEL_LEAD_HOURS } from '../../models/icu-stays/stay.ts'
import { type AlertThreshold, type StayAlerts, stayAlerts } from '../../models/sepsis-risk/training/alerts.ts'
import { discrimination, type RankedHours, rankHours } from '../../models/sepsis-risk/training/metrics.ts'
import { normalisedUtility, type StayUtility, stayUtility } from '../../models/sepsis-risk/training/utility.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'

/** One stay with what the model said in each hour; undefined where it refused to answer. */
export interface ScoredStay {
  /** Hour of the onset of sepsis; undefined for a stay without. */
  readonly onset: number | undefined
  readonly probabilities: readonly (number | undefined)[]
}

/** A value with its 95% interval; null where these stays do not define it, such as a share of no alerts. */
export interface Figure {
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
}

export const figureNames = [
  'utility',
  'auroc',
  'averagePrecision',
  'alertsPer100PatientDays',
  'positivePredictiveValue',
  'septicStaysMissed',
  'hoursAnswered',
] as const
export type FigureName = (typeof figureNames)[number]
export type Figures = Readonly<Record<FigureName, Figure>>

export interface BootstrapOptions {
  readonly seed: number
  /** Draws of as many stays as there are, with replacement; 0 gives no intervals. */
  readonly draws: number
}

/**
 * What is measured on hourly scores of ICU stays. The utility is the PhysioNet/CinC Challenge 2019's, with an alarm in
 * each hour in which the probability reaches `alertAt`, and silence where the model refused; AUROC and average
 * precision are over the hours that were answered. An alert begins when the probability reaches `alertAt` and stands
 * until it is below `clearBelow`; it is right when it begins from 12 h before to 3 h after an onset. A septic stay is
 * missed when no alert stands in those hours, whenever it began. Without a threshold, what needs one is null.
 */
export function measure(
  stays: readonly ScoredStay[],
  threshold: AlertThreshold | null,
  { seed, draws }: BootstrapOptions,
): Figures {
  const prepared = prepare(stays, threshold)
  const once = new Uint16Array(stays.length).fill(1)
  const values = valuesOf(prepared, once)
  const random = seededRandom(seed)
  const drawn = Array.from({ length: draws }, () => {
    const weights = new Uint16Array(stays.length)
    for (let draw = 0; draw < stays.length; draw++) {
      const stay = random.integer(stays.length)
      weights[stay] = (weights[stay] ?? 0) + 1
    }
    return valuesOf(prepared, weights)
  })
  const figure = (name: FigureName): [FigureName, Figure] => {
    const sorted = drawn
      .map((draw) => draw[name])
      .filter(Number.isFinite)
      .sort((left, right) => left - right)
    const at = (share: number) => defined(sorted[Math.round(share * (sorted.length - 1))])
    return [name, { value: defined(values[name]), low: at(0.025), high: at(0.975) }]
  }
  return Object.fromEntries(figureNames.map(figure)) as Record<FigureName, Figure>
}

type Values = Readonly<Record<FigureName, number>>

interface Prepared {
  readonly stays: readonly ScoredStay[]
  readonly ranked: RankedHours
  readonly utilities: readonly StayUtility[] | undefined
  readonly alerts: readonly StayAlerts[] | undefined
}

function prepare(stays: readonly ScoredStay[], threshold: AlertThreshold | null): Prepared {
  const hoursOf = ({ probabilities }: ScoredStay) => probabilities.map((_, hour) => hour)
  return {
    stays,
    ranked: rankHours(stays.flatMap(rankable)),
    utilities:
      threshold === null
        ? undefined
        : stays.map((stay) => {
            const alarms = stay.probabilities.map((probability) => reaches(probability, threshold.alertAt))
            return stayUtility({ onset: stay.onset, hours: hoursOf(stay), alarms })
          }),
    alerts:
      threshold === null
        ? undefined
        : stays.map((stay) =>
            stayAlerts(stay.probabilities.map(spoken), hoursOf(stay), stay.onset, spokenLimits(threshold)),
          ),
  }
}

function reaches(probability: number | undefined, alertAt: number): boolean {
  const said = spoken(probability)
  return said !== undefined && said >= Math.fround(alertAt)
}

/** As postprocess compares: in float32, in which the model speaks. */
function spoken(probability: number | undefined): number | undefined {
  return probability === undefined ? undefined : Math.fround(probability)
}

function spokenLimits({ alertAt, clearBelow }: AlertThreshold): AlertThreshold {
  return { alertAt: Math.fround(alertAt), clearBelow: Math.fround(clearBelow) }
}

function rankable({ onset, probabilities }: ScoredStay, stay: number) {
  return probabilities.flatMap((probability, hour) =>
    probability === undefined
      ? []
      : [{ probability, stay, label: onset !== undefined && hour >= onset - LABEL_LEAD_HOURS }],
  )
}

function valuesOf({ stays, ranked, utilities, alerts }: Prepared, weights: Uint16Array): Values {
  const sum = (of: (stay: number) => number) => weights.reduce((total, weight, stay) => total + weight * of(stay), 0)
  const hours = sum((stay) => stays[stay]?.probabilities.length ?? 0)
  const answered = sum((stay) => stays[stay]?.probabilities.filter((value) => value !== undefined).length ?? 0)
  const { auroc, auprc } = discrimination(ranked, weights)
  return {
    auroc,
    averagePrecision: auprc,
    hoursAnswered: answered / hours,
    ...alarmValues(stays, utilities, alerts, hours, sum, weights),
  }
}

function alarmValues(
  stays: readonly ScoredStay[],
  utilities: readonly StayUtility[] | undefined,
  alerts: readonly StayAlerts[] | undefined,
  hours: number,
  sum: (of: (stay: number) => number) => number,
  weights: Uint16Array,
): Pick<Values, 'utility' | 'alertsPer100PatientDays' | 'positivePredictiveValue' | 'septicStaysMissed'> {
  if (utilities === undefined || alerts === undefined) {
    const none = Number.NaN
    return { utility: none, alertsPer100PatientDays: none, positivePredictiveValue: none, septicStaysMissed: none }
  }
  const begun = sum((stay) => alerts[stay]?.alerts ?? 0)
  const isSeptic = (stay: number) => stays[stay]?.onset !== undefined
  return {
    utility: normalisedUtility(utilities.map((utility, stay) => times(utility, weights[stay] ?? 0))),
    alertsPer100PatientDays: (begun / hours) * 2400,
    positivePredictiveValue: sum((stay) => alerts[stay]?.timely ?? 0) / begun,
    septicStaysMissed:
      sum((stay) => (isSeptic(stay) && alerts[stay]?.leadHours === undefined ? 1 : 0)) /
      sum((stay) => (isSeptic(stay) ? 1 : 0)),
  }
}

function times({ observed, best, silent }: StayUtility, weight: number): StayUtility {
  return { observed: weight * observed, best: weight * best, silent: weight * silent }
}

function defined(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}
