import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const sepsisRiskErrors = {
  training_invalid: 'The model cannot be trained on these stays: a part of the split has no patient of one kind.',
} as const

export class SepsisRiskError extends WardstoneError<keyof typeof sepsisRiskErrors> {
  constructor(code: keyof typeof sepsisRiskErrors, options?: WardstoneErrorOptions) {
    super(code, sepsisRiskErrors[code], options)
  }
}
