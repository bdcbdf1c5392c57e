import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const inferenceErrors = {
  inference_deadline:
    'The model did not answer before the deadline. A worker that stays busy with the request is stopped and started again.',
  inference_worker_lost: 'The process that ran the model ended while it worked on this request. It is restarting.',
  inference_out_of_memory: 'The model ran out of memory while it worked on this request.',
  inference_cancelled: 'Whoever asked left before the model was run through. There is no result.',
  inference_failed: 'The model could not compute this request.',
  inference_unavailable: 'The model is not ready: its worker is starting or waits before it is started again.',
  inference_overloaded: 'Too many requests wait for this model, or so much that this one would miss its deadline.',
  inference_load_failed: 'The model could not be loaded.',
  inference_provider_missing: 'The execution provider that the package requires cannot be had on this device.',
  inference_explanation_independent:
    'The explanation of the model does not depend on it: with other parameters it is the same.',
  inference_self_test_failed: 'The model does not reproduce its golden vectors on this device.',
} as const

export type InferenceErrorCode = keyof typeof inferenceErrors

export class InferenceError extends WardstoneError<InferenceErrorCode> {
  constructor(code: InferenceErrorCode, options?: WardstoneErrorOptions) {
    super(code, inferenceErrors[code], options)
  }
}
