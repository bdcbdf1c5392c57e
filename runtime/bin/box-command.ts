import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { printable } from '../../models/package/inspection-text.ts'
import { Box } from './box-client.ts'
import { type boxOptions, loadBoxSettings } from './box-settings.ts'
import { adviceFor, BoxRefusal, ClientError } from './client-errors.ts'
import { isArgumentFault, Misuse, type ModelStream } from './model-client.ts'

/** Of commands that ask the box over HTTPS; some add their own. `failed`: the box refused. `notAsked`: it never answered. */
export const boxExitCodes = { done: 0, failed: 1, usage: 2, notAsked: 20, interrupted: 130 } as const

export const boxExitMeanings = {
  [boxExitCodes.failed]: 'failed or refused',
  [boxExitCodes.notAsked]: 'could not be asked, or did not answer',
  [boxExitCodes.interrupted]: 'interrupted',
} as const

/** What a command that asks the box may touch. */
export interface BoxIo {
  readonly stdout: ModelStream
  readonly stderr: ModelStream
  readonly clock: Clock
  /** Read where --client names none. */
  readonly settingsFile: string | undefined
  readonly pause: (ms: number) => Promise<void>
  /** Aborted when the operator interrupts the command. */
  readonly interrupted: AbortSignal
  /** One line of standard input; somebody at a keyboard is shown the prompt. */
  readonly readInput: (prompt: string) => Promise<Uint8Array>
}

/** The command that was typed, once its arguments have been read. */
export interface BoxRequest {
  readonly box: Parameters<typeof loadBoxSettings>[0]
  readonly json: boolean
  /** @returns the exit code */
  readonly run: (box: Box) => Promise<number>
}

/** The options of every such command. */
export type BoxValues = Readonly<Partial<Record<keyof typeof boxOptions, string | undefined>>>

/**
 * Runs a command against the box and turns what goes wrong into words and an exit code.
 * @param parse reads the arguments, and whatever files they name, before anybody is asked
 */
export async function runBoxCommand(
  usage: string,
  io: BoxIo,
  parse: () => Promise<'help' | BoxRequest> | 'help' | BoxRequest,
): Promise<number> {
  let isJson = false
  try {
    const request = await parse()
    if (request === 'help') {
      io.stdout.write(usage)
      return boxExitCodes.done
    }
    isJson = request.json
    const box = new Box(loadBoxSettings(request.box, io.settingsFile, io.clock.nowMs()), io.interrupted)
    try {
      return await request.run(box)
    } finally {
      box.close()
    }
  } catch (error) {
    if (io.interrupted.aborted) return boxExitCodes.interrupted
    return explain(error, usage, isJson, io)
  }
}

function explain(error: unknown, usage: string, isJson: boolean, io: BoxIo): number {
  if (error instanceof Misuse || isArgumentFault(error)) {
    const fault = error instanceof Misuse ? error.message : (error.message.split('. ')[0] ?? '')
    io.stderr.write(`wardstone: ${printable(fault)}\n\n${usage}`)
    return boxExitCodes.usage
  }
  if (!isWardstoneError(error)) throw error
  const said = error instanceof BoxRefusal ? error.said : { code: error.code, message: error.message }
  if (isJson) io.stdout.write(`${JSON.stringify({ error: said })}\n`)
  else io.stderr.write(faultText(error))
  return error instanceof BoxRefusal ? boxExitCodes.failed : boxExitCodes.notAsked
}

/** What happened and what to do, for a person. */
export function faultText(error: unknown): string {
  if (!isWardstoneError(error)) throw error
  const lines = error instanceof BoxRefusal ? refusalLines(error) : [`${error.message} [${error.code}]`]
  const todo = error instanceof ClientError ? adviceFor(error) : undefined
  const advice = todo === undefined ? [] : [`What to do: ${todo}`]
  return [...lines, ...advice].map((line) => `${printable(line)}\n`).join('')
}

function refusalLines({ said }: BoxRefusal): string[] {
  const about = said.about === undefined ? '' : ` (${said.about})`
  const again = said.retryAfterSeconds === undefined ? [] : [`Try again in ${said.retryAfterSeconds} s.`]
  return [`The box refused: ${said.message}${about} [${said.code}]`, ...again, `Request ${said.requestId} in its log.`]
}
