/**
 * The score of the PhysioNet/CinC Challenge 2019 (Reyna et al. 2020). Hours count from the onset of sepsis. A true
 * alarm is worth 0 at −12 h, rises to 1 at −6 h and falls to 0 at +3 h; a missed one costs 0 at −6 h, falling to −2 at
 * +3 h; a false or too early alarm costs 0.05; later nothing counts.
 */
const EARLIEST = -12
const BEST = -6
const LATEST = 3
const FALSE_ALARM = -0.05
const WORST_MISS = -2

export interface HourlyAlarms {
  /** Hour of the onset of sepsis, undefined for a stay without. */
  readonly onset: number | undefined
  readonly hours: readonly number[]
  /** One per hour. */
  readonly alarms: readonly boolean[]
}

export interface StayUtility {
  readonly observed: number
  readonly best: number
  readonly silent: number
}

export function stayUtility(stay: HourlyAlarms): StayUtility {
  const total = { observed: 0, best: 0, silent: 0 }
  stay.hours.forEach((hour, index) => {
    const since = stay.onset === undefined ? undefined : hour - stay.onset
    const alarm = alarmUtility(since)
    const silence = silenceUtility(since)
    total.observed += stay.alarms[index] === true ? alarm : silence
    total.best += since !== undefined && since >= EARLIEST && since <= LATEST ? alarm : silence
    total.silent += silence
  })
  return total
}

/** 0 = never an alarm, 1 = the best possible. */
export function normalisedUtility(stays: Iterable<StayUtility>): number {
  const total = { observed: 0, best: 0, silent: 0 }
  for (const stay of stays) {
    total.observed += stay.observed
    total.best += stay.best
    total.silent += stay.silent
  }
  return (total.observed - total.silent) / (total.best - total.silent)
}

/** `since` = hours since the onset; undefined when there was none. */
export function alarmUtility(since: number | undefined): number {
  if (since === undefined || since < EARLIEST) return FALSE_ALARM
  if (since > LATEST) return 0
  return since <= BEST ? (since - EARLIEST) / (BEST - EARLIEST) : (LATEST - since) / (LATEST - BEST)
}

export function silenceUtility(since: number | undefined): number {
  if (since === undefined || since <= BEST || since > LATEST) return 0
  return (WORST_MISS * (since - BEST)) / (LATEST - BEST)
}

/** An alert is called true when it comes from 12 h before to 3 h after the onset. */
export function isTimely(since: number | undefined): boolean {
  return since !== undefined && since >= EARLIEST && since <= LATEST
}
