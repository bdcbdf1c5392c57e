import type { AssessedOutput } from '../../models/contract/postprocess.ts'
import { safeForTerminal } from '../audit/leaf-table.ts'
import { mapWords } from '../decisions/map-words.ts'
import type { Contribution, Decision, Explanation } from '../decisions/types.ts'
import { unitText } from './value-text.ts'
import { short } from './watch-text.ts'

const BAR = 24

/** A decision as a person reads it: the result first, then why, then what it stands on. */
export function decisionText(
  decision: Decision,
  audit: { readonly leafIndex: number; readonly leafHash: string },
): string {
  const { model, outcome, refusal, assessment, flags, validUntil, provider, timings } = decision
  const lines = [
    ...(refusal === null
      ? [assessment?.alert === true ? 'ALERT' : 'Scored, no alert']
      : [`REFUSED: ${refusal.message} [${refusal.code}]`]),
    decision.narrative,
    '',
    ...Object.values(assessment?.outputs ?? {}).map((output) => row(output.display, outputText(output))),
    ...(assessment?.threshold
      ? [row('alert from', `${assessment.threshold.output} ${short(assessment.threshold.alertAt)}`)]
      : []),
    ...(validUntil === null ? [] : [row('valid until', validUntil)]),
    ...flags.map(({ input, flag, about }) => row(input, about === undefined ? flag : `${flag} (${about})`)),
    ...explanationLines(decision.explanation),
    '',
    row('decision', decision.decisionId),
    row('patient', decision.subjectPseudonym),
    row('at', decision.decidedAt),
    row('model', `${model.id} ${model.version}, ${model.clinicalStatus}, package ${model.packageHash}`),
    ...(provider === null
      ? []
      : [row('ran on', `${provider.provider}, ${provider.threads} threads, ${provider.runtime}`)]),
    ...(provider?.passedOver ?? []).map((passed) =>
      row('not on', `${passed.provider}: ${passed.reason} (${passed.about})`),
    ),
    row(
      'time',
      Object.entries(timings)
        .map(([lap, us]) => `${lap.replace(/Us$/, '')} ${(us / 1000).toFixed(2)}`)
        .join(', ')
        .concat(' ms'),
    ),
    row('audit', `leaf ${audit.leafIndex}, hash ${audit.leafHash}`),
    ...(outcome === 'scored' ? ['', decision.advisory] : []),
  ]
  return text(lines)
}

/** Lines for a terminal: nothing in them does anything to it. */
export function text(lines: readonly string[]): string {
  return lines.map((line) => `${safeForTerminal(line)}\n`).join('')
}

const WIDTH = 14
export function row(name: string, value: string): string {
  return `  ${name.padEnd(WIDTH)}  ${value}`
}

const MAX_VALUES = 12

function outputText({ role, values, unit, label, dims }: AssessedOutput): string {
  if (dims !== undefined && (values.length > MAX_VALUES || role === 'tensor')) return `${role} of ${dims.join(' × ')}`
  const shown = role === 'probability' ? values.map((value) => `${short(value * 100)} %`) : values.map(short)
  const more = shown.length > MAX_VALUES ? ' …' : ''
  const said = `${shown.slice(0, MAX_VALUES).join(' ')}${more}${role === 'probability' ? '' : unitText(unit)}`.trimEnd()
  return label === null ? said : `${said}, ${label.text} (${label.code})`
}

/** @param explanation what each input contributed, longest bar first */
export function explanationLines(explanation: Explanation | null): string[] {
  if (explanation === null) return []
  const { method, of, contributions, map, deletion, reason } = explanation
  if (method === 'none' || method === 'pending')
    return ['', `Explanation: ${method}${reason === null ? '' : `, ${reason}`}`]
  const head = ['', `What contributed to ${of} (${method})`]
  if (map !== undefined) return [...head, `  ${mapWords(map, deletion)}`]
  const largest = Math.max(...contributions.map(({ value }) => Math.abs(value)), Number.MIN_VALUE)
  const sorted = contributions.toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value))
  const width = Math.max(0, ...sorted.map(({ display }) => display.length))
  return [...head, ...sorted.map((each) => `  ${each.display.padEnd(width)}  ${bar(each, largest)}`)]
}

function bar({ value, standardError }: Contribution, largest: number): string {
  const length = Math.round((Math.abs(value) / largest) * BAR)
  const doubt = standardError === undefined ? '' : ` ± ${short(standardError)}`
  return `${`${value > 0 ? '+' : value < 0 ? '−' : ''}${short(Math.abs(value))}`.padStart(8)}${doubt}  ${(value < 0 ? '-' : '+').repeat(length)}`.trimEnd()
}
