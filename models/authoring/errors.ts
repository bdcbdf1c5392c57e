import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const authoringErrors = {
  authoring_file_unreadable: 'A file could not be read.',
  authoring_json_invalid: 'A file that should be JSON is not.',
  authoring_key_wrong: 'The content key does not open the package.',
  authoring_release_listed: 'The statement before lists another package of this name, or has revoked this one.',
  authoring_output_exists: 'The output exists already, or cannot be written.',
} as const

export class AuthoringError extends WardstoneError<keyof typeof authoringErrors> {
  constructor(code: keyof typeof authoringErrors, options?: WardstoneErrorOptions) {
    super(code, authoringErrors[code], options)
  }
}
