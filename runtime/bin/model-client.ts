import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type ZodType, z } from 'zod'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { openChannel } from '../../device/platform/channel.ts'
import { ChannelError } from '../../device/platform/channel-errors.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { printable } from '../../models/package/inspection-text.ts'
import type { ControlMethod } from '../../models/store/control-channel.ts'
import { explainCode } from './model-advice.ts'

/** `failed` also stands for what was refused; then something is to be read on standard error. */
export const modelExitCodes = { done: 0, failed: 1, usage: 2, updaterUnreachable: 20, interrupted: 130 } as const

export interface ModelStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

/** What a model command may touch. */
export interface ModelIo {
  readonly stdout: ModelStream
  readonly stderr: ModelStream
  /** Whoever asks, as the system knows the account. */
  readonly account: string
  readonly pause: (ms: number) => Promise<void>
  /** Aborted when the operator interrupts the command. */
  readonly interrupted: AbortSignal
}

/** Asks the updater one thing. */
export type Asks = <T>(method: ControlMethod, request: JsonObject, schema: ZodType<T>) => Promise<T>

/** A place in the arguments that is not as it should be, in words for the one who typed it. */
export class Misuse extends TypeError {}

const CALL_MS = 15_000
const DEFAULT_SOCKET = 'run/updater.sock'
/** Of the updater's configuration, which is another process's, this alone is read. */
const addressSchema = z.looseObject({ control: z.looseObject({ socket: z.string().min(1) }) })

export const commonOptions = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  socket: { type: 'string' },
} as const

export const COMMON_HELP = `  --json          JSON on standard output, one object a line, and no other words
  --socket FILE   the updater's control socket (default: as updater.json in the folder of the site names it)
`

/** Of commands that wait for a job. */
export const WAITING_EXIT_HELP = `Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 20 the updater cannot be reached, 130 interrupted.
`

export const EXIT_HELP = `Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 20 the updater cannot be reached.
`

/**
 * Runs a command against the updater and turns what goes wrong into words and an exit code.
 * @param parse reads the arguments: `help`, or what is to be done once the updater can be asked
 */
export async function runModelCommand(
  usage: string,
  site: string,
  io: ModelIo,
  parse: () => 'help' | { socket: string | undefined; json: boolean; run: (ask: Asks) => Promise<number> },
): Promise<number> {
  let isJson = false
  let socket = ''
  try {
    const command = parse()
    if (command === 'help') {
      io.stdout.write(usage)
      return modelExitCodes.done
    }
    isJson = command.json
    socket = command.socket ?? controlSocket(site)
    const channel = openChannel(socket)
    try {
      return await command.run(async (method, request, schema) =>
        schema.parse(await channel.call(method, request, CALL_MS)),
      )
    } finally {
      channel.close()
    }
  } catch (error) {
    const isSite = socket === '' || existsSync(join(site, 'updater.json'))
    return explain(error, usage, io, isJson, isSite ? socket : `${socket}; there is no updater.json in ${site}`)
  }
}

/** @returns the options and the positional arguments @throws Misuse, and what parseArgs throws */
export function readArgs<T extends NonNullable<Parameters<typeof parseArgs>[0]>['options']>(
  args: readonly string[],
  options: T,
) {
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
}

function controlSocket(site: string): string {
  const path = join(site, 'updater.json')
  if (!existsSync(path)) return resolve(site, DEFAULT_SOCKET)
  return resolve(site, loadConfig(path, addressSchema).control.socket)
}

function explain(error: unknown, usage: string, io: ModelIo, isJson: boolean, socket: string): number {
  if (error instanceof Misuse || isArgumentFault(error)) {
    // Of what parseArgs says the first sentence; the rest is about how to write programs.
    const fault = error instanceof Misuse ? error.message : (error.message.split('. ')[0] ?? '')
    io.stderr.write(`wardstone: ${printable(fault)}\n\n${usage}`)
    return modelExitCodes.usage
  }
  const code = codeOf(error)
  const isUnreachable = code.startsWith('channel_') && code !== 'channel_request_invalid'
  const explained = explainCode(code, saidBy(error))
  const { advice } = explained
  const message = isUnreachable ? `${explained.message} (${socket})` : explained.message
  if (isJson) io.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
  else io.stderr.write(printable(message).concat(` [${code}]\n`, advice === undefined ? '' : `What to do: ${advice}\n`))
  return isUnreachable ? modelExitCodes.updaterUnreachable : modelExitCodes.failed
}

function saidBy(error: unknown): string | undefined {
  if (error instanceof ChannelError && error.code === 'channel_refused') return 'The updater could not begin this.'
  return isWardstoneError(error) ? error.message : undefined
}

/** Of a refusal the code that the updater gave. */
function codeOf(error: unknown): string {
  if (error instanceof ChannelError && error.code === 'channel_refused') return error.about ?? 'internal'
  return isWardstoneError(error) ? error.code : 'internal'
}

/** What `parseArgs` throws. */
export function isArgumentFault(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}
