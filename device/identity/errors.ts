import { WardstoneError, type WardstoneErrorOptions } from '../platform/errors.ts'

export const identityErrors = {
  identity_name_invalid: 'A name for the certificate is missing or not allowed.',
  identity_validity_invalid: 'The validity of the certificate is not a whole number of days within limits.',
  identity_request_invalid: 'The certificate request is malformed, not for a P-256 key, or not signed by its own key.',
  identity_authority_invalid: 'The certificate authority cannot issue: not an authority, not in force, or not its key.',
  identity_certificate_malformed: 'The certificate cannot be read, or names no one or several.',
  identity_certificate_refused: 'The certificate that was issued is not the one that this device asked for.',
  identity_unusable: 'The device certificate and its key cannot be read, or do not belong together.',
} as const

export class IdentityError extends WardstoneError<keyof typeof identityErrors> {
  constructor(code: keyof typeof identityErrors, options?: WardstoneErrorOptions) {
    super(code, identityErrors[code], options)
  }
}
