import type { RefusalCode } from '../errors.ts'
import type { Tensors } from '../tensor.ts'
import type { ImageFacts } from './image-facts.ts'

/** What the image steps of one contract made of an image. */
export type Prepared =
  | { readonly tensors: Tensors }
  /** A step met what it cannot be applied to. Said only once the image has passed the guards, which say it better. */
  | { readonly refused: RefusalCode; readonly about: string }

/** An image as the guard and the preprocessing of one contract take it: what is known of it, and its tensors. */
export interface PreparedImage {
  readonly facts: ImageFacts
  readonly prepared: Prepared
}
