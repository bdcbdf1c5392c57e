import agreementFile from './agreement.json' with { type: 'json' }
import calibrationFile from './calibration.json' with { type: 'json' }
import measuredFile from './measured.json' with { type: 'json' }
import trainingFile from './training.json' with { type: 'json' }

/** What `bin/measure.ts` chose on the calibration part. Nobody edits it. */
export interface SepsisCalibration {
  readonly platt: { readonly slope: number; readonly intercept: number }
  readonly threshold: { readonly alertAt: number; readonly clearBelow: number }
  /** How the inputs were distributed over the answered hours of the calibration part. */
  readonly histograms: readonly {
    readonly input: string
    readonly edges: readonly number[]
    readonly counts: readonly number[]
  }[]
}

/** What training says of one made-up stay: which hours the guards let through, their features' hash, their raw scores. */
export interface StayAgreement {
  readonly answered: readonly number[]
  readonly featuresSha256: string
  readonly scores: readonly number[]
}

/** Written by train/train.py: how it trained, and the explanation's baseline by feature column. */
export const training: Omit<typeof trainingFile, 'baseline'> & { readonly baseline: Readonly<Record<string, number>> } =
  trainingFile
export const agreement: Readonly<Record<string, StayAgreement>> = agreementFile
export const calibration: SepsisCalibration = calibrationFile
export const measured = measuredFile
