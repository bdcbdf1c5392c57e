import { healthAnswerSchema, modelsAnswerSchema } from '../http/contract.ts'
import { type Box, open } from './box-client.ts'
import { type BoxIo, boxExitMeanings, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues } from './box-settings.ts'
import { Misuse, readArgs } from './model-client.ts'
import { fitnessOf, statusText, verdictOf } from './status-text.ts'

/** The verdict, for a script that looks every minute. */
export const statusExitCodes = { fit: 0, faults: 10, unfit: 11 } as const

export const statusEntry = {
  name: 'status',
  synopsis: '[options]',
  summary: 'is the box fit for use? why not, what to do, model by model',
  options: { ...boxOptionValues, json: 'flag' },
  exitCodes: {
    ...boxExitMeanings,
    [statusExitCodes.faults]: 'fit for use, with faults',
    [statusExitCodes.unfit]: 'not fit for use',
  },
} as const

const USAGE = `Usage: wardstone status [options]

Is the box fit for use? One verdict with its reasons, the alarms with what to do, and every model. Any role may ask.

  --json              one JSON object: verdict, url, health (as the box answers it), models
${BOX_HELP}
Examples:
  wardstone status
  wardstone status --client engineer.json --json
  wardstone status --url https://127.0.0.1:8443 --certificate engineer.pem --key engineer.key --authority ca.pem

Exit codes: 0 fit for use, 10 fit for use with faults, 11 not fit for use, 1 refused, 2 wrong usage, 20 the box could not be asked or
did not answer: then it is not fit for use either, for whoever stands before it; 130 interrupted.
`

/** `wardstone status`. @returns the exit code */
export function statusCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    if (positionals.length > 0) throw new Misuse('status takes options only')
    return { box: values, json: values.json, run: (box) => show(box, values.json, io) }
  })
}

async function show(box: Box, json: boolean, io: BoxIo): Promise<number> {
  const health = await box.get('/v1/health', open(healthAnswerSchema))
  const { models } = await box.get('/v1/models', open(modelsAnswerSchema))
  const all = { verdict: verdictOf(health).toLowerCase(), url: box.url, health, models }
  io.stdout.write(json ? `${JSON.stringify(all)}\n` : statusText(health, models, box.url))
  return statusExitCodes[fitnessOf(health)]
}
