import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const evaluationErrors = {
  evaluation_output_missing: 'The model has not exactly one probability, so its stays cannot be scored by it.',
  evaluation_inputs_missing: 'The stays have no column for an input that the model cannot do without.',
  evaluation_labels_missing: 'A stay has no column that says when sepsis began, so nothing can be measured on it.',
} as const

export class EvaluationError extends WardstoneError<keyof typeof evaluationErrors> {
  constructor(code: keyof typeof evaluationErrors, options?: WardstoneErrorOptions) {
    super(code, evaluationErrors[code], options)
  }
}
