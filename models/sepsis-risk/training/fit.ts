import { seededRandom } from '../../synthetic/seeded-random.ts'
import { featureColumns, sepsisInputs } from '../inputs.ts'
import { type Layer, type Network, networkProbability, type Scale } from '../network.ts'
import { featureRow, isLabelled, type TrainingStay } from './dataset.ts'
import type { ScoredStay } from './evaluation.ts'
import { calibrated, type LogisticLine } from './metrics.ts'
import { sixDigits, type TrainingOptions, type TrainingRows, trainLayers } from './optimizer.ts'

export const columnScales: readonly Scale[] = featureColumns.map((_, column) => sepsisInputs[column]?.scale ?? 'linear')

/** What is needed to score an hour. */
export interface Scorer {
  /** What a missing value of each input becomes: the median of the training hours. */
  readonly fill: readonly number[]
  readonly network: Network
}

export interface FittedModel extends Scorer {
  /** Mean of each feature column over the training hours, in physical units. */
  readonly baseline: readonly number[]
}

interface LabelledRow {
  readonly features: readonly number[]
  readonly label: boolean
}

/** Fits the network on every scored hour of the training stays. */
export function fitModel(
  stays: readonly TrainingStay[],
  options: TrainingOptions,
  members: number,
  seed: number,
): FittedModel {
  const fill = medians(stays)
  const rows = labelledRows(stays, fill)
  const baseline = columnMeans(rows.map(({ features }) => features))
  const scaled = rows.map(({ features }) => features.map(scaleColumn))
  const mean = columnMeans(scaled).map(sixDigits)
  const sd = columnMeans(scaled.map((row) => row.map((value, column) => (value - mean[column]!) ** 2))).map(Math.sqrt)
  const standard = { mean, sd: sd.map(sixDigits) }
  const training = trainingRows(scaled, rows, standard)
  const single = Array.from({ length: members }, (_, member) =>
    trainLayers(training, options, seededRandom(seed + 1 + member)),
  )
  return { fill, network: { ...standard, layers: averageLogits(single) }, baseline: baseline.map(sixDigits) }
}

/** The model's probability for each hour, before calibration; undefined where the guards refuse the hour. */
export function stayProbabilities(model: Scorer, stay: TrainingStay): (number | undefined)[] {
  return stay.hours.map(
    ({ values }) => values && networkProbability(model.network, featureRow(values, model.fill), columnScales),
  )
}

/** The calibrated probability of each hour. */
export function scoreStay(model: Scorer, platt: LogisticLine, stay: TrainingStay): ScoredStay {
  const probabilities = stayProbabilities(model, stay).map((raw) =>
    raw === undefined ? undefined : calibrated(raw, platt),
  )
  return { stay, probabilities }
}

function medians(stays: readonly TrainingStay[]): number[] {
  return sepsisInputs.map((_, column) => {
    const seen = stays.flatMap(({ hours }) => hours.map(({ values }) => values?.[column] ?? Number.NaN))
    const sorted = Float64Array.from(seen.filter((value) => !Number.isNaN(value))).sort()
    return sorted[sorted.length >> 1] ?? 0
  })
}

function labelledRows(stays: readonly TrainingStay[], fill: readonly number[]): LabelledRow[] {
  return stays.flatMap((stay) =>
    stay.hours.flatMap(({ hour, values }) =>
      values === undefined ? [] : [{ features: featureRow(values, fill), label: isLabelled(stay, hour) }],
    ),
  )
}

function scaleColumn(value: number, column: number): number {
  return columnScales[column] === 'logarithm' ? Math.log(value) : value
}

function columnMeans(rows: readonly (readonly number[])[]): number[] {
  const sums = new Float64Array(rows[0]?.length ?? 0)
  for (const row of rows) {
    row.forEach((value, column) => {
      sums[column]! += value
    })
  }
  return Array.from(sums, (sum) => sum / rows.length)
}

function trainingRows(
  scaled: readonly (readonly number[])[],
  rows: readonly LabelledRow[],
  standard: { readonly mean: readonly number[]; readonly sd: readonly number[] },
): TrainingRows {
  const columns = standard.mean.length
  const features = new Float64Array(scaled.length * columns)
  scaled.forEach((row, index) => {
    row.forEach((value, column) => {
      features[index * columns + column] = (value - standard.mean[column]!) / standard.sd[column]!
    })
  })
  return { columns, features, labels: Uint8Array.from(rows, ({ label }) => (label ? 1 : 0)) }
}

/** Networks of one hidden layer, as one: hidden units side by side, output weights divided. Its logit is their mean logit. */
function averageLogits(members: readonly (readonly Layer[])[]): Layer[] {
  const hidden = members.map((layers) => layers[0]!)
  const output = members.map((layers) => layers[1]!)
  const share = (value: number) => sixDigits(value / members.length)
  return [
    { weights: hidden.flatMap(({ weights }) => weights), bias: hidden.flatMap(({ bias }) => bias) },
    {
      weights: [output.flatMap(({ weights }) => weights.flat().map(share))],
      bias: [sixDigits(output.reduce((sum, { bias }) => sum + bias[0]!, 0) / members.length)],
    },
  ]
}
