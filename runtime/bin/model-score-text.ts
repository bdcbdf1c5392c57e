import { printable } from '../../models/package/inspection-text.ts'
import type { BootstrapOptions, Figure, FigureName, Figures } from '../evaluation/figures.ts'

/** What `wardstone model score` found, as its JSON has it. */
export interface Measured {
  readonly model: string
  readonly version: string
  readonly packageHash: string
  readonly stays: number
  readonly septicStays: number
  readonly hours: number
  /** Null where the package has none on its probability: what needs one is null, too. */
  readonly threshold: { readonly alertAt: number; readonly clearBelow: number } | null
  /** Hours that the guards refused, by code and what it was about. */
  readonly refusals: Readonly<Record<string, number>>
  readonly bootstrap: BootstrapOptions
  readonly figures: Figures
}

const labels: Readonly<Record<FigureName, string>> = {
  utility: 'Utility (0 never alarms, 1 is the best)',
  auroc: 'AUROC by hour',
  averagePrecision: 'Average precision by hour',
  alertsPer100PatientDays: 'Alerts per 100 patient-days',
  positivePredictiveValue: 'Share of alerts that began in time',
  septicStaysMissed: 'Share of septic stays without alert in time',
  hoursAnswered: 'Share of hours answered',
}

const LABEL_WIDTH = 42
const SHOWN_REFUSALS = 10

export function measuredText(measured: Measured): string {
  const { model, version, packageHash, stays, septicStays, hours, threshold, bootstrap, figures } = measured
  const head = `${printable(`${model} ${version}`)}, package ${packageHash.slice(0, 12)}`
  const on = `${count(stays)} stays (${count(septicStays)} septic, ${count(hours)} hours)`
  const at =
    threshold === null ? 'no threshold' : `alert at ${threshold.alertAt}, cleared below ${threshold.clearBelow}`
  const lines = Object.entries(labels).map(([name, label]) => line(label, figures[name as FigureName]))
  const refusals = Object.entries(measured.refusals)
  const refused = refusals.slice(0, SHOWN_REFUSALS).map(([what, times]) => `  ${count(times)} × ${printable(what)}\n`)
  const notShown = refusals.length > SHOWN_REFUSALS ? `  and ${refusals.length - SHOWN_REFUSALS} more kinds\n` : ''
  return `${head}
On ${on}; ${at}

${lines.join('')}
Intervals: 95 %, bootstrap over stays, ${count(bootstrap.draws)} draws, seed ${bootstrap.seed}.
${refused.length === 0 ? 'No hour was refused.\n' : `Hours refused:\n${refused.join('')}${notShown}`}`
}

function line(label: string, { value, low, high }: Figure): string {
  const interval = low === null || high === null ? '' : `  (${low.toFixed(3)} to ${high.toFixed(3)})`
  return `  ${label.padEnd(LABEL_WIDTH)}${value === null ? 'not defined on these stays' : value.toFixed(3).padStart(9)}${interval}\n`
}

export function progressText(done: number, total: number, hours: number, elapsedMs: number): string {
  const leftMs = done === 0 ? 0 : (elapsedMs / done) * (total - done)
  const left = done === total ? '' : `, about ${Math.ceil(leftMs / 1000)} s left`
  return `${count(done)} of ${count(total)} stays, ${count(hours)} hours${left}`
}

function count(value: number): string {
  return value.toLocaleString('en-GB')
}
