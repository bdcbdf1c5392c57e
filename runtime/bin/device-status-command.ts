import { printable } from '../../models/package/inspection-text.ts'
import { type DeviceAnswerBody, deviceAnswerSchema } from '../http/contract.ts'
import { type Box, open } from './box-client.ts'
import { type BoxIo, boxExitCodes, boxExitMeanings, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues } from './box-settings.ts'
import { Misuse, readArgs } from './model-client.ts'
import { size } from './model-text.ts'

const FAULTS = 10

export const deviceStatusEntry = {
  name: 'device status',
  synopsis: '[options]',
  summary: 'the machine: load, disks, posture, certificate, and what is wrong with it',
  options: { ...boxOptionValues, json: 'flag' },
  exitCodes: { ...boxExitMeanings, [FAULTS]: 'something is wrong with the machine' },
} as const

const USAGE = `Usage: wardstone device status [options]

Shows the machine as the box has last seen it: load, memory, disks, temperature, GPUs, how it is protected, its certificate, and what
is wrong with what to do. For engineers and privacy officers.

  --json              the answer of the box as one JSON object
${BOX_HELP}
Examples:
  wardstone device status
  wardstone device status --client engineer.json --json

Exit codes: 0 nothing is wrong, 10 something is, 1 refused, 2 wrong usage, 20 the box could not be asked, 130 interrupted.
`

/** `wardstone device status`. @returns the exit code */
export function deviceStatusCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    if (positionals.length > 0) throw new Misuse('device status takes options only')
    const { json } = values
    return { box: values, json, run: (box) => show(box, json, io) }
  })
}

async function show(box: Box, json: boolean, io: BoxIo): Promise<number> {
  const device = await box.get('/v1/device', open(deviceAnswerSchema))
  io.stdout.write(json ? `${JSON.stringify(device)}\n` : deviceText(device))
  return device.faults.length === 0 ? boxExitCodes.done : FAULTS
}

const WIDTH = 14
const row = (name: string, value: string): string => `  ${name.padEnd(WIDTH)}  ${value}`
const NOT_KNOWN = 'not known'

function deviceText({ at, sample, posture, identity, faults }: DeviceAnswerBody): string {
  const validity =
    identity.notAfter === null ? '' : `, until ${identity.notAfter} (${identity.daysLeft ?? '?'} days left)`
  const lines = [
    `The machine at ${sample?.at ?? at}`,
    ...(sample === null ? ['  no sample was taken yet'] : sampleLines(sample)),
    '',
    'Protection',
    ...Object.values(posture).map(({ question, answer, why }) => `  ${question} ${answer}. ${why}`),
    '',
    'Certificate',
    row(identity.commonName ?? 'none', `${identity.state}${validity}, renewal ${identity.renewal}`),
    ...(faults.length === 0
      ? ['', 'Nothing is wrong.']
      : ['', 'Wrong, and what to do', ...faults.map((fault) => `  ${fault}`)]),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

function sampleLines(sample: NonNullable<DeviceAnswerBody['sample']>): string[] {
  const { cpu, memory, disks, temperatureCelsius, gpus, missing } = sample
  const of = (part: number | null, whole: number | null) =>
    part === null || whole === null ? NOT_KNOWN : `${size(part)} free of ${size(whole)}`
  return [
    row(
      'processors',
      `${cpu.cores ?? NOT_KNOWN}, load ${cpu.loadPercent === null ? NOT_KNOWN : `${cpu.loadPercent.toFixed(0)} %`}`,
    ),
    row('memory', memory === null ? NOT_KNOWN : of(memory.availableBytes, memory.totalBytes)),
    ...disks.map(({ path, freeBytes, totalBytes }) => row('disk', `${path}: ${of(freeBytes, totalBytes)}`)),
    row('temperature', temperatureCelsius === null ? NOT_KNOWN : `${temperatureCelsius} °C`),
    ...gpus.map(({ index, name, utilisationPercent }) =>
      row(
        `GPU ${index}`,
        `${name}, ${utilisationPercent === null ? `load ${NOT_KNOWN}` : `load ${utilisationPercent} %`}`,
      ),
    ),
    ...missing.filter(({ isAbsent }) => !isAbsent).map(({ source, why }) => row(`no ${source}`, why)),
  ]
}
