import { parseArgs } from 'node:util'
import type { JsonValue } from '../../device/platform/canonical-json.ts'
import type { AuditLog, AuditSite, FoundLeaf, OpenedRecord } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import { type AuditIo, auditExitCodes, runAuditCommand } from './command-io.ts'
import { AuditError } from './errors.ts'
import { indented } from './indented-json.ts'
import { TABLE_HEAD, tableRow } from './leaf-table.ts'
import { recordOperatorEvent } from './operator-evidence.ts'
import { member } from './query.ts'
import { wholeNumber } from './search-command.ts'

export const SHOW_USAGE = `Usage: wardstone audit show ID [--json]
       wardstone audit show --leaf N [--json]

Shows one decision (or feedback) whole, with what was said of it; the reading is recorded before anything is shown.
Or one leaf by its index, with its hash, its place and the checkpoint that speaks for it: a leaf names no patient.

  --leaf N             a leaf instead of a record
  --json               one JSON object, whole: as text, maps over an image are rounded and bytes cut short

Examples:
  wardstone audit show 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4
  wardstone audit show --leaf 4711 --json

Exit codes: 0 shown, 1 there is none, 2 wrong usage, 20 could not run.
`

type ShowRequest = { readonly json: boolean } & ({ readonly id: string } | { readonly leaf: number })

const ID = /^[A-Za-z0-9._:-]{1,128}$/

/** `wardstone audit show`. @returns the exit code */
export function auditShowCommand(args: readonly string[], site: () => AuditSite, io: AuditIo): Promise<number> {
  return runAuditCommand(SHOW_USAGE, site, io, async () => {
    const request = readRequest(args)
    if (request === 'help') return request
    return (log, place) => ('leaf' in request ? showLeaf(request, log, io) : showRecord(request, log, place, io))
  })
}

function readRequest(args: readonly string[]): ShowRequest | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      leaf: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const { json } = values
  const [id] = positionals
  if (positionals.length + (values.leaf === undefined ? 0 : 1) !== 1) throw invalid('one ID, or --leaf N')
  if (values.leaf !== undefined) return { json, leaf: wholeNumber(values.leaf, '--leaf') }
  if (id === undefined || !ID.test(id)) throw invalid('ID is that of a decision or a feedback')
  return { json, id }
}

function invalid(about: string): AuditCommandError {
  return new AuditCommandError('audit_arguments_invalid', { about })
}

function nothing(io: AuditIo, json: boolean): number {
  io.stdout.write(json ? 'null\n' : 'There is none.\n')
  return auditExitCodes.nothingFound
}

async function showLeaf({ leaf: index, json }: { leaf: number; json: boolean }, log: AuditLog, io: AuditIo) {
  const stored = index < log.checkpoint.size ? log.search.at(index) : undefined
  if (stored === undefined) return nothing(io, json)
  const found = log.check(stored)
  const chain = Buffer.from(stored.chain).toString('hex')
  const checkpoint = await log.noteFor(index)
  io.stdout.write(
    json
      ? `${JSON.stringify({ index, size: log.checkpoint.size, hash: found.hash, chain, checkpoint, leaf: found.leaf })}\n`
      : `leaf ${index} of ${log.checkpoint.size}\nhash ${found.hash}\nchain ${chain}\n${indented(plain(found))}` +
          `Signed first by the checkpoint\n${checkpoint.replace(/^/gm, '  ').trimEnd()}\n`,
  )
  return auditExitCodes.found
}

const plain = ({ leaf }: FoundLeaf): JsonValue => ({ ...leaf })

/** One record with its leaf; null for a subject that was erased. */
interface Shown {
  readonly found: FoundLeaf
  readonly opened: OpenedRecord | undefined
}

async function showRecord({ id, json }: { id: string; json: boolean }, log: AuditLog, site: AuditSite, io: AuditIo) {
  const body = log.search.bodyById(id)
  if (body === undefined || body.index >= log.checkpoint.size) return nothing(io, json)
  const decision = body.about ?? body.id
  await recordOperatorEvent(
    log,
    site,
    { kind: 'read', operator: io.operator, scope: 'decision', decision, selection: {} },
    io,
  )
  const shown = shownOf(log, body)
  const about = log.search
    .bodiesAbout(id)
    .filter(({ index }) => index < log.checkpoint.size)
    .map((each) => shownOf(log, each))
  io.stdout.write(json ? `${escaped({ ...asJson(shown), about: about.map(asJson) })}\n` : asText(shown, about))
  return auditExitCodes.found
}

function shownOf(log: AuditLog, body: NonNullable<ReturnType<AuditLog['search']['bodyById']>>): Shown {
  const stored = log.search.at(body.index)
  if (stored === undefined) throw new AuditError('audit_log_damaged')
  const found = log.check(stored)
  return { found, opened: log.open(body, found.leaf) }
}

function asJson({ found, opened }: Shown) {
  const { index, hash, leaf } = found
  return { index, hash, leaf, record: opened?.record ?? null }
}

/** The same JSON, with nothing in it that a terminal would act on: what a clinician wrote may turn the reading direction. */
function escaped(value: object): string {
  const codes = (character: string) =>
    [...Array(character.length).keys()]
      .map((place) => `\\u${character.charCodeAt(place).toString(16).padStart(4, '0')}`)
      .join('')
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, codes)
}

function asText(shown: Shown, about: readonly Shown[]): string {
  const table = TABLE_HEAD + [shown, ...about].map(({ found }) => tableRow(found)).join('')
  return `${table}\n${recordText(shown)}${about.map((each) => `\n${recordText(each)}`).join('')}`
}

function recordText({ found, opened }: Shown): string {
  const title = `${found.leaf.kind} of leaf ${found.index}, hash ${found.hash}\n`
  const content = member(opened?.record, 'content')
  return title + (content === undefined ? '  The subject was erased: the record cannot be read.\n' : indented(content))
}
