import agreementFile from './agreement.json' with { type: 'json' }
import measuredFile from './measured.json' with { type: 'json' }
import trainingFile from './training.json' with { type: 'json' }

/** What the training library itself says of one drawing. */
export interface DrawingAgreement {
  readonly frontal: readonly number[]
  /** By quarter turns clockwise. */
  readonly rotation: readonly number[]
  readonly inverted: readonly number[]
  readonly mirrored: readonly number[]
}

/** Written by train/train.py; nobody edits them. */
export const training = trainingFile
export const measured = measuredFile
export const agreement: Readonly<Record<string, DrawingAgreement>> = agreementFile
