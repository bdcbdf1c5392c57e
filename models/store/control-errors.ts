import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

/** Why the updater does not begin what an operator asks: both ends of the control channel know these codes. */
export const controlErrors = {
  control_job_unknown: 'There is no such job. The store keeps the newest 32.',
  control_job_past_cancel: 'The job has ended, or has begun to change what runs and can no longer be given up.',
  control_jobs_too_many: 'As many jobs are under way as the updater takes.',
  control_release_unknown: 'The store has no such release, or its signed metadata do not hold.',
  control_release_revoked: 'The vendor has revoked this release.',
  control_release_in_use: 'The release runs, is kept for a rollback, or a job works on it.',
  control_slot_unknown: 'No model of this name was ever activated.',
  control_slot_busy: 'Another job is changing what runs in this slot.',
  control_rollback_empty: 'Nothing is kept to go back to in this slot.',
} as const

export class ControlError extends WardstoneError<keyof typeof controlErrors> {
  constructor(code: keyof typeof controlErrors, options?: WardstoneErrorOptions) {
    super(code, controlErrors[code], options)
  }
}
