import { WardstoneError, type WardstoneErrorOptions } from '../../../device/platform/errors.ts'

export const oipErrors = {
  oip_request_malformed: 'The request does not follow the Open Inference Protocol as docs/oip.md has it.',
  oip_json_invalid: 'The JSON of the request is not JSON (RFC 8259) in UTF-8, or says a name twice.',
  oip_number_unrepresentable: 'A number in the JSON is too large or too small to be represented.',
  oip_too_complex: 'The request has more inputs, values, names or levels than the limit.',
  oip_too_large: 'The request, or a tensor in it, is larger than the limit.',
  oip_message_invalid: 'The message is not the one that the method takes, in the protocol buffer wire format.',
  oip_compression_unsupported: 'Compressed messages are not taken.',
  oip_method_unknown: 'There is no such method.',
  oip_datatype_unsupported: 'The datatype is none that is taken here. FP16 and BF16 are not; send FP32.',
  oip_datatype_mismatch: 'The datatype of an input is none that the contract of the model takes for it.',
  oip_shape_invalid: 'The shape of an input is none that it can have.',
  oip_data_mismatch: 'The data of an input are not as many as its shape and datatype say.',
  oip_element_invalid: 'An element of an input is not a value of its datatype.',
  oip_parameter_unknown: 'A parameter is none that is known here.',
  oip_parameter_invalid: 'A parameter has a value or a type that it cannot have.',
  oip_times_missing: 'Several observations came without their times.',
  oip_output_unknown: 'An output was asked for that the model does not have, or twice.',
  oip_output_not_sent: 'The labels of a segmentation are not sent as a tensor.',
  oip_image_unsupported: 'The model takes an image. Send it to POST /v1/decisions.',
  oip_subject_needed: 'A request for treatment must say whom it is about.',
  oip_version_unknown: 'The model in this slot has another version.',
  oip_model_changed: 'The model was changed while it decided. The decision is recorded; ask again for its outputs.',
  oip_loading_refused: 'Models are not loaded or unloaded by requests: only signed releases are, by the updater.',
  oip_stopping: 'The box is stopping. Try again in a moment.',
  oip_deadline: 'The time that the caller gave has passed.',
  oip_internal: 'A fault inside the box. The request id finds it in the log.',
} as const

export type OipErrorCode = keyof typeof oipErrors

/** What is wrong with a request in this protocol, before there is anything to decide. */
export class OipError extends WardstoneError<OipErrorCode> {
  constructor(code: OipErrorCode, options?: WardstoneErrorOptions) {
    super(code, oipErrors[code], options)
  }
}

/** @param about an input's or output's name as the signed contract has it, or a word of the protocol; never what was sent */
export function refuseOip(code: OipErrorCode, about?: string): never {
  throw new OipError(code, about === undefined ? {} : { about })
}
