import type { Assessment } from '../../models/contract/postprocess.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import type { Contribution, Explanation } from './types.ts'

/** Said with every answer: the box advises, people decide. */
export function advisoryFor(status: Manifest['clinicalStatus']): string {
  const limits = status === 'advisory' ? '' : ` The model has status ${status}: not for clinical use.`
  return `Advisory only: this result supports the judgement of a qualified clinician and does not replace it.${limits}`
}

const MAX_NAMED = 4

/** The result in plain words: what came out, what contributed to the score, what was missing or doubtful. */
export function narrateResult(
  manifest: Manifest,
  assessment: Assessment,
  explanation: Explanation,
  flags: readonly { input: string; flag: string }[],
): string {
  const sentences = [
    ...Object.values(assessment.outputs).flatMap(sayOutput),
    sayContributions(assessment, explanation),
    sayFlags(manifest, flags),
  ]
  return `${manifest.display}: ${sentences.filter((sentence) => sentence !== '').join(' ')}`
}

export function narrateRefusal(manifest: Manifest, message: string): string {
  return `${manifest.display}: no result. ${message}`
}

function sayOutput(output: Assessment['outputs'][string]): string[] {
  const value = output.values[0] ?? 0
  if (output.role === 'score') return [`${output.display} ${value}.`]
  if (output.role === 'probability') return [`${output.display} ${percent(value)}.`]
  if (output.role === 'category' && output.label !== null) return [sentence(output.label.text)]
  return []
}

function sayContributions(assessment: Assessment, { method, of, contributions, baseline }: Explanation): string {
  if (method === 'none') return ''
  const named = contributions
    .filter(({ value }) => value !== 0)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, MAX_NAMED)
  if (named.length === 0) return 'No input contributed to the score.'
  const isProbability = assessment.outputs[of]?.role === 'probability'
  const from = isProbability && baseline !== null ? `, starting from ${percent(baseline)}` : ''
  return `${list(named.map((one) => sayContribution(one, isProbability)))} to the score${from}.`
}

function sayContribution({ display, value }: Contribution, isProbability: boolean): string {
  if (!isProbability) return `${display} contributed ${value}`
  return `${display} contributed ${value < 0 ? '−' : '+'}${Math.abs(value * 100).toFixed(1)} percentage points`
}

const FLAG_WORDS: Readonly<Record<string, string>> = {
  missing: 'not available',
  stale: 'too old to be used as current',
  implausible: 'outside the plausible range',
  default: 'not sent, the documented default was taken',
  duplicate: 'sent more than once for the same moment, the last was taken',
}

function sayFlags(manifest: Manifest, flags: readonly { input: string; flag: string }[]): string {
  const display = (name: string) => manifest.contract.inputs.find((input) => input.name === name)?.display ?? name
  const groups = Map.groupBy(flags, ({ flag }) => FLAG_WORDS[flag] ?? flag)
  return [...groups]
    .map(([words, members]) => `${list(members.map(({ input }) => display(input)))}: ${words}.`)
    .join(' ')
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`
}

function list(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}
