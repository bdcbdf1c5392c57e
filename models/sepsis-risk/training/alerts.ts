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
}

/** Counts where alerts begin. `probabilities` has undefined where the hour was refused: an alert then neither begins nor ends. */
export function stayAlerts(
  probabilities: readonly (number | undefined)[],
  hours: readonly number[],
  onset: number | undefined,
  threshold: AlertThreshold,
): StayAlerts {
  let alerting = false
  let alerts = 0
  let timely = 0
  probabilities.forEach((probability, index) => {
    if (probability === undefined) return
    if (!alerting && probability >= threshold.alertAt) {
      alerting = true
      alerts++
      if (isTimely(onset === undefined ? undefined : (hours[index] ?? 0) - onset)) timely++
    } else if (alerting && probability < threshold.clearBelow) alerting = false
  })
  return { alerts, timely, hours: hours.length }
}
