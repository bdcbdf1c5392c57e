import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { type Clock, systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { silentLog } from '../../device/platform/log.ts'
import { IcuStayError } from '../../models/icu-stays/errors.ts'
import { type IcuStay, parseIcuStay } from '../../models/icu-stays/stay.ts'
import { readStayFiles, type StayFile } from '../../models/icu-stays/stay-files.ts'
import { printable } from '../../models/package/inspection-text.ts'
import type { PackagePaths } from '../../models/package/verify.ts'
import { GRANT_FILE, IMAGE_FILE, modelStore, PACKAGE_FILE, releasePaths, SLOT_NAME } from '../../models/store/layout.ts'
import { readSlotPointer } from '../../models/store/pointer.ts'
import { runtimeConfigSchema } from '../config.ts'
import type { ActiveModel } from '../decisions/types.ts'
import { RuntimeError } from '../errors.ts'
import { measure, type ScoredStay } from '../evaluation/figures.ts'
import { openModel } from '../evaluation/opened-model.ts'
import { createStayScorer, probabilityOf } from '../evaluation/scored-stays.ts'
import { pinnedTrust } from '../models.ts'
import { SiteFiles } from '../site-files.ts'
import type { Command } from './command.ts'
import { explainCode } from './model-advice.ts'
import { type Measured, measuredText, progressText } from './model-score-text.ts'

const USAGE = `Usage: wardstone model score MODEL --data DIR [options]

Measures a model on hourly ICU stays with known outcome: the utility of the PhysioNet/CinC Challenge 2019, AUROC, alerts
per 100 patient-days, how many of them were right, septic stays missed. Every hour goes the way of a decision: guards,
preprocessing, the model in its isolated worker, postprocessing. Nothing is recorded, and no slot changes. In time is from
12 h before to 3 h after the onset; an alert stands from its threshold until the value is below clearBelow.

MODEL is a slot of this site, or a folder with package.wspkg, grant.json and image.json (a release folder of the store has
image.json two folders above). It is opened as the runtime opens it, and has to put out one probability.

  --data DIR      a folder of .psv files, one that holds patients.tar.gz, or such an archive
  --alert-at P    the probability from which to alert (default: the threshold of the package)
  --stays N       the first N stays alone
  --seed N        of the bootstrap over stays that gives the intervals (default 1)
  --draws N       of the bootstrap, 0 to 10,000 (default 400)
  --json          JSON on standard output, and no other words

Examples:
  wardstone model score sepsis-risk --data /data/icu-stays
  wardstone model score updates/sepsis-risk-0.2.0 --data patients.tar.gz --stays 200 --json

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted.
`

export const scoreExitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

export interface ScoreIo {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly clock: Clock
  /** Aborted when the operator interrupts the command. */
  readonly interrupted: AbortSignal
}

interface Options {
  readonly model: string
  readonly data: string
  readonly alertAt: number | undefined
  readonly stays: number | undefined
  readonly seed: number
  readonly draws: number
  readonly json: boolean
}

const MAX_DRAWS = 10_000
/** Room for the hours that are on their way at once, whatever the box is set to in use. */
const QUEUE = 64
const PROGRESS_MS = 5000
const PROGRESS_TTY_MS = 500

/** `wardstone model score` as the command line runs it. */
export const modelScore: Command = {
  name: 'model score',
  synopsis: 'MODEL --data DIR [options]',
  summary: 'measure a model on ICU stays with known outcome',
  operand: 'folder',
  options: {
    ...{ data: 'file', 'alert-at': 'text', stays: 'text', seed: 'text', draws: 'text' },
    json: 'flag',
  },
  exitCodes: { [scoreExitCodes.failed]: 'failed or refused', [scoreExitCodes.interrupted]: 'interrupted' },
  run: async (args, site) => {
    const interruption = new AbortController()
    process.once('SIGINT', () => interruption.abort())
    const { stdout, stderr } = process
    return await modelScoreCommand(args, site, { stdout, stderr, clock: systemClock, interrupted: interruption.signal })
  },
}

/** `wardstone model score`. @returns the exit code */
export async function modelScoreCommand(args: readonly string[], site: string, io: ScoreIo): Promise<number> {
  const options = parseOptions(args)
  if (options === 'help' || options === undefined) {
    ;(options === 'help' ? io.stdout : io.stderr).write(USAGE)
    return options === 'help' ? scoreExitCodes.done : scoreExitCodes.usage
  }
  try {
    const measured = await scoreModel(options, site, io)
    if (measured === undefined) return scoreExitCodes.interrupted
    io.stdout.write(options.json ? `${JSON.stringify(measured)}\n` : measuredText(measured))
    return scoreExitCodes.done
  } catch (error) {
    return explain(error, options.json, io)
  }
}

/** @returns undefined when interrupted */
async function scoreModel(options: Options, site: string, io: ScoreIo): Promise<Measured | undefined> {
  const root = resolve(site)
  const configPath = join(root, 'runtime.json')
  if (!existsSync(configPath)) throw new RuntimeError('runtime_site_missing', { about: configPath })
  const config = loadConfig(configPath, runtimeConfigSchema)
  const files = new SiteFiles(root)
  const paths = packagePaths(options.model, files.path(config.store))
  const trust = await pinnedTrust(config, files, createCryptoProvider())
  io.stderr.write(`Opening and proving ${printable(options.model)}\n`)
  const model = await openModel(paths, trust, { ...config.inference, maxQueue: QUEUE }, { ...io, log: silentLog })
  try {
    return await scoreFiles(options, model, io)
  } finally {
    await model.worker.stop()
  }
}

async function scoreFiles(options: Options, model: ActiveModel, io: ScoreIo): Promise<Measured | undefined> {
  const { manifest, packageHash } = model
  const threshold = thresholdOf(manifest.contract, options.alertAt)
  const scorer = createStayScorer(model, io.clock)
  const { stays: maxStays } = options
  const texts = await readStayFiles(options.data, ...(maxStays === undefined ? [] : [{ maxStays }]))
  const report = progressOf(texts.length, io)
  const scored: ScoredStay[] = []
  for (const file of texts) {
    if (io.interrupted.aborted) return undefined
    scored.push(await scorer.score(stayOf(file)))
    report(scored)
  }
  const { seed, draws } = options
  return {
    model: manifest.modelId,
    version: manifest.version,
    packageHash,
    stays: scored.length,
    septicStays: scored.filter(({ onset }) => onset !== undefined).length,
    hours: scored.reduce((sum, { probabilities }) => sum + probabilities.length, 0),
    threshold,
    refusals: Object.fromEntries([...scorer.refusals].sort(([, left], [, right]) => right - left)),
    bootstrap: { seed, draws },
    figures: measure(scored, threshold, { seed, draws }),
  }
}

/** What is wrong with one of thousands of files is of use only with its name. */
function stayOf({ name, text }: StayFile): IcuStay {
  try {
    return parseIcuStay(text)
  } catch (cause) {
    if (!(cause instanceof IcuStayError)) throw cause
    throw new IcuStayError(cause.code, {
      cause,
      about: cause.about === undefined ? name : `${name}, ${cause.about}`,
    })
  }
}

/** A threshold of one's own has no hysteresis; that of the package counts where it is on the probability. */
function thresholdOf(
  contract: ActiveModel['manifest']['contract'],
  alertAt: number | undefined,
): Measured['threshold'] {
  if (alertAt !== undefined) return { alertAt, clearBelow: alertAt }
  const { threshold } = contract
  if (threshold === null || threshold.output !== probabilityOf(contract)) return null
  return { alertAt: threshold.alertAt, clearBelow: threshold.clearBelow }
}

/** A slot by its name, else a folder as it is handed out, else one as it lies in the store. */
function packagePaths(model: string, storeRoot: string): PackagePaths {
  const isFolder = existsSync(model) && statSync(model).isDirectory()
  if (!isFolder && SLOT_NAME.test(model)) {
    const store = modelStore(storeRoot)
    return releasePaths(store, readSlotPointer(store, model).active)
  }
  const beside = join(model, IMAGE_FILE)
  return {
    package: join(model, PACKAGE_FILE),
    grant: join(model, GRANT_FILE),
    image: existsSync(beside) ? beside : join(model, '..', '..', IMAGE_FILE),
  }
}

function progressOf(total: number, { stderr, clock }: ScoreIo): (scored: readonly ScoredStay[]) => void {
  const startedMs = clock.monotonicMs()
  const everyMs = stderr.isTTY === true ? PROGRESS_TTY_MS : PROGRESS_MS
  let saidMs = startedMs
  return (scored) => {
    const nowMs = clock.monotonicMs()
    const isDone = scored.length === total
    if (nowMs - saidMs < everyMs && !isDone) return
    saidMs = nowMs
    const hours = scored.reduce((sum, { probabilities }) => sum + probabilities.length, 0)
    const text = progressText(scored.length, total, hours, nowMs - startedMs)
    stderr.write(stderr.isTTY === true && !isDone ? `\r${text}` : `${stderr.isTTY === true ? '\r' : ''}${text}\n`)
  }
}

function explain(error: unknown, isJson: boolean, io: ScoreIo): number {
  if (!isWardstoneError(error)) throw error
  const { message, advice } = explainCode(error.code, error.message)
  const about = error.about === undefined || message.endsWith(`(${error.about})`) ? '' : ` (${error.about})`
  if (isJson) io.stdout.write(`${JSON.stringify({ error: { code: error.code, message, about: error.about } })}\n`)
  else
    io.stderr.write(
      printable(`${message}${about} [${error.code}]`).concat(
        '\n',
        advice === undefined ? '' : `What to do: ${advice}\n`,
      ),
    )
  return scoreExitCodes.failed
}

function parseOptions(args: readonly string[]): Options | 'help' | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: 'string' },
        'alert-at': { type: 'string' },
        stays: { type: 'string' },
        seed: { type: 'string', default: '1' },
        draws: { type: 'string', default: '400' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return 'help'
    const [model, ...others] = positionals
    const { data, json } = values
    const alertAt = number(values['alert-at'], (value) => value >= 0 && value <= 1)
    const stays = number(values.stays, (value) => Number.isSafeInteger(value) && value > 0)
    const seed = number(values.seed, (value) => Number.isSafeInteger(value) && value >= 0) ?? 1
    const draws = number(values.draws, (value) => Number.isSafeInteger(value) && value >= 0 && value <= MAX_DRAWS) ?? 0
    if (model === undefined || others.length > 0 || data === undefined) return undefined
    if ([alertAt, stays, seed, draws].some(Number.isNaN)) return undefined
    return { model, data, alertAt, stays, seed, draws, json }
  } catch {
    return undefined
  }
}

/** @returns NaN for what is not such a number */
function number(text: string | undefined, isGood: (value: number) => boolean): number | undefined {
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return isGood(value) ? value : Number.NaN
}
