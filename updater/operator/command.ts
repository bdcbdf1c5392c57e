import { parseArgs } from 'node:util'
import { verifyKeyName } from '../../device/checkpoint/signed-note.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { type FleetIo, UsageFault } from './command-io.ts'
import { isDeviceName } from './device-list.ts'
import { showCheckpoints, showDeviceLine, showFindings } from './evidence-commands.ts'
import { type ExportFormat, exportFormats } from './export.ts'
import { exportRecords } from './export-command.ts'
import { HELP, helps } from './help.ts'
import { momentMs } from './moment.ts'
import { serve } from './serve-command.ts'
import { watch } from './watch-command.ts'

/** Exit codes that hold for every command; `findings` adds 3. */
export const fleetExitCodes = { done: 0, failed: 1, usage: 2 } as const

const DEFAULT_CONFIG = 'fleet.json'
const MIN_INTERVAL_SECONDS = 0.2
const MAX_INTERVAL_SECONDS = 3600

const options = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  config: { type: 'string' },
  once: { type: 'boolean' },
  interval: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  format: { type: 'string' },
  out: { type: 'string' },
  origin: { type: 'string' },
  'log-key': { type: 'string' },
  'stop-with-parent': { type: 'boolean' },
} as const

interface Given {
  readonly help?: boolean
  readonly json?: boolean
  readonly config?: string
  readonly once?: boolean
  readonly interval?: string
  readonly from?: string
  readonly to?: string
  readonly format?: string
  readonly out?: string
  readonly origin?: string
  readonly 'log-key'?: string
  readonly 'stop-with-parent'?: boolean
}

interface Command {
  readonly takes: readonly (keyof Given)[]
  /** Names after the command. */
  readonly names: number
  run(given: Given, names: readonly string[], io: FleetIo): Promise<number>
}

const configOf = ({ config }: Given) => config ?? DEFAULT_CONFIG
const isJson = ({ json }: Given) => json === true

const commands: Readonly<Record<string, Command>> = {
  serve: {
    takes: ['config', 'stop-with-parent'],
    names: 0,
    run: (given, _names, io) => serve(configOf(given), io),
  },
  watch: {
    takes: ['config', 'json', 'once', 'interval'],
    names: 0,
    run: (given, _names, io) =>
      watch(
        configOf(given),
        { once: given.once === true, json: isJson(given), intervalMs: intervalMs(given.interval) },
        io,
      ),
  },
  export: {
    takes: ['config', 'json', 'from', 'to', 'format', 'out'],
    names: 0,
    run: (given, _names, io) => exportRecords(configOf(given), exportOptions(given, io.clock.nowMs()), io),
  },
  checkpoints: {
    takes: ['config', 'json'],
    names: 1,
    run: (given, [device], io) => showCheckpoints(configOf(given), deviceName(device), { json: isJson(given) }, io),
  },
  findings: {
    takes: ['config', 'json'],
    names: 0,
    run: (given, _names, io) => showFindings(configOf(given), { json: isJson(given) }, io),
  },
  'device-line': {
    takes: ['origin', 'log-key'],
    names: 1,
    run: (given, [device], io) => {
      if (given.origin === undefined || given['log-key'] === undefined)
        throw new UsageFault('this command needs --origin and --log-key')
      verifyKeyName(given.origin)
      return showDeviceLine(deviceName(device), given.origin, given['log-key'], io)
    },
  },
}

/** `wardstone-fleet`. @returns the exit code */
export async function fleetCommand(args: readonly string[], io: FleetIo): Promise<number> {
  const [name = '', ...rest] = args
  if (['help', '--help', '-h'].includes(name)) return say(io.stdout, HELP, fleetExitCodes.done)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  const help = helps[name] ?? HELP
  if (command === undefined) {
    const fault = name === '' ? '' : 'wardstone-fleet: there is no such command\n\n'
    return say(io.stderr, `${fault}${HELP}`, fleetExitCodes.usage)
  }
  try {
    const { given, names } = parse(rest, command)
    if (given.help === true) return say(io.stdout, help, fleetExitCodes.done)
    return await command.run(given, names, io)
  } catch (error) {
    if (error instanceof UsageFault)
      return say(io.stderr, `wardstone-fleet: ${error.text}\n\n${help}`, fleetExitCodes.usage)
    if (!isWardstoneError(error)) throw error
    return say(io.stderr, `wardstone-fleet: ${error.message} [${error.code}]\n`, fleetExitCodes.failed)
  }
}

function say(stream: { write(text: string): unknown }, text: string, code: number): number {
  stream.write(text)
  return code
}

function parse(args: readonly string[], { takes, names }: Command): { given: Given; names: readonly string[] } {
  const allowed = Object.fromEntries([...takes, 'help' as const].map((name) => [name, options[name]]))
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: allowed,
      strict: true,
      allowPositionals: true,
    })
    const given = values as Given
    if (given.help !== true && positionals.length !== names) {
      throw new UsageFault(names === 0 ? 'this command takes options only' : 'name one device, as SITE/DEVICE')
    }
    return { given, names: positionals }
  } catch (error) {
    if (error instanceof UsageFault) throw error
    throw new UsageFault('an option is unknown, or its value is missing')
  }
}

function deviceName(text: string | undefined): string {
  if (text === undefined || !isDeviceName(text)) throw new UsageFault('a device is named SITE/DEVICE')
  return text
}

function intervalMs(text = '1'): number {
  const seconds = Number(text)
  if (!(seconds >= MIN_INTERVAL_SECONDS && seconds <= MAX_INTERVAL_SECONDS)) {
    throw new UsageFault('--interval takes seconds, from 0.2 to 3600')
  }
  return Math.round(seconds * 1000)
}

function exportOptions({ from, to, format = 'csv', out, json }: Given, nowMs: number) {
  const fromMs = from === undefined ? 0 : momentMs(from)
  const toMs = to === undefined ? nowMs + 1 : momentMs(to)
  if (fromMs === undefined || toMs === undefined || fromMs >= toMs) {
    throw new UsageFault('--from and --to take a day or a moment in UTC, and --from is the earlier one')
  }
  if (!isFormat(format)) throw new UsageFault(`--format takes ${exportFormats.join(' or ')}`)
  return { fromMs, toMs, format, out, json: json === true }
}

function isFormat(text: string): text is ExportFormat {
  return exportFormats.some((format) => format === text)
}
