import { WardstoneError, type WardstoneErrorOptions } from '../device/platform/errors.ts'

export const soakErrors = {
  soak_process_dead: 'A process of the appliance did not come back.',
} as const

export class SoakError extends WardstoneError<keyof typeof soakErrors> {
  constructor(code: keyof typeof soakErrors, options?: WardstoneErrorOptions) {
    super(code, soakErrors[code], options)
  }
}
