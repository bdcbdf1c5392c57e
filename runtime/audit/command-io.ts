import type { CryptoProvider } from '../../device/crypto/provider.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import type { Verifier } from '../../device/crypto/signing.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode, isWardstoneError } from '../../device/platform/errors.ts'
import { type AuditLog, type AuditSite, openAuditLog } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import type { Operator } from './operator-event.ts'

export interface CommandStream {
  /** False when the reader is behind and what is written waits in memory. */
  write(text: string): unknown
  /** Resolves once the reader has caught up. */
  readonly drained?: (() => Promise<void>) | undefined
  readonly isTTY?: boolean | undefined
}

/** Writes at the pace of the reader, so that a long answer does not gather in memory. */
export async function writePaced(stream: CommandStream, text: string): Promise<void> {
  if (stream.write(text) === false) await stream.drained?.()
}

/** What an audit command may touch. */
export interface AuditIo {
  readonly stdout: CommandStream
  readonly stderr: CommandStream
  /** Reads a small file; throws what the system says. */
  readonly readFile: (path: string) => Uint8Array
  /** One line of standard input, or what there is. */
  readonly readInput: () => Promise<Uint8Array>
  readonly loadVerifier: (publicPem: string) => Promise<Verifier>
  /** From now on a signal that would end the process is told here instead: what is half made can be removed. */
  readonly interruption: () => AbortSignal
  readonly operator: Operator
  readonly provider: CryptoProvider
  readonly clock: Clock
  readonly randomness: Randomness
}

/** `found` and `nothingFound` are answers; the other two are none. */
export const auditExitCodes = { found: 0, nothingFound: 1, usage: 2, couldNotRun: 20 } as const

/**
 * Opens the log, runs, closes, and turns what is thrown into words and an exit code. What is said of a failure is the fixed
 * text of its code: an argument or an input never gets into it.
 * @param prepare reads the arguments; runs before anything is opened
 */
export async function runAuditCommand(
  usage: string,
  site: () => AuditSite,
  io: AuditIo,
  prepare: () => Promise<'help' | ((log: AuditLog, site: AuditSite) => Promise<number>)>,
): Promise<number> {
  try {
    const run = await prepare()
    if (run === 'help') {
      io.stdout.write(usage)
      return auditExitCodes.found
    }
    const place = site()
    const log = await openAuditLog(place, io)
    try {
      return await run(log, place)
    } finally {
      log.close()
    }
  } catch (error) {
    return explainFailure(error, usage, io.stderr)
  }
}

function explainFailure(error: unknown, usage: string, stderr: CommandStream): number {
  const isUsage = error instanceof AuditCommandError && error.code === 'audit_arguments_invalid'
  if (isUsage || isArgumentFault(error)) {
    stderr.write(`${isUsage ? `${error.message}\n\n` : ''}${usage}`)
    return auditExitCodes.usage
  }
  const system = systemCode(error)
  const unknown = system === undefined ? 'Something failed that should not.' : 'A file could not be read or written.'
  stderr.write(`${isWardstoneError(error) ? error.message : unknown} [${system ?? errorCode(error)}]\n`)
  return auditExitCodes.couldNotRun
}

/** What `parseArgs` throws; its own message repeats the argument, so it is not shown. */
function isArgumentFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}

/** The system's own code; its message would name the path as it was given. */
function systemCode(error: unknown): string | undefined {
  const code = !isWardstoneError(error) && error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^E[A-Z0-9]{2,15}$/.test(code) ? code : undefined
}

/** Progress on standard error: one line that is rewritten on a terminal, a line now and then elsewhere. */
export function reportProgress(stderr: CommandStream, everyLeaves = 10_000) {
  let next = everyLeaves
  return {
    step: (leaves: number, total: number): void => {
      if (leaves < next) return
      next = leaves + everyLeaves
      const percent = Math.min(100, Math.floor((100 * leaves) / Math.max(1, total)))
      const said = `${leaves} of ${total} leaves`
      stderr.write(stderr.isTTY === true ? `\r${said} (${percent}%)` : `${said}\n`)
    },
    end: (): void => {
      if (stderr.isTTY === true) stderr.write('\r\u001b[K')
    },
  }
}
