import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { AuditLog, AuditSite } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import { type AuditIo, auditExitCodes, reportProgress, runAuditCommand } from './command-io.ts'
import { AuditError } from './errors.ts'
import { createExportFile, type ExportFile } from './export-file.ts'
import { csv, type ExportHead, ndjson } from './export-lines.ts'
import { operatorClient } from './operator-event.ts'
import { recordOperatorEvent } from './operator-evidence.ts'
import { findLeaves, type Query } from './query.ts'
import { parseSelection, SELECTION_HELP, type Selection, selectionOptions } from './selection.ts'
import { pseudonymOf, readSubject, SUBJECT_HELP, type SubjectChoice, subjectOptions } from './subject-input.ts'
import type { AuditPosition } from './types.ts'

export const EXPORT_USAGE = `Usage: wardstone audit export --output FILE [options]

Writes leaves of the audit log to a file that stands as evidence: with the signed checkpoint, the range and the counts.
That the export was made is itself recorded, before the file has its name. The file is readable by its owner alone.

  --output FILE        the file; it must not exist
  --force              replace the file if it exists
  --format ndjson|csv  default ndjson
  --with-records       with the patients' records behind the leaves: THE FILE THEN IDENTIFIES PATIENTS
${SUBJECT_HELP}${SELECTION_HELP}  --json               what was done, as one JSON object

Examples:
  wardstone audit export --output march.ndjson --from 2026-03-01T00:00:00+01:00 --to 2026-04-01T00:00:00+02:00
  wardstone audit export --output refusals.csv --format csv --client ward-3-monitor
  wardstone audit export --output patient.ndjson --subject-file patient.txt --with-records

Exit codes: 0 written (also when nothing was found), 2 wrong usage, 20 could not run; then there is no file.
`

const formats = { ndjson, csv } as const

interface ExportRequest {
  readonly path: string
  readonly mayReplace: boolean
  readonly format: keyof typeof formats
  readonly withRecords: boolean
  readonly selection: Selection
  readonly subject: SubjectChoice
  readonly json: boolean
}

const WARNING = 'This file holds records of patients. Keep and pass it on as such records.'

/** `wardstone audit export`. @returns the exit code */
export function auditExportCommand(args: readonly string[], site: () => AuditSite, io: AuditIo): Promise<number> {
  return runAuditCommand(EXPORT_USAGE, site, io, async () => {
    const request = await readRequest(args, io)
    return request === 'help' ? request : (log, place) => exportLeaves(request, log, place, io)
  })
}

async function readRequest(args: readonly string[], io: AuditIo): Promise<ExportRequest | 'help'> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...selectionOptions,
      ...subjectOptions,
      output: { type: 'string' },
      force: { type: 'boolean', default: false },
      format: { type: 'string', default: 'ndjson' },
      'with-records': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const { output, format, force, json } = values
  if (output === undefined || output === '') throw invalid('--output FILE is needed')
  if (format !== 'ndjson' && format !== 'csv') throw invalid('--format')
  const selection = parseSelection(values)
  const subject = await readSubject(values, io)
  return { path: output, mayReplace: force, format, withRecords: values['with-records'], selection, subject, json }
}

function invalid(about: string): AuditCommandError {
  return new AuditCommandError('audit_arguments_invalid', { about })
}

/**
 * The range below the checkpoint reads the same twice: it is counted, the export is recorded with what it will hold, and only
 * then is anything written.
 */
async function exportLeaves(request: ExportRequest, log: AuditLog, site: AuditSite, io: AuditIo): Promise<number> {
  const file = createExportFile(request.path, request.mayReplace)
  try {
    const pseudonym = pseudonymOf(request.subject, log)
    const query = { selection: request.selection, pseudonym, first: 0, interruption: io.interruption() }
    const counts = await count(log, query, request.withRecords, io)
    const evidence = await record(request, query, counts, log, site, io)
    const head = headOf(request, counts, evidence, log, io)
    await write(file, head, query, request, log, io)
    file.finish()
    io.stdout.write(request.json ? `${JSON.stringify({ file: request.path, ...head })}\n` : summary(request, head))
    if (request.withRecords) io.stderr.write(`WARNING: ${WARNING}\n`)
    return auditExitCodes.found
  } finally {
    file.discard()
  }
}

interface Counts {
  readonly leaves: number
  readonly records: number
  /** SHA-256 over the hashes of the exported leaves in their order, lowercase hex. */
  readonly digest: string
}

async function count(log: AuditLog, query: Query, withRecords: boolean, io: AuditIo): Promise<Counts> {
  const progress = reportProgress(io.stderr)
  const digest = createHash('sha256')
  let leaves = 0
  let records = 0
  for await (const { index, hash } of findLeaves(log, { ...query, onProgress: progress.step })) {
    digest.update(hash, 'hex')
    leaves += 1
    if (withRecords && log.search.body(index) !== undefined) records += 1
  }
  progress.end()
  return { leaves, records, digest: digest.digest('hex') }
}

function record(
  request: ExportRequest,
  query: Query,
  counts: Counts,
  log: AuditLog,
  site: AuditSite,
  io: AuditIo,
): Promise<AuditPosition> {
  const isAboutOne = query.pseudonym !== undefined
  const event = {
    kind: 'exported',
    operator: io.operator,
    scope: isAboutOne ? 'subject' : 'log',
    decision: isAboutOne ? log.search.decisionOf(query.pseudonym ?? '') : undefined,
    selection: request.selection,
    format: request.format,
    content: request.withRecords ? 'records' : 'leaves',
    end: log.checkpoint.size,
    ...counts,
  } as const
  return recordOperatorEvent(log, site, event, io)
}

function headOf(
  request: ExportRequest,
  counts: Counts,
  { leafIndex, leafHash }: AuditPosition,
  { checkpoint, note }: AuditLog,
  io: AuditIo,
): ExportHead {
  const { selection, subject, withRecords } = request
  return {
    format: 'wardstone-audit-export',
    version: 1,
    origin: checkpoint.origin,
    checkpoint: note,
    range: { from: selection.from ?? null, to: selection.to ?? null, first: 0, end: checkpoint.size },
    selection,
    aboutOneSubject: subject !== undefined,
    content: withRecords ? 'records' : 'leaves',
    ...counts,
    exportedBy: operatorClient(io.operator),
    exportedAt: new Date(io.clock.nowMs()).toISOString(),
    evidence: { leafIndex, leafHash },
    warning: withRecords ? WARNING : null,
  }
}

async function write(
  file: ExportFile,
  head: ExportHead,
  query: Query,
  request: ExportRequest,
  log: AuditLog,
  io: AuditIo,
): Promise<void> {
  const format = formats[request.format]
  const progress = reportProgress(io.stderr)
  const written = createHash('sha256')
  file.write(format.head(head))
  for await (const found of findLeaves(log, { ...query, onProgress: progress.step })) {
    written.update(found.hash, 'hex')
    const sealed = request.withRecords ? log.search.body(found.index) : undefined
    file.write(format.leaf(found, sealed === undefined ? undefined : log.open(sealed, found.leaf)))
  }
  // The file holds what was recorded, or it does not get its name.
  if (written.digest('hex') !== head.digest) throw new AuditError('audit_log_damaged')
  file.write(format.end({ leaves: head.leaves, records: head.records, sha256: file.sha256() }))
  progress.end()
}

function summary({ path, withRecords }: ExportRequest, head: ExportHead): string {
  const records = withRecords ? ` and ${head.records} records of patients` : ''
  return `Wrote ${head.leaves} leaves${records} to ${path}. Recorded as leaf ${head.evidence.leafIndex}.\n`
}
