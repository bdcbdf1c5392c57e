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
