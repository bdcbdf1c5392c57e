import type { Phi } from '../../device/platform/phi.ts'
import type { StoredImage } from '../../models/contract/image/image-facts.ts'

/** One request's image: a file, or a series as one volume. Pixels are stored values; nothing has been scaled or windowed. */
export interface DecodedImage extends StoredImage {
  /** Who and what the image is of: for the decision's subject, never for a message or a log. */
  readonly identity: Phi<ImageIdentity>
}

export interface ImageIdentity {
  /** Undefined where the file names nobody, and where it cannot be told whom it names. */
  readonly patientId: string | undefined
  /** It names somebody in characters that its set does not define, or that are no name, or in too many. */
  readonly isPatientUnreadable: boolean
  readonly accessionNumber: string | undefined
  readonly studyInstanceUid: string | undefined
  readonly seriesInstanceUid: string | undefined
  /** Of the files, in the order of the frames. */
  readonly sopInstanceUids: readonly string[]
}

/** An image inside the process that decodes it. */
export interface SourceImage extends StoredImage {
  readonly identity: ImageIdentity
}
