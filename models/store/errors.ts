import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const storeErrors = {
  store_pointer_invalid: 'The pointer of a slot is not in the expected form.',
  store_pointer_unreadable: 'The pointer of a slot could not be read.',
} as const

export class StoreError extends WardstoneError<keyof typeof storeErrors> {
  constructor(code: keyof typeof storeErrors, options?: WardstoneErrorOptions) {
    super(code, storeErrors[code], options)
  }
}
