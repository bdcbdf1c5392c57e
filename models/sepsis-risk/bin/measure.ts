import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import type { Tensors } from '../../contract/tensor.ts'
import { IcuStayError } from '../../icu-stays/errors.ts'
import { parseIcuStay } from '../../icu-stays/stay.ts'
import { readStayFiles } from '../../icu-stays/stay-files.ts'
import { SepsisRiskError } from '../errors.ts'
import { hourlyRows } from '../hourly.ts'
import { bestThreshold, evaluate, figureValues, rankedHours, reliabilityBins } from '../training/evaluation.ts'
import { referenceHistograms } from '../training/histograms.ts'
import { logisticLine } from '../training/metrics.ts'
import { calibratedScores, type RawScores, rawScores, type TrainingStay, trainingStay } from '../training/scoring.ts'
import { type Part, partOf, verifyPart } from '../training/split.ts'
import { training } from '../weights.ts'

/**
 * Calibrates the trained model, chooses its threshold and measures it: `measure.ts --data DIR`. Every hour goes through
 * guard, preprocessing and onnxruntime as in service. Writes calibration.json and measured.json beside this folder; the
 * same stays and model give the same files. `--part calibration` stops before the held-out stays are looked at.
 */
const SAMPLE_STAYS = 60
const { values: options } = parseArgs({ options: { data: { type: 'string' }, part: { type: 'string' } } })
if (options.data === undefined) throw new IcuStayError('stays_unreadable')
const folder = new URL('../', import.meta.url)
const session = await InferenceSession.create(readFileSync(new URL('model.onnx', folder)), { intraOpNumThreads: 1 })
const stays = await readParts(options.data)
const chosen = await calibrate(stays.calibration)
write('calibration.json', chosen)
if (options.part !== 'calibration') write('measured.json', await measure(stays.heldOut))

async function calibrate(part: readonly TrainingStay[]) {
  const raw = await rawScores(part, run)
  const line = logisticLine(
    rankedHours(raw.map(({ stay, raw: probabilities }) => ({ stay, probabilities }))),
    part.map(() => 1),
  )
  const platt = { slope: Number(line.slope.toPrecision(6)), intercept: Number(line.intercept.toPrecision(6)) }
  const threshold = bestThreshold(calibrated(raw, platt))
  process.stdout.write(`${JSON.stringify(figureValues(calibrated(raw, platt), threshold))}\n`)
  return { platt, threshold, histograms: referenceHistograms(part) }
}

async function measure(part: readonly TrainingStay[]) {
  const scored = calibrated(await rawScores(part, run), chosen.platt)
  return {
    seed: training.seed,
    modelSha256: training.modelSha256,
    stays: { calibration: countStays(stays.calibration), heldOut: countStays(part) },
    heldOut: evaluate(scored, chosen.threshold, training.seed),
    reliability: reliabilityBins(scored, training.seed),
    // The first held-out stays alone: few enough for a test to measure them again.
    sample: { stays: SAMPLE_STAYS, figures: sampleFigures(scored.slice(0, SAMPLE_STAYS)) },
  }
}

function sampleFigures(scored: Parameters<typeof figureValues>[0]) {
  const { utility, alertsPer100PatientDays, answeredHours, brier } = figureValues(scored, chosen.threshold)
  return { utility, alertsPer100PatientDays, answeredHours, brier }
}

function calibrated(raw: readonly RawScores[], platt: { slope: number; intercept: number }) {
  return calibratedScores(raw, { method: 'platt', ...platt })
}

async function readParts(path: string): Promise<Record<Part, TrainingStay[]>> {
  const parts: Record<Part, TrainingStay[]> = { training: [], calibration: [], heldOut: [] }
  for (const { name, text } of await readStayFiles(path)) {
    const stay = trainingStay(name, partOf(name) === 'training' ? [] : hourlyRows(parseIcuStay(text)))
    if (stay !== undefined) parts[partOf(name)].push(stay)
  }
  verifyPart(parts.calibration)
  verifyPart(parts.heldOut)
  return parts
}

async function run({ features }: Tensors): Promise<Tensors> {
  if (features === undefined) throw new SepsisRiskError('training_invalid')
  const answer = await session.run({ features: new OrtTensor('float32', features.data as Float32Array, features.dims) })
  const { data, dims } = answer.probability as OrtTensor
  return { probability: { dtype: 'float32', dims: [...dims], data: data as Float32Array } }
}

function countStays(part: readonly TrainingStay[]) {
  return {
    stays: part.length,
    septic: part.filter((stay) => stay.onset !== undefined).length,
    hours: part.reduce((sum, stay) => sum + stay.rows.length, 0),
  }
}

function write(name: string, content: object): void {
  writeFileSync(new URL(name, folder), `${JSON.stringify(content, null, 1)}\n`)
}
