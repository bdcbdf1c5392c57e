import { WardstoneError, type WardstoneErrorOptions } from '../platform/errors.ts'

export const outboundErrors = {
  outbound_topic_unknown: 'The topic is none of this protocol.',
  outbound_message_invalid: 'The message does not follow the outbound schema.',
  outbound_catalogue_invalid:
    'The catalogue of models is not valid: a number or a model occurs twice, or an entry is malformed.',
  outbound_capacity_unbounded: 'A field of the outbound schema has no bound that can be computed.',
} as const

export class OutboundError extends WardstoneError<keyof typeof outboundErrors> {
  constructor(code: keyof typeof outboundErrors, options?: WardstoneErrorOptions) {
    super(code, outboundErrors[code], options)
  }
}
