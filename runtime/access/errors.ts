import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const accessErrors = {
  access_unauthenticated: 'The client certificate does not say who is asking and in which role.',
  access_revoked: 'The client certificate has been withdrawn from use on this box.',
  access_denied: 'This role may not do this.',
} as const

export class AccessError extends WardstoneError<keyof typeof accessErrors> {
  constructor(code: keyof typeof accessErrors, options?: WardstoneErrorOptions) {
    super(code, accessErrors[code], options)
  }
}
