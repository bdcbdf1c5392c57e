import { seededRandom } from '../../synthetic/seeded-random.ts'
import { SepsisRiskError } from '../errors.ts'
import type { TrainingStay } from './dataset.ts'

export type Part = 'training' | 'calibration' | 'heldOut'

/** Of the stays; the rest is held out: neither fitted to nor used to calibrate or to choose the threshold. */
const TRAINING_SHARE = 0.6
const CALIBRATION_SHARE = 0.2

/**
 * Draws each stay (one stay is one patient) into one part. The same stays in the same order give the same parts.
 * @throws SepsisRiskError training_invalid when a part lacks stays with or without sepsis
 */
export function splitStays(stays: readonly TrainingStay[], seed: number): Record<Part, TrainingStay[]> {
  const random = seededRandom(seed)
  const parts: Record<Part, TrainingStay[]> = { training: [], calibration: [], heldOut: [] }
  for (const stay of stays) parts[partOf(random.uniform())].push(stay)
  const usable = Object.values(parts).every((part) => new Set(part.map((stay) => stay.onset !== undefined)).size === 2)
  if (!usable) throw new SepsisRiskError('training_invalid')
  return parts
}

function partOf(draw: number): Part {
  if (draw < TRAINING_SHARE) return 'training'
  return draw < TRAINING_SHARE + CALIBRATION_SHARE ? 'calibration' : 'heldOut'
}
