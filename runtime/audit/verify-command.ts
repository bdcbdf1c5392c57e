import { parseArgs } from 'node:util'
import type { Verifier } from '../../device/crypto/signing.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { openDatabase } from '../storage/database.ts'
import type { AuditSite } from './audit-log.ts'
import { type CommandStream, reportProgress } from './command-io.ts'
import type { Finding, FindingName, LogReport } from './findings.ts'
import { verifyLog } from './verify.ts'

/** What of a site the verifier reads: never the log's private key. */
export type VerifySite = Omit<AuditSite, 'logKeyPath' | 'channelPath'>

export interface VerifyIo {
  readonly stdout: CommandStream
  readonly stderr: CommandStream
  /** Reads a small file; throws what the system says. */
  readonly readFile: (path: string) => Uint8Array
  readonly loadVerifier: (publicPem: string) => Promise<Verifier>
}

/** One exit code per finding: the first in the order of the log decides. */
export const verifyExitCodes: Readonly<Record<FindingName | 'sound' | 'usage' | 'could-not-run', number>> = {
  sound: 0,
  usage: 2,
  edited: 10,
  deleted: 11,
  inserted: 12,
  reordered: 13,
  truncated: 14,
  'rolled-back': 15,
  'could-not-run': 20,
}

/** What each exit code besides 0 and 2 means, for the table of commands. */
export const verifyExitMeanings: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(verifyExitCodes).flatMap(([name, code]) => {
    if (name === 'sound' || name === 'usage') return []
    return [[code, name === 'could-not-run' ? 'could not run' : `the log: ${name.replace('-', ' ')}`]]
  }),
)

const USAGE = `Usage: wardstone audit verify [--site DIR] [--json] [--checkpoint FILE]

Recomputes the audit log from its leaves and records and compares it with its signed checkpoints.
  --site DIR          the folder with runtime.json (default .wardstone)
  --checkpoint FILE   a checkpoint of this log that somebody else kept: only with one does it show when the end of the
                      log was cut off with its checkpoints, or an older copy was put in its place
  --json              the report as JSON on standard output

Examples:
  wardstone audit verify
  wardstone audit verify --site /var/lib/wardstone --checkpoint kept-by-the-fleet.txt --json

Exit codes: 0 sound, 10 edited, 11 deleted, 12 inserted, 13 reordered, 14 truncated, 15 rolled back, 20 could not run,
2 wrong usage.
`

const MAX_SHOWN = 10

/**
 * `wardstone audit verify`: safe to run while the runtime writes.
 * @param site where the log lies, or a function that finds out (its error is reported as could not run)
 * @returns the exit code
 */
export async function auditVerifyCommand(
  args: readonly string[],
  site: VerifySite | (() => VerifySite),
  io: VerifyIo,
): Promise<number> {
  const options = parseOptions(args)
  if (options === undefined || options.help) {
    const isAsked = options !== undefined
    ;(isAsked ? io.stdout : io.stderr).write(USAGE)
    return isAsked ? verifyExitCodes.sound : verifyExitCodes.usage
  }
  try {
    const report = await runVerify(typeof site === 'function' ? site() : site, options.checkpoint, io)
    const result = report.findings[0]?.finding ?? 'sound'
    io.stdout.write(options.json ? `${JSON.stringify({ result, ...report })}\n` : summary(report))
    return verifyExitCodes[result]
  } catch (error) {
    const code = isWardstoneError(error) ? error.code : 'internal'
    const message = error instanceof Error ? error.message : ''
    if (options.json) io.stdout.write(`${JSON.stringify({ result: 'could-not-run', code })}\n`)
    io.stderr.write(`The log could not be checked: ${message} [${code}]\n`)
    return verifyExitCodes['could-not-run']
  }
}

function parseOptions(
  args: readonly string[],
): { json: boolean; help: boolean; checkpoint: string | undefined } | undefined {
  try {
    const options = {
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      checkpoint: { type: 'string' },
    } as const
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
    return { json: values.json === true, help: values.help === true, checkpoint: values.checkpoint }
  } catch {
    return undefined
  }
}

async function runVerify(site: VerifySite, checkpointPath: string | undefined, io: VerifyIo): Promise<LogReport> {
  const text = (path: string) => Buffer.from(io.readFile(path)).toString('utf8')
  const kept = site.keptCheckpointPath === undefined ? undefined : text(site.keptCheckpointPath)
  // Until a new log has written its first, the checkpoint of the one before lies there.
  const own = kept?.startsWith(`${site.origin}\n`) ? kept : undefined
  const knownCheckpoint = checkpointPath === undefined ? own : text(checkpointPath)
  const verifier = await io.loadVerifier(text(site.logPublicKeyPath))
  const subjectKey = io.readFile(site.subjectsKeyPath)
  const database = openDatabase({ path: site.databasePath, key: io.readFile(site.databaseKeyPath), readonly: true })
  const { step: onProgress, end } = reportProgress(io.stderr)
  try {
    return await verifyLog({ database, subjectKey, verifier, origin: site.origin, knownCheckpoint, onProgress })
  } finally {
    database.close()
    end()
  }
}

function summary(report: LogReport): string {
  const counted = `${report.leaves} leaves, ${report.bodies} records, ${report.checkpoints} checkpoints`
  const range = report.firstAt === null ? '' : `, from ${report.firstAt} to ${report.lastAt}`
  const [first, ...others] = report.findings
  if (first === undefined)
    return `Sound: ${counted}${range}. Signed up to leaf ${report.signedSize}.\n${heldAgainst(report)}\n`
  const lines = [
    `NOT SOUND: ${nameOf(first)}, at ${placeOf(first)}.`,
    first.meaning,
    `Proven by signature: the first ${first.provenBefore} leaves.`,
    `Checked: ${counted}${range}.`,
    ...others
      .slice(0, MAX_SHOWN)
      .map((finding) => `Also: ${nameOf(finding)}, at ${placeOf(finding)}. ${finding.meaning}`),
  ]
  return `${lines.join('\n')}\n`
}

/** "Sound" must not be taken for more than it is: how far it reaches depends on what it was held against. */
function heldAgainst({ keptSize }: LogReport): string {
  return keptSize === null
    ? 'Not held against a checkpoint kept elsewhere: had the end been cut off, or an older copy put back, it would not show.'
    : `Held against a checkpoint of ${keptSize} leaves that was kept elsewhere.`
}

const nameOf = ({ finding }: Finding): string => finding.replace('-', ' ')

function placeOf({ what, position }: Finding): string {
  if (what === 'leaf') return `leaf ${position}`
  if (what === 'checkpoint') return `the checkpoint of size ${position}`
  if (what === 'body') return `the record of leaf ${position}`
  if (what === 'activation') return `the activation of leaf ${position}`
  if (what === 'index') return 'the indexes of the log'
  return what === 'head' ? 'the stored end of the log' : 'the tables and triggers'
}
