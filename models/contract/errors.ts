import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

/**
 * Why a model may not be applied to what was sent. These are refusals: answers of their own, recorded like decisions.
 * `about` names the input as the signed contract names it, never the value.
 */
export const refusals = {
  input_unknown: 'An input is not part of the model contract. Remove it, or ask GET /v1/models for the names.',
  input_missing: 'An essential input is missing.',
  input_wrong_type: 'An input has the wrong type for its kind.',
  input_not_finite: 'An input is not a finite number.',
  input_unit_missing: 'A quantity came without its UCUM unit.',
  input_unit_unknown: 'The unit is not a UCUM code known here.',
  input_unit_incompatible: 'The unit cannot be converted to the unit of the contract.',
  input_out_of_range: 'An input is outside the plausible range of the contract.',
  input_code_unknown: 'A coded input has a value that the contract does not list.',
  input_abrupt: 'An input changed faster than the contract holds plausible.',
  input_stale: 'An essential input is older than the contract allows.',
  input_in_future: 'An observation lies in the future.',
  input_too_many: 'An input has more observations than the contract allows.',
  input_shape_wrong: 'The dimensions of a tensor, or the number of its elements, are not those of the contract.',
  input_element_invalid: 'An element of a tensor is not a value of its type.',
  image_missing: 'The model needs an image, and none was sent.',
  image_unexpected: 'An image was sent, and the model takes none.',
  image_format_excluded: 'The image is of a format that the contract does not take.',
  image_not_a_volume: 'The model needs a volume: equally spaced slices of one block. The image is none.',
  image_attribute_excluded: 'What the image says of itself is not what the model was made for.',
  image_attribute_unknown: 'The image does not say what the model has to know of it.',
  image_size_excluded: 'The size of the image is outside what the model was made for.',
  image_contradicts_input: 'The image and what was sent with it say different things of the patient.',
  image_of_another_subject: 'The image names another patient than the request.',
  image_subject_unreadable: 'The image names a patient in a way that cannot be read, so nobody can say whose it is.',
  image_implausible: 'Another model, which looks at the image first, holds it for none that this model was made for.',
  image_gate_unavailable: 'The model that has to look at the image first does not run on this box, or gave no answer.',
  image_frames_unexpected: 'The image has several frames, and the model takes one.',
  image_not_finite: 'The image holds values that are not finite numbers, or become so in its preparation.',
  image_range_unknown:
    'The preparation needs to know what range values may lie in, and the image holds floating-point numbers.',
  image_window_missing: 'The image has neither window nor look-up table, and the contract takes nothing else.',
  image_empty: 'The whole image is border.',
  image_orientation_unknown: 'The image does not say which way round it lies in the patient.',
  image_orientation_unexpected: 'The image lies in another plane of the patient than the model takes.',
  image_spacing_unknown: 'The image does not say how large its voxels are.',
  image_raster_too_large: 'A step of the preparation would make more values than the limit.',
  image_value_out_of_range: 'A value of the prepared image is not one that the model takes: none of 0 to 255.',
  population_excluded: 'The patient is outside the population the model is intended for.',
} as const

export type RefusalCode = keyof typeof refusals

export class Refusal extends WardstoneError<RefusalCode> {
  constructor(code: RefusalCode, options?: WardstoneErrorOptions) {
    super(code, refusals[code], options)
  }
}

/**
 * How old the newest observation is, beside the limit. It stays out of the message, which is logged and repeated
 * anywhere; the words of the decision have it, which only those read who may see the decision.
 */
export class StaleRefusal extends Refusal {
  readonly ageMinutes: number
  readonly limitMinutes: number

  constructor(input: string, ageMinutes: number, limitMinutes: number) {
    super('input_stale', { about: input })
    this.ageMinutes = ageMinutes
    this.limitMinutes = limitMinutes
  }
}

/** @param about an input's name, an attribute or a reason, as the signed contract or this house has it; never what was sent */
export function refuseAbout(code: RefusalCode, about: string): never {
  throw new Refusal(code, { about })
}

/** Faults of the package itself: signed data that cannot work. */
export const contractErrors = {
  contract_inconsistent: 'The contract of the package contradicts itself or its model.',
  contract_output_invalid: 'The model produced an output that its contract forbids.',
} as const

export class ContractError extends WardstoneError<keyof typeof contractErrors> {
  constructor(code: keyof typeof contractErrors, options?: WardstoneErrorOptions) {
    super(code, contractErrors[code], options)
  }
}
