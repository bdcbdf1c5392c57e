import { createHash } from 'node:crypto'
import { SepsisRiskError } from '../errors.ts'
import { training } from '../weights.ts'
import type { TrainingStay } from './scoring.ts'

export type Part = 'training' | 'calibration' | 'heldOut'

/** Of the stays; the rest is held out: used for nothing but the figures. train/stays.py draws the same. */
const TRAINING_SHARE = 0.55
const CALIBRATION_SHARE = 0.15

/** The part of a stay (one stay is one patient): by its name and the seed alone, whatever other stays there are. */
export function partOf(name: string): Part {
  const digest = createHash('sha256').update(`${training.splitSeed}:${name}`).digest()
  const draw = digest.readUInt32BE(0) / 2 ** 32
  if (draw < TRAINING_SHARE) return 'training'
  return draw < TRAINING_SHARE + CALIBRATION_SHARE ? 'calibration' : 'heldOut'
}

/** @throws SepsisRiskError training_invalid when a part lacks stays with or without sepsis */
export function verifyPart(stays: readonly TrainingStay[]): void {
  if (new Set(stays.map((stay) => stay.onset !== undefined)).size !== 2) throw new SepsisRiskError('training_invalid')
}
