import type { Phi } from '../../device/platform/phi.ts'
import type { ImageFacts } from '../../models/contract/image/image-facts.ts'
import type { Prepared } from '../../models/contract/image/prepared-image.ts'
import type { ImageIdentity } from './decoded-image.ts'

/** An image that was received, read and prepared: its pixels stayed in the process that decoded it, and went with it. */
export interface ReceivedImage {
  readonly facts: ImageFacts
  /** Who and what the image is of: for the decision's subject, never for a message or a log. */
  readonly identity: Phi<ImageIdentity>
  /** What each of the plans made of it, in their order. */
  readonly prepared: readonly Prepared[]
  /** In the order in which they came. */
  readonly files: readonly ReceivedFile[]
}

export interface ReceivedFile {
  /** Of the bytes as they were sent, in lower-case hexadecimal; counted here, not by the process that decodes. */
  readonly sha256: string
  readonly bytes: number
}
