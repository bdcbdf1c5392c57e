import { parseArgs } from 'node:util'
import type { AuditLog, AuditSite } from '../audit/audit-log.ts'
import { AuditCommandError } from '../audit/command-errors.ts'
import { type AuditIo, auditExitCodes, runAuditCommand } from '../audit/command-io.ts'
import { recordOperatorEvent } from '../audit/operator-evidence.ts'
import { member } from '../audit/query.ts'
import type { Feedback } from '../decisions/service-types.ts'
import type { DecisionRecord, ExplanationRecord } from '../decisions/types.ts'
import { decisionIdSchema } from '../http/request-schemas.ts'
import type { Command } from './command.ts'
import { auditIo, auditSite } from './command-context.ts'
import { decisionText, explanationLines, row, text } from './decision-text.ts'
import { type Recorded, recordedOf } from './recorded.ts'
import { unitText, valueText } from './value-text.ts'

const USAGE = `Usage: wardstone decision show ID [--json]

Shows one decision whole, from the audit log of the site: result, why, inputs as they were sent and as the model used them, image, model
and package, where it ran, how long it took, its place in the log, and what clinicians said of it. Reading it is recorded before
anything is shown. Whoever has no account at the box reads decisions over HTTPS (docs/api.md).

  --json        one JSON object: the record as it stands, with its leaf, as "wardstone audit show" gives it

Examples:
  wardstone decision show 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4
  wardstone decision show 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4 --site /var/lib/wardstone --json

Exit codes: 0 shown, 1 there is none, or its subject was erased, 2 wrong usage, 20 could not run.
`

export const decisionShow: Command = {
  name: 'decision show',
  synopsis: 'ID [--json]',
  summary: 'one decision whole: result, why, inputs, model, place in the log, feedback',
  operand: 'text',
  options: { json: 'flag' },
  exitCodes: { [auditExitCodes.nothingFound]: 'nothing found', [auditExitCodes.couldNotRun]: 'could not run' },
  run: (args, site) => decisionShowCommand(args, () => auditSite(site), auditIo()),
}

/** `wardstone decision show`. @returns the exit code */
export function decisionShowCommand(args: readonly string[], site: () => AuditSite, io: AuditIo): Promise<number> {
  return runAuditCommand(USAGE, site, io, async () => {
    const options = {
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    } as const
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
    if (values.help) return 'help'
    const [id = '', ...others] = positionals
    if (others.length > 0 || !decisionIdSchema.safeParse(id).success)
      throw new AuditCommandError('audit_arguments_invalid', { about: 'ID is that of a decision' })
    return (log, place) => show(id, values.json, log, place, io)
  })
}

async function show(id: string, json: boolean, log: AuditLog, site: AuditSite, io: AuditIo): Promise<number> {
  const shown = recordedOf(log, log.search.bodyById(id))
  if (shown === undefined) return nothing('There is none.', json, io)
  const read = { kind: 'read', operator: io.operator, scope: 'decision', decision: id, selection: {} } as const
  await recordOperatorEvent(log, site, read, io)
  const record = member(shown.record, 'content') as unknown as DecisionRecord | undefined
  if (record === undefined) return nothing('The subject was erased: the record cannot be read.', json, io)
  if (record.kind !== 'decision') return nothing('This is not the ID of a decision.', json, io)
  const about = log.search.bodiesAbout(id).flatMap((body) => recordedOf(log, body) ?? [])
  io.stdout.write(json ? `${escaped({ ...asJson(shown), about: about.map(asJson) })}\n` : asText(record, shown, about))
  return auditExitCodes.found
}

function nothing(said: string, json: boolean, io: AuditIo): number {
  io.stdout.write(json ? 'null\n' : `${said}\n`)
  return auditExitCodes.nothingFound
}

function asJson({ found: { index, hash, leaf }, record }: Recorded) {
  return { index, hash, leaf, record: record ?? null }
}

/** The same JSON, with nothing in it that a terminal would act on. */
function escaped(value: object): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    [...Array(found.length).keys()].map((at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

interface FeedbackRecord extends Feedback {
  readonly kind: 'feedback'
  readonly by: string
  readonly at: string
}

function asText(record: DecisionRecord, { found }: Recorded, about: readonly Recorded[]): string {
  const contents = about.map((each) => ({
    found: each.found,
    said: member(each.record, 'content') as unknown as FeedbackRecord | ExplanationRecord | undefined,
  }))
  const later = contents.flatMap(({ said }) => (said?.kind === 'explanation' ? [said] : []))
  const feedback = contents.flatMap(({ found, said }) => (said?.kind === 'feedback' ? [{ found, said }] : []))
  return (
    decisionText(record.decision, { leafIndex: found.index, leafHash: found.hash }) +
    text([
      row('asked by', `${record.requester.clientId} (${record.requester.role}), for ${record.purpose}`),
      ...inputLines(record),
      ...imageLines(record),
      ...later.flatMap(({ at, explanation }) => [
        '',
        `Explained later, ${at}`,
        ...explanationLines(explanation).slice(1),
      ]),
      ...(feedback.length === 0 ? [] : ['', 'Feedback']),
      ...feedback.map(
        ({ found, said }) => `  ${said.at}  ${said.verdict} by ${said.by}, leaf ${found.index}: ${said.reason}`,
      ),
    ])
  )
}

/** What was sent, the newest first, and what the model took of it where that is not the same. */
function inputLines({ observations, features }: DecisionRecord): string[] {
  const names = [...new Set([...Object.keys(observations), ...Object.keys(features)])]
  if (names.length === 0) return []
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map((name) => {
    const sent = (observations[name] ?? []).map(({ value, unit, atMs }) => {
      return { value, order: atMs, about: `${unitText(unit)} at ${new Date(atMs).toISOString()}` }
    })
    const used = (features[name] ?? []).map(({ value, ageMinutes }) => {
      return { value, order: -ageMinutes, about: `, ${Math.round(ageMinutes)} min old` }
    })
    const isSame = sent.length === used.length && used.every(({ value }, at) => value === sent[at]?.value)
    const said = seriesText(sent, 'not sent')
    return `  ${name.padEnd(width)}  ${isSame ? said : `${said}; used: ${seriesText(used, 'nothing')}`}`
  })
  return ['', 'Inputs', ...lines]
}

interface Shown {
  readonly value: unknown
  /** The larger, the newer. */
  readonly order: number
  /** What is said of the newest. */
  readonly about: string
}

const MAX_BEFORE = 5

function seriesText(values: readonly Shown[], none: string): string {
  const [newest, ...others] = values.toSorted((one, other) => other.order - one.order)
  if (newest === undefined) return none
  const now = `${valueText(newest.value)}${newest.about}`
  if (others.length === 0) return now
  const before = others.slice(0, MAX_BEFORE).map(({ value }) => valueText(value))
  const more = others.length > MAX_BEFORE ? ` and ${others.length - MAX_BEFORE} more` : ''
  return `${now}, before that ${before.join(', ')}${more}`
}

function imageLines({ image, gates = [] }: DecisionRecord): string[] {
  if (image === undefined) return []
  const { facts, files, prepared } = image
  return [
    '',
    'Image',
    row('files', `${files.length}, the first with SHA-256 ${files[0]?.sha256 ?? 'none'}`),
    row('image', `${facts.format}, ${facts.frames} of ${facts.rows} × ${facts.columns}, ${facts.photometric}`),
    ...('refused' in prepared
      ? [row('refused', prepared.refused)]
      : Object.entries(prepared.tensors).map(([name, { dtype, dims }]) =>
          row('seen as', `${name}, ${dtype} ${dims.join(' × ')}`),
        )),
    ...gates.map(({ model, version, output, value, passed }) =>
      row('gate', `${model} ${version}: ${output} ${value}, ${passed ? 'passed' : 'not passed'}`),
    ),
  ]
}
