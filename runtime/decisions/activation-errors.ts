import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

/**
 * Why a change of models is not made. The codes that begin with `runtime_` say something of the box at this moment and not of
 * the package: asked again later, they may be gone.
 */
export const activationErrors = {
  runtime_prove_busy: 'Another release is being proven. One is proven at a time.',
  runtime_changes_busy: 'More changes of models wait than are taken. Ask again later.',
  runtime_refusals_limited: 'So many packages were refused lately that no further refusal is recorded for now.',
  runtime_changes_limited: 'So many changes of models were asked for lately that no further one is made for now.',
  runtime_memory_short: 'This box has not the memory to prove the release beside the models that run.',
  runtime_stopping: 'The runtime is stopping.',
  activation_event_reused: 'The pointer of the slot carries the event of another change.',
  activation_event_stale: 'The pointer of the slot is older than the newest change that the log knows.',
} as const

export class ActivationError extends WardstoneError<keyof typeof activationErrors> {
  constructor(code: keyof typeof activationErrors, options?: WardstoneErrorOptions) {
    super(code, activationErrors[code], options)
  }
}
