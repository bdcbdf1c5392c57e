/** Bounds on one request. Everything that an image announces is held against them before it is believed. */
export interface ImageLimits {
  readonly maxFiles: number
  /** All files of the request together, as sent. */
  readonly maxInputBytes: number
  /** What a deflated or gzipped file may grow to. */
  readonly maxInflatedBytes: number
  /** Data elements of one file, in all its sequences. */
  readonly maxElements: number
  /** Sequences within sequences. */
  readonly maxDepth: number
  /** Fragments of encapsulated pixel data of one file. */
  readonly maxFragments: number
  /** Frames of all files together. */
  readonly maxFrames: number
  /** Rows times columns of one frame. */
  readonly maxFramePixels: number
  /** Decoded pixels of all files together, in bytes. */
  readonly maxPixelBytes: number
}

const MIB = 1024 * 1024

export const defaultImageLimits: ImageLimits = {
  maxFiles: 2048,
  maxInputBytes: 512 * MIB,
  maxInflatedBytes: 512 * MIB,
  maxElements: 200_000,
  maxDepth: 16,
  maxFragments: 65_536,
  maxFrames: 4096,
  maxFramePixels: 64 * MIB,
  maxPixelBytes: 384 * MIB,
}
