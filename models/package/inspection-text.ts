import type { InputSpec, OutputSpec } from '../contract/schema.ts'
import type { Inspection } from './inspection.ts'
import type { Manifest } from './manifest.ts'

/** An inspection as a person reads it. Texts come from an unproven file: nothing in them reaches the terminal as a command. */
export function inspectionText(inspection: Inspection): string {
  const { manifest } = inspection
  const lines = [
    `${manifest.display} (${manifest.modelId} ${manifest.version})`,
    ...identityLines(manifest),
    '',
    'Package',
    ...packageLines(inspection),
    '',
    'Files (sizes and hashes of the plaintext)',
    ...fileLines(manifest),
    '',
    'Takes',
    ...table(manifest.contract.inputs.map(inputRow)),
    '',
    'Gives',
    ...table(manifest.contract.outputs.map(outputRow)),
    ...behaviourLines(manifest),
    '',
    'Checked',
    ...checkedLines(inspection),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

/** Control and formatting characters (escape sequences, reversed text) become U+FFFD; line breaks become spaces. */
export function printable(text: string): string {
  return text.replace(/[\r\n\t]/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

function identityLines(manifest: Manifest): string[] {
  const { udiDi, clearance } = manifest.regulatory
  return table([
    ['clinical status', manifest.clinicalStatus],
    ['intended use', manifest.intendedUse],
    ['population', manifest.contract.population.description],
    ['not for', manifest.contraindications.join('; ') || 'nothing stated'],
    ['release counter', String(manifest.releaseCounter)],
    ['runtime', `from ${manifest.runtime.minimum}, before ${manifest.runtime.below}`],
    ['runs on', manifest.providers.map(({ name, need }) => `${name} (${need})`).join(', ')],
    ['regulatory', `UDI-DI ${udiDi ?? 'none'}, clearance ${clearance ?? 'none'}`],
    ['licence', manifest.licence],
    ['made by', manifest.provenance],
  ])
}

function packageLines({ package: facts }: Inspection): string[] {
  return table([
    ['format', `version ${facts.containerVersion}`],
    ['size', `${count(facts.bytes)} bytes, of which payload ${count(facts.payloadBytes)}`],
    ['sha256', facts.sha256],
    ['manifest sha256', facts.manifestSha256],
  ])
}

function fileLines(manifest: Manifest): string[] {
  return table(manifest.files.map(({ role, length, sha256 }) => [role, `${count(length)} bytes`, sha256]))
}

function inputRow(input: InputSpec): string[] {
  const need = input.onMissing === 'refuse' ? 'needed' : 'may be missing'
  return [input.name, inputValues(input), need, `at most ${input.maxAgeMinutes} min old`]
}

function inputValues(input: InputSpec): string {
  if (input.kind === 'quantity') return `${input.range.low} … ${input.range.high} ${input.unit}`
  if (input.kind === 'tensor') return tensorShape(input)
  return input.kind === 'code' ? input.values.map(({ code }) => code).join(' | ') : 'true | false'
}

function outputRow(output: OutputSpec): string[] {
  const unit = output.unit === '1' ? '' : ` ${output.unit}`
  if (output.role === 'score') return [output.name, 'score', `${output.range.low} … ${output.range.high}${unit}`]
  if (output.role === 'probability') return [output.name, 'probability', '0 … 1']
  if (output.role === 'category') return [output.name, 'category', output.labels.map(({ code }) => code).join(' | ')]
  if (output.role === 'segmentation')
    return [output.name, 'segmentation', output.labels.map(({ code }) => code).join(' | ')]
  if (output.role === 'tensor') return [output.name, 'tensor', tensorShape(output)]
  return [output.name, 'contributions', `of ${output.of.length} inputs`]
}

function tensorShape({ dtype, dims }: Pick<Extract<InputSpec, { kind: 'tensor' }>, 'dtype' | 'dims'>): string {
  return `${dtype}[${dims.map((size) => (typeof size === 'number' ? size : `up to ${size.max}`)).join(', ')}]`
}

function behaviourLines({ contract, validation }: Manifest): string[] {
  const { threshold, explanation, calibration } = contract
  const { alertsPer100PatientDays: alerts, positivePredictiveValue: ppv } = validation
  const alert =
    threshold && `${threshold.output} at ${threshold.alertAt} or above, cleared below ${threshold.clearBelow}`
  return table([
    ['alert', alert ?? 'none'],
    ['explanation', explanation.method],
    ['calibration', calibration.method],
    ['holds for', `${contract.validityMinutes} min`],
    ['answers within', `${contract.deadlineMs} ms, or refuses`],
    ['alerts per 100 patient-days', alerts === null ? 'not measured' : String(alerts)],
    ['positive predictive value', ppv === null ? 'not measured' : String(ppv)],
  ])
}

function checkedLines({ package: facts, image, grant, refusal }: Inspection): string[] {
  const lines = ['  structure: read to the last byte', `  chunks: ${count(facts.chunks)} compared with the manifest`]
  if (image === null && grant === null)
    lines.push('  signatures not checked: give --image with --vendor-key, and --grant with --fleet-key')
  else lines.push(`  vendor: ${statement(image)}`, `  fleet: ${statement(grant)}`)
  lines.push('  contents not checked: they are encrypted for the device')
  lines.push(refusal === null ? '  nothing found against it' : `  REFUSED ${refusal.code}: ${refusal.message}`)
  return lines
}

function statement(report: Inspection['image']): string {
  if (report === null) return 'signatures not checked'
  if (report === 'refused') return 'not a statement by this key'
  const device = report.deviceId === null ? '' : `, for device ${report.deviceId}`
  return `signed by key ${report.signedBy.slice(0, 16)}…, expires ${report.expires}${device}`
}

/** Columns padded to their widest cell, two spaces in. */
function table(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(width(column))).join('  ')}`.trimEnd())
}

function count(value: number): string {
  return value.toLocaleString('en-GB')
}
