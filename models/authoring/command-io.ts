import { isWardstoneError } from '../../device/platform/errors.ts'
import { printable } from '../package/inspection-text.ts'
import { shownJson } from './shown-json.ts'

/** What a command of this room may touch beside the files it is told. */
export interface AuthoringIo {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

/** 0 sound or done, 10 warnings, 11 errors; `unreadable`: nothing could be said. */
export const authoringExitCodes = { done: 0, warnings: 10, errors: 11, usage: 2, unreadable: 20 } as const

export const EXIT_HELP = `Exit codes: 0 sound, 10 warnings alone, 11 errors, 2 wrong usage, 20 a file cannot be read or written.
`

/** The arguments are not as they should be; the message is for the one who typed them. */
export class Misuse extends TypeError {}

/** Runs a command and turns what goes wrong into words and an exit code. */
export async function runAuthoring(
  usage: string,
  isJson: boolean,
  io: AuthoringIo,
  run: () => Promise<number> | number,
): Promise<number> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Misuse || isArgumentFault(error)) {
      io.stderr.write(error instanceof Misuse ? `wardstone: ${printable(error.message)}\n\n${usage}` : usage)
      return authoringExitCodes.usage
    }
    if (!isWardstoneError(error)) throw error
    const { code, message } = error
    if (isJson) io.stdout.write(`${shownJson({ error: { code, message: printable(message) } })}\n`)
    else io.stderr.write(`${printable(message)} [${code}]\n`)
    return authoringExitCodes.unreadable
  }
}

function isArgumentFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}
