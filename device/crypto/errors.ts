import { WardstoneError, type WardstoneErrorOptions } from '../platform/errors.ts'

export const cryptoErrors = {
  crypto_authentication_failed: 'The ciphertext or its tag is not authentic under this key.',
  crypto_key_malformed: 'The key is not in the expected form.',
  crypto_provider_unusable: 'The cryptographic library no longer takes the provider it was given.',
  crypto_hpke_failed: 'The key does not wrap or unwrap with this device key and context.',
} as const

export class CryptoError extends WardstoneError<keyof typeof cryptoErrors> {
  constructor(code: keyof typeof cryptoErrors, options?: WardstoneErrorOptions) {
    super(code, cryptoErrors[code], options)
  }
}
