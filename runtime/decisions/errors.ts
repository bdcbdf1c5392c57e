import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const decisionErrors = {
  decision_unknown: 'There is no decision with this id.',
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
