import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { SepsisRiskError } from '../errors.ts'
import { sepsisInputs } from '../inputs.ts'
import { parseStay } from '../stay.ts'
import { readStayFiles } from '../stay-files.ts'
import { type TrainingStay, trainingStay } from '../training/dataset.ts'
import { bestThreshold, evaluate, rankedHours } from '../training/evaluation.ts'
import { type FittedModel, fitModel, scoreStay, stayProbabilities } from '../training/fit.ts'
import { referenceHistograms } from '../training/histograms.ts'
import { type LogisticLine, logisticLine } from '../training/metrics.ts'
import { splitStays } from '../training/split.ts'

/**
 * Trains the sepsis score and measures it: `train.ts --data DIR`. Writes weights.json and measured.json beside this
 * folder. The same stays give the same files; the formatter lays them out afterwards.
 */
const SEED = 20_190_119
const OPTIONS = { hidden: [32], epochs: 16, batch: 256, learningRate: 3e-3, weightDecay: 1e-2 } as const
const MEMBERS = 4
const { values: options } = parseArgs({ options: { data: { type: 'string' } } })
if (options.data === undefined) throw new SepsisRiskError('stays_unreadable')
const parts = splitStays(await readStays(options.data), SEED)
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

function plattOf(model: FittedModel, stays: readonly TrainingStay[]): LogisticLine {
  const raw = stays.map((stay) => ({ stay, probabilities: stayProbabilities(model, stay) }))
  const { slope, intercept } = logisticLine(
    rankedHours(raw),
    stays.map(() => 1),
  )
  return { slope: Number(slope.toPrecision(6)), intercept: Number(intercept.toPrecision(6)) }
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
