import type { OnnxSurface, OnnxValue } from '../onnx/surface.ts'
import { printable } from '../package/inspection-text.ts'
import type { Finding } from './findings.ts'

const MAX_OPERATORS = 12
const MAX_VALUES = 32

/** A check as a person reads it. Names come from an unproven file: nothing in them reaches the terminal as a command. */
export function checkText(report: {
  readonly graph: OnnxSurface | null
  readonly memoryEstimateBytes: number | null
  readonly findings: readonly Finding[]
}): string {
  const { graph, memoryEstimateBytes, findings } = report
  const lines = [
    ...(graph === null ? [] : [...graphLines(graph), `  memory    about ${megabytes(memoryEstimateBytes ?? 0)}`, '']),
    ...[...Map.groupBy(findings, ({ code }) => code).values()].flatMap(findingLines),
    verdict(findings),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

function graphLines(graph: OnnxSurface): string[] {
  const { initialisers, operators, opsets } = graph
  const kinds = operators.slice(0, MAX_OPERATORS).map(({ domain, name, count }) => {
    return `${domain === '' ? '' : `${domain}.`}${name} × ${count}`
  })
  const more = operators.length > MAX_OPERATORS ? `, and ${operators.length - MAX_OPERATORS} more kinds` : ''
  return [
    `Graph ${graph.graphName || '(without a name)'}`,
    ...valueLines('takes ', graph.inputs),
    ...valueLines('gives ', graph.outputs),
    `  opsets    ${opsets.map(({ domain, version }) => `${domain || 'ai.onnx'} ${version}`).join(', ') || 'none'}`,
    `  operators ${kinds.join(', ')}${more}`,
    `  constants ${initialisers.count}, ${megabytes(initialisers.bytes + initialisers.expandedBytes)}`,
    `  file      ${megabytes(graph.fileBytes)}${graph.producer === '' ? '' : `, written by ${graph.producer}`}`,
  ]
}

function valueLines(word: string, values: readonly OnnxValue[]): string[] {
  const more = values.length > MAX_VALUES ? [`  ${word}    and ${values.length - MAX_VALUES} more`] : []
  return [...values.slice(0, MAX_VALUES).map((value) => `  ${word}    ${value.name}  ${typeOf(value)}`), ...more]
}

function typeOf({ kind, dtype, dims }: OnnxValue): string {
  if (kind !== 'tensor') return kind
  return `${dtype ?? 'no type'}[${dims === undefined ? 'unknown' : dims.map((size) => size ?? '?').join(', ')}]`
}

/** What the findings of one code have in common is said once. */
function findingLines(findings: readonly Finding[]): string[] {
  return findings
    .slice(0, 1)
    .flatMap(({ code, severity, message, todo }) => [
      `${severity.toUpperCase()} ${code}: ${message}`,
      ...findings.map(({ about }) => `  ${about}`),
      `  What to do: ${todo}`,
      '',
    ])
}

function verdict(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length
  if (findings.length === 0) return 'Sound: nothing was found.'
  return `${errors} ${errors === 1 ? 'error' : 'errors'}, ${findings.length - errors} to weigh.`
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
