import { calibrateProbability } from '../../contract/calibration.ts'
import { Refusal } from '../../contract/errors.ts'
import { guard } from '../../contract/guard.ts'
import { preprocess } from '../../contract/preprocess.ts'
import type { Calibration } from '../../contract/schema.ts'
import type { Tensor, Tensors } from '../../contract/tensor.ts'
import { sepsisRiskContract } from '../contract.ts'
import { featureColumns } from '../features.ts'
import { type HourlyRow, observationsAt } from '../hourly.ts'
import { contextInputs, MINIMUM_AGE_YEARS, OBSERVED_HOURS, seriesInputs } from '../inputs.ts'

/** A stay of a patient of the population, with what is known of its outcome. */
export interface TrainingStay {
  readonly name: string
  readonly rows: readonly HourlyRow[]
  /** Hour of the onset of sepsis; undefined for a stay without. The label starts six hours before. */
  readonly onset: number | undefined
  readonly ageYears: number
  readonly sex: 'female' | 'male' | undefined
}

/** The model's raw probability of each hour; undefined where the guards refuse the hour. */
export interface RawScores {
  readonly stay: TrainingStay
  readonly raw: readonly (number | undefined)[]
}

/** A stay with the calibrated probability of each hour; undefined where the guards refuse the hour. */
export interface ScoredStay {
  readonly stay: TrainingStay
  readonly probabilities: readonly (number | undefined)[]
}

type RunModel = (inputs: Tensors) => Promise<Tensors>

export const LABEL_LEAD_HOURS = 6
const NOW_MS = Date.UTC(2026, 0, 2)
/** Hours in one run of the model: about 4 MB of features. */
const BATCH_STAYS = 200

/** @returns undefined for a patient outside the population. */
export function trainingStay(name: string, rows: readonly HourlyRow[]): TrainingStay | undefined {
  const age = rows[0]?.values.age?.value
  if (typeof age !== 'number' || age < MINIMUM_AGE_YEARS) return undefined
  const labelled = rows.findIndex((row) => row.septic === true)
  const sex = rows[0]?.values.sex?.value
  return {
    name,
    rows,
    ageYears: age,
    sex: sex === 'female' || sex === 'male' ? sex : undefined,
    onset: labelled < 0 ? undefined : (rows[labelled]?.hour ?? 0) + LABEL_LEAD_HOURS,
  }
}

export function isLabelled(stay: TrainingStay, hour: number): boolean {
  return stay.onset !== undefined && hour >= stay.onset - LABEL_LEAD_HOURS
}

/** The tensor's row of each hour by guard and preprocessing, as in service; undefined where the hour is refused. */
export function featureRows(rows: readonly HourlyRow[]): (Float32Array | undefined)[] {
  return rows.map((_, index) => {
    const observed = {
      ...observationsAt(rows, index, seriesInputs, NOW_MS, OBSERVED_HOURS),
      ...observationsAt(rows, index, contextInputs, NOW_MS, 1),
    }
    try {
      const guarded = guard(observed, sepsisRiskContract, NOW_MS)
      return preprocess(guarded, sepsisRiskContract, NOW_MS).features?.data as Float32Array
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  })
}

/** Every hour of every stay through guard, preprocessing and model. */
export async function rawScores(stays: readonly TrainingStay[], run: RunModel): Promise<RawScores[]> {
  const scored: RawScores[] = []
  for (let start = 0; start < stays.length; start += BATCH_STAYS) {
    const batch = stays.slice(start, start + BATCH_STAYS).map((stay) => ({ stay, rows: featureRows(stay.rows) }))
    const rows = batch.flatMap((each) => each.rows.filter((row) => row !== undefined))
    const { probability } = await run({ features: joined(rows) })
    let at = 0
    for (const { stay, rows } of batch) {
      scored.push({ stay, raw: rows.map((row) => row && Number(probability?.data[at++])) })
    }
  }
  return scored
}

export function calibratedScores(scores: readonly RawScores[], calibration: Calibration): ScoredStay[] {
  const calibrated = (raw: number | undefined) =>
    raw === undefined ? undefined : calibrateProbability(raw, calibration)
  return scores.map(({ stay, raw }) => ({ stay, probabilities: raw.map(calibrated) }))
}

function joined(rows: readonly Float32Array[]): Tensor {
  const data = new Float32Array(rows.length * featureColumns.length)
  rows.forEach((row, index) => {
    data.set(row, index * featureColumns.length)
  })
  return { dtype: 'float32', dims: [rows.length, featureColumns.length], data }
}
