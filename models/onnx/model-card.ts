import type { Manifest } from '../package/manifest.ts'

/** A heading and its paragraphs. */
export interface CardSection {
  readonly heading: string
  readonly paragraphs: readonly string[]
}

type CardFacts = Pick<
  Manifest,
  'display' | 'version' | 'clinicalStatus' | 'intendedUse' | 'contraindications' | 'contract' | 'validation' | 'licence'
>

/** The model's card as Markdown, written from the manifest so that the two cannot disagree. */
export function modelCard(manifest: CardFacts, sections: readonly CardSection[]): Uint8Array {
  const lines = [
    `# ${manifest.display} ${manifest.version}`,
    '',
    '**NOT FOR CLINICAL USE.** Research software. Its results are advisory and decide nothing.',
    '',
    ...section('Intended use', [manifest.intendedUse]),
    ...section('Do not use', [manifest.contraindications.map((text) => `- ${text}`).join('\n')]),
    ...section('Population', [manifest.contract.population.description]),
    ...section('Inputs', [inputTable(manifest.contract)]),
    ...section('Measured', [metricTable(manifest.validation)]),
    ...sections.flatMap(({ heading, paragraphs }) => section(heading, paragraphs)),
    ...section('Licence', [manifest.licence]),
  ]
  return new TextEncoder().encode(`${lines.join('\n').trimEnd()}\n`)
}

function section(heading: string, paragraphs: readonly string[]): string[] {
  return [`## ${heading}`, '', ...paragraphs.flatMap((paragraph) => [paragraph, ''])]
}

function inputTable({ inputs }: CardFacts['contract']): string {
  const rows = inputs.map((input) => {
    const form = input.kind === 'quantity' ? `${input.unit}, ${input.range.low} to ${input.range.high}` : input.kind
    const need = input.onMissing === 'refuse' ? 'essential' : 'may be missing'
    return `| ${input.name} | ${input.display} | ${form} | ${need} | ${input.maxAgeMinutes} min |`
  })
  return ['| input | what | unit and range | need | oldest |', '|---|---|---|---|---|', ...rows].join('\n')
}

function metricTable({ metrics }: CardFacts['validation']): string {
  if (metrics.length === 0) return 'Not available.'
  const rows = metrics.map(({ name, value, low, high, on }) => {
    const interval = low === null || high === null ? '' : ` (${low} to ${high})`
    return `| ${name} | ${value}${interval} | ${on} |`
  })
  return ['| figure | value (95 % interval) | on |', '|---|---|---|', ...rows].join('\n')
}
