import { mapWords } from '../runtime/decisions/map-words.ts'
import type { DecisionAnswer } from '../runtime/decisions/types.ts'

/** One decision as the demo prints it and as `--json` carries it. */
export interface ShownDecision {
  readonly decisionId: string
  readonly subject: string
  readonly model: string
  readonly version: string
  readonly outcome: 'scored' | 'refused'
  readonly result: string
  readonly alert: boolean
  readonly reason: string
  readonly validUntil: string | null
  readonly latencyMs: number
  readonly leafIndex: number
  readonly leafHash: string
}

export function shownDecision({ decision, audit }: DecisionAnswer, latencyMs: number): ShownDecision {
  return {
    decisionId: decision.decisionId,
    subject: decision.subjectPseudonym,
    model: decision.model.id,
    version: decision.model.version,
    outcome: decision.outcome,
    result: resultOf(decision),
    alert: decision.assessment?.alert ?? false,
    reason: reasonOf(decision),
    validUntil: decision.validUntil,
    latencyMs: Math.round(latencyMs * 100) / 100,
    leafIndex: audit.leafIndex,
    leafHash: audit.leafHash,
  }
}

export const heading = ['subject', 'model', 'result', 'reason', 'latency', 'audit'] as const

export function decisionLine(shown: ShownDecision): string {
  const columns = [
    shown.subject,
    `${shown.model} ${shown.version}`,
    `${shown.result}${shown.alert ? ' ALERT' : ''}`,
    shown.reason,
    `${shown.latencyMs.toFixed(1)} ms`,
    `leaf ${shown.leafIndex}`,
  ]
  return row(columns)
}

/** Pads to fixed columns so that the lines stay readable under each other. */
export function row(columns: readonly string[]): string {
  const widths = [12, 18, 22, 62, 9, 0]
  return columns
    .map((text, index) => (index === 4 ? text.padStart(9) : padded(text, widths[index] ?? 0)))
    .join('  ')
    .trimEnd()
}

function padded(text: string, width: number): string {
  if (width === 0 || text.length <= width) return text.padEnd(width)
  return `${text.slice(0, width - 1)}…`
}

function resultOf({ assessment, outcome }: DecisionAnswer['decision']): string {
  if (outcome === 'refused' || assessment === null) return 'refused'
  const outputs = Object.values(assessment.outputs)
  const score = outputs.find((output) => output.role === 'score')
  const probability = outputs.find((output) => output.role === 'probability')
  const judged = assessment.outputs[assessment.threshold?.output ?? '']
  const category = judged?.label ? judged : outputs.find(({ label }) => label !== null)
  const value = score !== undefined ? String(score.values[0]) : `${((probability?.values[0] ?? 0) * 100).toFixed(1)} %`
  return category?.label ? `${value} ${category.label.code}` : value
}

function reasonOf({ refusal, explanation, assessment }: DecisionAnswer['decision']): string {
  if (refusal !== null) return refusal.about === null ? refusal.code : `${refusal.code}: ${refusal.about}`
  if (explanation?.map !== undefined) return mapWords(explanation.map, explanation.deletion)
  const scale = assessment?.outputs[explanation?.of ?? '']?.role === 'probability' ? 100 : 1
  const named = (explanation?.contributions ?? [])
    .filter(({ value }) => value !== 0)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, 3)
    .map(({ display, value }) => `${display} ${signed(value * scale, scale)}`)
  return named.length === 0 ? 'no input contributed to the score' : named.join(', ')
}

function signed(value: number, scale: number): string {
  const digits = scale === 1 ? String(Math.abs(value)) : `${Math.abs(value).toFixed(1)} pp`
  return `${value < 0 ? '−' : '+'}${digits}`
}
