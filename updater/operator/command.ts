import { type ParseArgsConfig, parseArgs } from 'node:util'
import { verifyKeyName } from '../../device/checkpoint/signed-note.ts'
import type { Command, OptionValue, Program } from '../../device/command-line/command.ts'
import { runProgram } from '../../device/command-line/program.ts'
import { errorCode, isWardstoneError } from '../../device/platform/errors.ts'
import { RELEASE } from '../../device/platform/release.ts'
import { type FleetIo, UsageFault } from './command-io.ts'
import { isDeviceName } from './device-list.ts'
import { showCheckpoints, showDeviceLine, showFindings } from './evidence-commands.ts'
import { type ExportFormat, exportFormats } from './export.ts'
import { exportRecords } from './export-command.ts'
import { helps } from './help.ts'
import { momentMs } from './moment.ts'
import { serve } from './serve-command.ts'
import { watch } from './watch-command.ts'

/** Exit codes that hold for every command; `findings` adds 3. */
export const fleetExitCodes = { done: 0, failed: 1, usage: 2 } as const

const DEFAULT_CONFIG = 'fleet.json'
const MIN_INTERVAL_SECONDS = 0.2
const MAX_INTERVAL_SECONDS = 3600

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

interface FleetCommand {
  readonly name: keyof typeof helps
  readonly synopsis: string
  readonly summary: string
  readonly options: Partial<Readonly<Record<keyof Given, OptionValue>>>
  /** The device that is named behind the command. */
  readonly operand?: 'text'
  /** Beside those of every command. */
  readonly exitCodes?: Readonly<Record<number, string>>
  run(given: Given, names: readonly string[], io: FleetIo): Promise<number>
}

const configOf = ({ config }: Given) => config ?? DEFAULT_CONFIG
const isJson = ({ json }: Given) => json === true

const fleetCommands: readonly FleetCommand[] = [
  {
    ...{ name: 'serve', synopsis: '[options]', summary: 'collect over MQTT until stopped' },
    options: { config: 'file', 'stop-with-parent': 'flag' },
    run: (given, _names, io) => serve(configOf(given), io),
  },
  {
    ...{ name: 'watch', synopsis: '[options]', summary: 'show devices and traffic, live' },
    options: { config: 'file', json: 'flag', once: 'flag', interval: 'text' },
    run: (given, _names, io) =>
      watch(
        configOf(given),
        { once: given.once === true, json: isJson(given), intervalMs: intervalMs(given.interval) },
        io,
      ),
  },
  {
    ...{ name: 'export', synopsis: '[options]', summary: 'write the collected records as CSV or NDJSON' },
    options: { config: 'file', json: 'flag', from: 'text', to: 'text', format: exportFormats, out: 'file' },
    run: (given, _names, io) => exportRecords(configOf(given), exportOptions(given, io.clock.nowMs()), io),
  },
  {
    ...{ name: 'checkpoints', synopsis: 'SITE/DEVICE', summary: 'print the newest checkpoint of a device’s audit log' },
    options: { config: 'file', json: 'flag' },
    operand: 'text',
    run: (given, [device], io) => showCheckpoints(configOf(given), deviceName(device), { json: isJson(given) }, io),
  },
  {
    ...{ name: 'findings', synopsis: '[options]', summary: 'print what should not have been' },
    options: { config: 'file', json: 'flag' },
    exitCodes: { 3: 'there are findings' },
    run: (given, _names, io) => showFindings(configOf(given), { json: isJson(given) }, io),
  },
  {
    ...{ name: 'device-line', synopsis: 'SITE/DEVICE [options]', summary: 'print the line that enrols a device' },
    options: { origin: 'text', 'log-key': 'file' },
    operand: 'text',
    run: (given, [device], io) => {
      if (given.origin === undefined || given['log-key'] === undefined)
        throw new UsageFault('this command needs --origin and --log-key')
      verifyKeyName(given.origin)
      return showDeviceLine(deviceName(device), given.origin, given['log-key'], io)
    },
  },
]

/** `wardstone-fleet` as its help, its completion and docs/cli.md know it. */
export const fleetProgram: Program<FleetIo> = {
  name: 'wardstone-fleet',
  release: RELEASE,
  purpose:
    'The reference fleet manager: collects what the boxes of a fleet release, and keeps what their logs promised.',
  everywhere: {},
  notes: `--config FILE is the configuration (default fleet.json); docs/fleet.md has one of ten lines.
Each command explains itself with --help.
`,
  examples: ['wardstone-fleet serve --config fleet.json', 'wardstone-fleet watch'],
  commands: fleetCommands.map(described),
}

function described(command: FleetCommand): Command<FleetIo> {
  const { name, synopsis, summary, operand, exitCodes } = command
  return {
    ...{ name, synopsis, summary, options: command.options },
    ...(operand === undefined ? {} : { operand }),
    exitCodes: { [fleetExitCodes.failed]: 'failed', ...exitCodes },
    run: (args, io) => runCommand(command, args, io),
  }
}

/** `wardstone-fleet`. @returns the exit code */
export function fleetCommand(args: readonly string[], io: FleetIo): Promise<number> {
  return runProgram(fleetProgram, args, io, io)
}

async function runCommand(command: FleetCommand, args: readonly string[], io: FleetIo): Promise<number> {
  const help = helps[command.name]
  try {
    const { given, names } = parse(args, command)
    if (given.help === true) return say(io.stdout, help, fleetExitCodes.done)
    return await command.run(given, names, io)
  } catch (error) {
    if (error instanceof UsageFault)
      return say(io.stderr, `wardstone-fleet: ${error.text}\n\n${help}`, fleetExitCodes.usage)
    const isOurs = isWardstoneError(error)
    const said = isOurs ? error.message : 'something failed that should not'
    return say(io.stderr, `wardstone-fleet: ${said} [${errorCode(error)}]\n`, fleetExitCodes.failed)
  }
}

function say(stream: { write(text: string): unknown }, text: string, code: number): number {
  stream.write(text)
  return code
}

function parse(
  args: readonly string[],
  { options, operand }: FleetCommand,
): { given: Given; names: readonly string[] } {
  const taken = Object.entries({ ...options, help: 'flag' }).map(
    ([name, value]) =>
      [name, { type: value === 'flag' ? 'boolean' : 'string', ...(name === 'help' ? { short: 'h' } : {}) }] as const,
  )
  const { values, positionals } = parseWords(args, Object.fromEntries(taken))
  const given = values as Given
  if (given.help !== true && positionals.length !== (operand === undefined ? 0 : 1))
    throw new UsageFault(operand === undefined ? 'this command takes options only' : 'name one device, as SITE/DEVICE')
  return { given, names: positionals }
}

function parseWords(args: readonly string[], options: NonNullable<ParseArgsConfig['options']>) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch {
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
