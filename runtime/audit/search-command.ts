import { parseArgs } from 'node:util'
import type { AuditLog, AuditSite, FoundLeaf } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import { type AuditIo, auditExitCodes, reportProgress, runAuditCommand, writePaced } from './command-io.ts'
import { leafLine } from './export-lines.ts'
import { TABLE_HEAD, tableRow } from './leaf-table.ts'
import { recordOperatorEvent } from './operator-evidence.ts'
import { findLeaves } from './query.ts'
import { parseSelection, SELECTION_HELP, type Selection, selectionOptions } from './selection.ts'
import { pseudonymOf, readSubject, SUBJECT_HELP, type SubjectChoice, subjectOptions } from './subject-input.ts'

export const SEARCH_USAGE = `Usage: wardstone audit search [options]

Lists leaves of the audit log, oldest first. What is asked about a patient is itself recorded before anything is shown.

${SUBJECT_HELP}${SELECTION_HELP}  --limit N            at most so many leaves (default 100)
  --after LEAF         only leaves behind this one: the next page
  --json               one JSON object a line, the last one of type "end"

Examples:
  wardstone audit search --subject-file patient.txt --from 2026-03-01T00:00:00+01:00 --to 2026-04-01T00:00:00+02:00
  wardstone audit search --model sepsis-risk --alert yes --from 2026-03-01T00:00:00Z
  wardstone audit search --client ward-3-monitor --limit 1000 --json

Exit codes: 0 found, 1 nothing found, 2 wrong usage, 20 could not run.
`

interface SearchRequest {
  readonly selection: Selection
  readonly subject: SubjectChoice
  readonly limit: number
  readonly first: number
  readonly json: boolean
}

const DEFAULT_LIMIT = 100

/** `wardstone audit search`. @returns the exit code */
export function auditSearchCommand(args: readonly string[], site: () => AuditSite, io: AuditIo): Promise<number> {
  return runAuditCommand(SEARCH_USAGE, site, io, async () => {
    const request = await readRequest(args, io)
    return request === 'help' ? request : (log, place) => search(request, log, place, io)
  })
}

async function readRequest(args: readonly string[], io: AuditIo): Promise<SearchRequest | 'help'> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...selectionOptions,
      ...subjectOptions,
      limit: { type: 'string' },
      after: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const limit = values.limit === undefined ? DEFAULT_LIMIT : wholeNumber(values.limit, '--limit')
  const first = values.after === undefined ? 0 : wholeNumber(values.after, '--after') + 1
  if (limit === 0) throw new AuditCommandError('audit_arguments_invalid', { about: '--limit' })
  const selection = parseSelection(values)
  return { selection, subject: await readSubject(values, io), limit, first, json: values.json }
}

export function wholeNumber(text: string, option: string): number {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) throw new AuditCommandError('audit_arguments_invalid', { about: option })
  return Number(text)
}

async function search(request: SearchRequest, log: AuditLog, site: AuditSite, io: AuditIo): Promise<number> {
  const { selection, first, limit, json } = request
  const pseudonym = pseudonymOf(request.subject, log)
  if (pseudonym !== undefined) {
    const decision = log.search.decisionOf(pseudonym)
    await recordOperatorEvent(
      log,
      site,
      { kind: 'read', operator: io.operator, scope: 'subject', decision, selection },
      io,
    )
  }
  const progress = reportProgress(io.stderr)
  let last: FoundLeaf | undefined
  let count = 0
  let isMore = false
  for await (const found of findLeaves(log, { selection, pseudonym, first, onProgress: progress.step })) {
    if (count === limit) {
      isMore = true
      break
    }
    if (!json && count === 0) io.stdout.write(TABLE_HEAD)
    await writePaced(io.stdout, json ? leafLine(found) : tableRow(found))
    last = found
    count += 1
  }
  progress.end()
  const next = isMore ? (last?.index ?? null) : null
  const subject = pseudonym === undefined ? null : isKnown(log, pseudonym) ? 'known' : 'unknown'
  io.stdout.write(json ? `${JSON.stringify(endOf(log, count, next, subject))}\n` : summary(log, count, next, subject))
  return count === 0 ? auditExitCodes.nothingFound : auditExitCodes.found
}

/** That nobody looked at a patient is one thing; that no such patient is known here, as after a slip in typing, another. */
type SubjectKnown = 'known' | 'unknown' | null

function isKnown(log: AuditLog, pseudonym: string): boolean {
  return log.search.recordsOf(pseudonym).length > 0
}

function endOf({ checkpoint }: AuditLog, leaves: number, after: number | null, subject: SubjectKnown) {
  return { type: 'end', origin: checkpoint.origin, size: checkpoint.size, leaves, after, subject }
}

function summary({ checkpoint }: AuditLog, count: number, after: number | null, subject: SubjectKnown): string {
  const found = count === 0 ? 'Nothing found' : `${count} found`
  const unknown = subject === 'unknown' ? ' No such patient is known here: mistyped, never seen, or erased.' : ''
  const more = after === null ? '' : ` There are more: --after ${after}.`
  return `${found} among the ${checkpoint.size} leaves of ${checkpoint.origin}.${unknown}${more}\n`
}
