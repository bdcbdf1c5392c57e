import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const authoringErrors = {
  authoring_file_unreadable: 'A file could not be read.',
  authoring_json_invalid: 'A file that should be JSON is not.',
  authoring_output_exists: 'The output exists already, or cannot be written.',
} as const

export class AuthoringError extends WardstoneError<keyof typeof authoringErrors> {
  constructor(code: keyof typeof authoringErrors, options?: WardstoneErrorOptions) {
    super(code, authoringErrors[code], options)
  }
}
