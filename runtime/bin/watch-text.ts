import { printable } from '../../models/package/inspection-text.ts'
import type { LiveDecisionBody } from '../http/contract-live.ts'
import { type Health, verdictOf } from './status-text.ts'
import { unitText } from './value-text.ts'

/** One decision in one line; whoever may read it gets a second one: whose it is, and what is said of it. */
export function decisionLines(decision: LiveDecisionBody): string {
  const { at, slot, version, refusal, alert, provider, timings, read } = decision
  const outcome = refusal === null ? (alert === true ? 'ALERT' : 'scored') : `refused: ${refusalText(refusal)}`
  const columns = [
    time(at),
    `${slot} ${version}`.padEnd(20),
    latency(timings).padStart(9),
    (provider ?? '').padEnd(4),
    outcome,
  ]
  const line = columns.join('  ').trimEnd()
  if (read === null) return `${printable(line)}\n`
  const results = Object.values(read.outputs).map(
    ({ display, values, unit, label }) =>
      `${display} ${values.map(short).join(' ')}${unitText(unit)}${label === null ? '' : ` (${label.text})`}`,
  )
  const about = [read.subjectPseudonym, ...results, read.decisionId].join('  ')
  return [line, `          ${about}`, `          ${read.narrative}`].map((text) => `${printable(text)}\n`).join('')
}

/** What the box says of itself, when that has changed. */
export function healthLines(health: Health): string {
  const alarms = health.alarms.map(
    ({ severity, slot, text }) =>
      `          ${severity}: ${slot === null || text.startsWith(slot) ? '' : `${slot}: `}${text}`,
  )
  return [`--------  ${verdictOf(health)}`, ...alarms].map((text) => `${printable(text)}\n`).join('')
}

function refusalText({ code, about }: NonNullable<LiveDecisionBody['refusal']>): string {
  return about === null ? code : `${code} (${about})`
}

function latency({ totalUs }: LiveDecisionBody['timings']): string {
  return totalUs === undefined ? '' : `${(totalUs / 1000).toFixed(1)} ms`
}

const DIGITS = 4
export const short = (value: number): string => String(Number(value.toPrecision(DIGITS)))

/** The clock of the box as it is in UTC: the log has the same. */
function time(at: string): string {
  return at.slice(11, 19)
}
