import { feedbackAnswerSchema } from '../http/contract.ts'
import { decisionIdSchema } from '../http/request-schemas.ts'
import { open } from './box-client.ts'
import { type BoxIo, boxExitCodes, boxExitMeanings, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues } from './box-settings.ts'
import { Misuse, readArgs } from './model-client.ts'

export const decisionFeedbackEntry = {
  name: 'decision feedback',
  synopsis: 'ID (--accept | --override) --reason-stdin [options]',
  summary: 'say that a decision is accepted or overridden, and why',
  operand: 'text',
  options: {
    ...boxOptionValues,
    accept: 'flag',
    override: 'flag',
    reason: 'text',
    'reason-stdin': 'flag',
    json: 'flag',
  },
  exitCodes: boxExitMeanings,
} as const

const USAGE = `Usage: wardstone decision feedback ID (--accept | --override) (--reason-stdin | --reason TEXT) [options]

Records that a clinician accepts a decision or overrides it, in their words: one line, kept under the patient's key. It takes the
certificate of a clinician.

  --accept            the decision was followed
  --override          it was not
  --reason-stdin      why, on standard input
  --reason TEXT       why; everybody on this machine can read the arguments of a process: say nothing of the patient this way
  --json              one JSON object
${BOX_HELP}
Examples:
  echo "The rate was counted during physiotherapy." |
    wardstone decision feedback 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4 --override --reason-stdin
  wardstone decision feedback 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4 --accept --reason "Reviewed on the round."

Exit codes: 0 recorded, 1 refused, 2 wrong usage, 20 the box could not be asked, 130 interrupted.
`

/** `wardstone decision feedback`. @returns the exit code */
export function decisionFeedbackCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, async () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      accept: { type: 'boolean', default: false },
      override: { type: 'boolean', default: false },
      reason: { type: 'string' },
      'reason-stdin': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    const [id = '', ...others] = positionals
    if (others.length > 0 || !decisionIdSchema.safeParse(id).success) throw new Misuse('ID is that of a decision')
    if (values.accept === values.override) throw new Misuse('--accept or --override')
    if ((values.reason === undefined) !== values['reason-stdin']) throw new Misuse('--reason-stdin or --reason TEXT')
    const reason =
      values.reason ??
      Buffer.from(await io.readInput('Reason: '))
        .toString('utf8')
        .trim()
    const { json } = values
    return {
      ...{ box: values, json },
      run: async (box) => {
        const feedback = { verdict: values.accept ? 'accept' : 'override', reason }
        const answer = await box.post(`/v1/decisions/${id}/feedback`, feedback, open(feedbackAnswerSchema))
        const said = `Recorded as leaf ${answer.audit.leafIndex}: the decision is ${values.accept ? 'accepted' : 'overridden'}.\n`
        io.stdout.write(json ? `${JSON.stringify(answer)}\n` : said)
        return boxExitCodes.done
      },
    }
  })
}
