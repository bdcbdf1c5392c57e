import { WardstoneError, type WardstoneErrorOptions } from '../platform/errors.ts'

export const checkpointErrors = {
  audit_note_invalid: 'The signed note is malformed or not signed by the expected key.',
  audit_checkpoint_invalid: 'The text is not a checkpoint of this log.',
} as const

export class CheckpointError extends WardstoneError<keyof typeof checkpointErrors> {
  constructor(code: keyof typeof checkpointErrors, options?: WardstoneErrorOptions) {
    super(code, checkpointErrors[code], options)
  }
}
