import { printable } from '../../models/package/inspection-text.ts'
import { type ModelDetailBody, modelDetailSchema } from '../http/contract-models.ts'
import { slotSchema } from '../http/request-schemas.ts'
import { type Box, open } from './box-client.ts'
import { type BoxIo, boxExitCodes, boxExitMeanings, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues } from './box-settings.ts'
import { Misuse, readArgs } from './model-client.ts'
import { size } from './model-text.ts'

export const modelShowEntry = {
  name: 'model show',
  synopsis: 'SLOT [options]',
  summary: 'what runs in a slot: card, self-test, worker, where it runs',
  operand: 'text',
  options: { ...boxOptionValues, json: 'flag', card: 'flag' },
  exitCodes: boxExitMeanings,
} as const

const USAGE = `Usage: wardstone model show SLOT [options]

Shows what runs in a slot: what it is for and what not, how it was validated, the self-test that let it run here, its worker and
where it runs. For engineers and privacy officers. "wardstone model list" shows what is staged and what is kept.

  --card              the model card of the package and nothing else
  --json              the answer of the box as one JSON object
${BOX_HELP}
Examples:
  wardstone model show news2
  wardstone model show news2 --card | less

Exit codes: 0 shown, 1 refused, or there is none, 2 wrong usage, 20 the box could not be asked, 130 interrupted.
`

/** `wardstone model show`. @returns the exit code */
export function modelShowCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      card: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    const [slot = '', ...others] = positionals
    if (others.length > 0 || !slotSchema.safeParse(slot).success) throw new Misuse('name one slot')
    const { json, card } = values
    return { box: values, json, run: (box) => show(box, slot, { json, card }, io) }
  })
}

async function show(box: Box, slot: string, shown: { json: boolean; card: boolean }, io: BoxIo): Promise<number> {
  const detail = await box.get(`/v1/models/${slot}`, open(modelDetailSchema))
  if (shown.json) io.stdout.write(`${JSON.stringify(detail)}\n`)
  else if (shown.card) io.stdout.write(lines((detail.release?.card ?? 'The package has no card.').split('\n')))
  else io.stdout.write(lines(detailLines(detail)))
  return boxExitCodes.done
}

function lines(texts: readonly string[]): string {
  return texts.map((line) => `${printable(line)}\n`).join('')
}

const WIDTH = 14
const row = (name: string, value: string): string => `  ${name.padEnd(WIDTH)}  ${value}`

function detailLines({ slot, state, fault, release, worker, selfTest }: ModelDetailBody): string[] {
  const title = release === null ? `${slot}: no release` : `${release.display} (${slot} ${release.version}): ${state}`
  return [
    title,
    ...(fault === null ? [] : [row('FAULT', `${fault.message} [${fault.code}]`)]),
    ...(fault?.todo ? [row('what to do', fault.todo)] : []),
    ...(release === null ? [] : releaseLines(release)),
    ...(worker === null ? [] : ['', 'Worker', ...workerLines(worker)]),
    ...(selfTest === null ? [] : ['', 'Self-test on this box', ...selfTestLines(selfTest)]),
  ]
}

function releaseLines(release: NonNullable<ModelDetailBody['release']>): string[] {
  const { metrics } = release.validation
  const interval = (low: number | null, high: number | null) =>
    low === null || high === null ? '' : ` (${low} to ${high})`
  return [
    row('status', release.clinicalStatus),
    row('for', release.intendedUse),
    row('population', release.population),
    row('not for', release.contraindications.join('; ') || 'nothing stated'),
    row(
      'gives',
      release.outputs
        .map(({ display, role, unit }) => `${display} (${role}${unit === '1' ? '' : `, ${unit}`})`)
        .join(', '),
    ),
    row(
      'explains by',
      `${release.explanation.method}${release.explanation.reason === null ? '' : `: ${release.explanation.reason}`}`,
    ),
    ...metrics.map(({ name, value, low, high, on }) =>
      row('validated', `${name} ${value}${interval(low, high)} on ${on}`),
    ),
    row('made by', release.provenance),
    row('licence', release.licence),
    row('memory', size(release.memoryBytes)),
    row('package', release.packageHash),
  ]
}

function workerLines({
  state,
  restarts,
  lastFailure,
  provider,
  isolation,
}: NonNullable<ModelDetailBody['worker']>): string[] {
  const passed = provider?.passedOver ?? []
  return [
    row('state', `${state}, ${restarts} restarts${lastFailure === null ? '' : `, last failure ${lastFailure}`}`),
    ...(provider === null ? [] : [row('runs on', `${provider.provider}, ${provider.threads} threads`)]),
    ...passed.map((each) => row('not on', `${each.provider}: ${each.reason} (${each.about})`)),
    ...(isolation === null ? [] : [row('isolation', `${isolation.level}: ${isolation.reason}`)]),
  ]
}

function selfTestLines(test: NonNullable<ModelDetailBody['selfTest']>): string[] {
  const depends = test.explanationDependsOnModel
  return [
    row('at', test.at),
    row(
      'vectors',
      `${test.goldenVectors}, largest difference ${test.largestDifference ?? 'not kept'} (tolerance ${test.tolerance})`,
    ),
    ...(depends === null
      ? []
      : [row('explanation', depends ? 'depends on the model, as it must' : 'DOES NOT DEPEND ON THE MODEL')]),
  ]
}
