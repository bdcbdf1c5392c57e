import { WardstoneError, type WardstoneErrorOptions } from './errors.ts'

export const platformErrors = {
  json_not_canonical: 'The JSON is not in RFC 8785 canonical form.',
  json_malformed: 'The text is not I-JSON (RFC 7493).',
  config_invalid: 'The configuration is not valid.',
  config_unreadable: 'The configuration could not be read.',
  file_too_large: 'The file is larger than its limit.',
} as const

export class PlatformError extends WardstoneError<keyof typeof platformErrors> {
  constructor(code: keyof typeof platformErrors, options?: WardstoneErrorOptions) {
    super(code, platformErrors[code], options)
  }
}
