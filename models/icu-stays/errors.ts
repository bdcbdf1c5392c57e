import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const icuStayErrors = {
  stay_malformed: 'The file is not an hourly ICU stay in the layout of the PhysioNet/CinC Challenge 2019.',
  stay_oversized: 'The file holds more hours, columns or bytes than a stay may have.',
  stays_unreadable: 'No ICU stays could be read there. Give a folder or archive that holds .psv files.',
  stays_oversized: 'The folder or archive holds more ICU stays or bytes than are read at once.',
} as const

export class IcuStayError extends WardstoneError<keyof typeof icuStayErrors> {
  constructor(code: keyof typeof icuStayErrors, options?: WardstoneErrorOptions) {
    super(code, icuStayErrors[code], options)
  }
}
