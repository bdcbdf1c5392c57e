import { inspect } from 'node:util'

const SHOWN = '[phi]'

/**
 * A value that identifies a patient, or says something of one. It is no string, number or flag any more, so no field of an outbound
 * message, a row or a log line takes it: that does not compile. Where types were cast away it shows itself as `[phi]`.
 */
export class Phi<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value, for the few places that store it under the subject's key. Nothing under egress/ may call this. */
  static reveal<T>(phi: Phi<T>): T {
    return phi.#value
  }

  toString(): string {
    return SHOWN
  }

  toJSON(): string {
    return SHOWN
  }

  [Symbol.toPrimitive](): string {
    return SHOWN
  }

  [inspect.custom](): string {
    return SHOWN
  }
}
