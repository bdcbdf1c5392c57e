import { type Refusal, StaleRefusal } from '../../models/contract/errors.ts'
import type { Assessment } from '../../models/contract/postprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { mapWords } from './map-words.ts'
import { lowerFirst, segmentationWords } from './segmentation-words.ts'
import type { Contribution, Decision, Explanation } from './types.ts'

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
  flags: Decision['flags'],
): string {
  const sentences = [
    ...Object.entries(assessment.outputs).flatMap(([name, output]) => sayOutput(output, name, manifest.contract)),
    sayStanding(assessment),
    sayContributions(assessment, explanation),
    sayFlags(manifest, flags),
  ]
  return `${manifest.display}: ${sentences.filter((sentence) => sentence !== '').join(' ')}`
}

/** Why there is no result; how old an observation is may be said here, to those who may read the decision. */
export function narrateRefusal(manifest: Manifest, refusal: Pick<Error, 'message'> | Refusal): string {
  if (!(refusal instanceof StaleRefusal)) return `${manifest.display}: no result. ${refusal.message}`
  const input = manifest.contract.inputs.find(({ name }) => name === refusal.about)
  const display = lowerFirst(input?.display ?? refusal.about ?? 'input')
  return `${manifest.display}: no decision: ${display} ${ageText(refusal)}.`
}

/** The age is rounded up: what is over its limit never reads as within it. */
function ageText({ ageMinutes, limitMinutes }: StaleRefusal): string {
  const [unit, minutes] = limitMinutes % 60 === 0 ? (['h', 60] as const) : (['min', 1] as const)
  return `${Math.ceil(ageMinutes / minutes)} ${unit} old, limit ${limitMinutes / minutes} ${unit}`
}

function sayOutput(output: Assessment['outputs'][string], name: string, contract: Contract): string[] {
  const value = output.values[0] ?? 0
  if (output.role === 'score') return [`${output.display} ${value}.`]
  if (output.role === 'probability') return [`${output.display} ${percent(value)}.`]
  if (output.role === 'category' && output.label !== null) return [sentence(output.label.text)]
  const spec = contract.outputs.find((candidate) => candidate.name === name)
  if (spec?.role === 'segmentation') return [segmentationWords(output, spec, contract)]
  return []
}

/** An alert below its threshold would look like a mistake. */
function sayStanding({ outputs, threshold, alert }: Assessment): string {
  const output = threshold === null ? undefined : outputs[threshold.output]
  const value = output?.values[0]
  if (!alert || threshold === null || value === undefined || Math.fround(value) >= Math.fround(threshold.alertAt))
    return ''
  const { clearBelow = threshold.alertAt } = threshold
  const limit = output?.role === 'probability' ? percent(clearBelow) : String(clearBelow)
  return `The alert stands until it is below ${limit}.`
}

function sayContributions(assessment: Assessment, explanation: Explanation): string {
  const { method, of, contributions, baseline, map, deletion } = explanation
  if (method === 'none') return ''
  if (method === 'pending') return 'What contributed to the score is being computed.'
  if (map !== undefined) return mapWords(map, deletion)
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
  abrupt: 'changed faster than is plausible',
  default: 'not sent, the documented default was taken',
  duplicate: 'sent more than once for the same moment, the last was taken',
  'attribute-unexpected': 'not what the model was made for',
  'attribute-unknown': 'not said by the image',
}

function sayFlags({ contract }: Manifest, flags: Decision['flags']): string {
  const display = (name: string) =>
    [...contract.inputs, ...(contract.image === undefined ? [] : [contract.image])].find((one) => one.name === name)
      ?.display ?? name
  const named = ({ input, about }: Decision['flags'][number]) =>
    about === undefined ? display(input) : `${about.replaceAll('-', ' ')} of ${display(input)}`
  const groups = Map.groupBy(flags, ({ flag }) => FLAG_WORDS[flag] ?? flag)
  return [...groups].map(([words, members]) => `${list(members.map(named))}: ${words}.`).join(' ')
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
