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
  /** Tensors that are made of the image, for all plans together, in bytes. */
  readonly maxTensorBytes: number
}

/**
 * How fast an input must come. Only the time is counted in which we wait for it: a sender whom the decoder keeps waiting is not
 * slow. What waits for a slow one holds a process that others could have.
 */
export interface InputPace {
  /** No single wait may be longer. */
  readonly idleMs: number
  /** All waits together may take this, and the time for which the bytes are enough. */
  readonly graceMs: number
  readonly bytesPerSecond: number
}

export const defaultInputPace: InputPace = { idleMs: 10_000, graceMs: 10_000, bytesPerSecond: 64 * 1024 }

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
  maxTensorBytes: 256 * MIB,
}

/** From the first byte of a request's image to what the model is fed. A change of models waits for it. */
export const MAX_RECEIVE_MS = 120_000
