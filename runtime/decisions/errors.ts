import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const decisionErrors = {
  decision_unknown: 'There is no decision with this id.',
  subject_missing: 'The request does not say whom it is about, and neither does its image.',
  image_not_kept:
    'What the model saw of the image was too large to be kept with the decision. Give the files of the image.',
  image_unknown: 'The decision has no image, or the image was refused before the model saw anything of it.',
  output_unknown: 'The decision has no output of this name that is kept apart from its answer.',
  feedback_limit: 'This decision already has as much feedback as one decision may have. Nothing was recorded.',
  model_unknown: 'There is no model in this slot. GET /v1/models lists the slots.',
  model_loading: 'The model in this slot is being loaded and proven. Try again in a moment.',
  model_unavailable: 'The model in this slot could not be loaded, so it cannot decide. GET /v1/health says why.',
} as const

export class DecisionError extends WardstoneError<keyof typeof decisionErrors> {
  constructor(code: keyof typeof decisionErrors, options?: WardstoneErrorOptions) {
    super(code, decisionErrors[code], options)
  }
}
