import { isTimely } from './utility.ts'

export interface AlertThreshold {
  readonly alertAt: number
  /** An alert lasts until the probability falls below this. */
  readonly clearBelow: number
}

export interface StayAlerts {
  readonly alerts: number
  /** Alerts that began from 12 h before to 3 h after the onset. */
  readonly timely: number
  readonly hours: number
  /** Hours in which an alert was under way. */
  readonly hoursInAlert: number
  /** Hours from the first hour under alert to the onset, of those from 12 h before to 3 h after it; undefined without one. */
  readonly leadHours: number | undefined
}

/** Counts where alerts begin. `probabilities` has undefined where the hour was refused: an alert then neither begins nor ends. */
export function stayAlerts(
  probabilities: readonly (number | undefined)[],
  hours: readonly number[],
  onset: number | undefined,
  threshold: AlertThreshold,
): StayAlerts {
  let alerting = false
  const counts = { alerts: 0, timely: 0, hoursInAlert: 0 }
  let leadHours: number | undefined
  probabilities.forEach((probability, index) => {
    const since = onset === undefined ? undefined : (hours[index] ?? 0) - onset
    const begins = !alerting && probability !== undefined && probability >= threshold.alertAt
    if (begins) {
      counts.alerts++
      if (isTimely(since)) counts.timely++
    }
    alerting = begins || (alerting && !(probability !== undefined && probability < threshold.clearBelow))
    if (!alerting) return
    counts.hoursInAlert++
    if (since !== undefined && isTimely(since)) leadHours ??= 0 - since
  })
  return { ...counts, hours: hours.length, leadHours }
}
