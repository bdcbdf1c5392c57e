import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { seededRandom } from '../../synthetic/seeded-random.ts'
import { SepsisRiskError } from '../errors.ts'
import { sepsisInputs } from '../inputs.ts'
import { parseStay } from '../stay.ts'
import { readStayFiles } from '../stay-files.ts'
import { type TrainingStay, trainingStay } from '../training/dataset.ts'
import { bestThreshold, evaluate, rankedHours, type ScoredStay } from '../training/evaluation.ts'
import { type FittedModel, fitModel, stayProbabilities } from '../training/fit.ts'
import { referenceHistograms } from '../training/histograms.ts'
import { calibrated, type LogisticLine, logisticLine } from '../training/metrics.ts'

/**
 * Trains the sepsis score and measures it: `train.ts --data DIR`. Writes weights.json and measured.json beside this
 * folder. The same stays give the same files; the formatter lays them out afterwards.
 */
const SEED = 20_190_119
const OPTIONS = { hidden: [32], epochs: 16, batch: 256, learningRate: 3e-3, weightDecay: 1e-2 } as const
const MEMBERS = 4
/** Of the stays, drawn by patient: the rest is held out and looked at once. */
const TRAINING_SHARE = 0.6
const CALIBRATION_SHARE = 0.2

type Part = 'training' | 'calibration' | 'heldOut'

const { values: options } = parseArgs({ options: { data: { type: 'string' } } })
if (options.data === undefined) throw new SepsisRiskError('stays_unreadable')
const parts = split(await readStays(options.data))
const model = fitModel(parts.training, OPTIONS, MEMBERS, SEED)
const platt = plattOf(model, parts.calibration)
const scored = (stays: readonly TrainingStay[]) => stays.map((stay) => scoreStay(model, platt, stay))
const threshold = bestThreshold(scored(parts.calibration))
write('weights.json', {
  fill: Object.fromEntries(sepsisInputs.map((input, column) => [input.name, model.fill[column]])),
  network: model.network,
  platt,
  threshold,
  baseline: model.baseline,
  histograms: referenceHistograms(parts.training),
})
write('measured.json', {
  seed: SEED,
  options: { ...OPTIONS, members: MEMBERS },
  stays: Object.fromEntries(Object.entries(parts).map(([part, stays]) => [part, countStays(stays)])),
  heldOut: evaluate(scored(parts.heldOut), threshold, SEED),
})

async function readStays(path: string): Promise<TrainingStay[]> {
  const files = await readStayFiles(path)
  return files.map(({ text }) => trainingStay(parseStay(text))).filter((stay) => stay !== undefined)
}

function split(stays: readonly TrainingStay[]): Record<Part, TrainingStay[]> {
  const random = seededRandom(SEED)
  const parts: Record<Part, TrainingStay[]> = { training: [], calibration: [], heldOut: [] }
  for (const stay of stays) {
    const draw = random.uniform()
    if (draw < TRAINING_SHARE) parts.training.push(stay)
    else if (draw < TRAINING_SHARE + CALIBRATION_SHARE) parts.calibration.push(stay)
    else parts.heldOut.push(stay)
  }
  const usable = Object.values(parts).every((part) => new Set(part.map((stay) => stay.onset !== undefined)).size === 2)
  if (!usable) throw new SepsisRiskError('training_invalid')
  return parts
}

function plattOf(model: FittedModel, stays: readonly TrainingStay[]): LogisticLine {
  const raw = stays.map((stay) => ({ stay, probabilities: stayProbabilities(model, stay) }))
  const { slope, intercept } = logisticLine(
    rankedHours(raw),
    stays.map(() => 1),
  )
  return { slope: Number(slope.toPrecision(6)), intercept: Number(intercept.toPrecision(6)) }
}

function scoreStay(model: FittedModel, platt: LogisticLine, stay: TrainingStay): ScoredStay {
  const probabilities = stayProbabilities(model, stay).map((raw) =>
    raw === undefined ? undefined : calibrated(raw, platt),
  )
  return { stay, probabilities }
}

function countStays(stays: readonly TrainingStay[]) {
  return {
    stays: stays.length,
    septic: stays.filter((stay) => stay.onset !== undefined).length,
    hours: stays.reduce((sum, stay) => sum + stay.hours.length, 0),
  }
}

function write(name: string, content: object): void {
  writeFileSync(new URL(`../${name}`, import.meta.url), `${JSON.stringify(content, null, 2)}\n`)
}
