import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const sepsisRiskErrors = {
  stay_malformed: 'The file is not an hourly ICU stay in the layout of the PhysioNet/CinC Challenge 2019.',
  stay_oversized: 'The file holds more hours, columns or bytes than a stay may have.',
  stays_unreadable: 'No ICU stays could be read there. Give a folder or archive that holds .psv files.',
  stays_oversized: 'The folder or archive holds more ICU stays or bytes than are read at once.',
  training_invalid: 'The model cannot be trained on these stays: a part of the split has no patient of one kind.',
} as const

export class SepsisRiskError extends WardstoneError<keyof typeof sepsisRiskErrors> {
  constructor(code: keyof typeof sepsisRiskErrors, options?: WardstoneErrorOptions) {
    super(code, sepsisRiskErrors[code], options)
  }
}
