import { bounded, onePatientBytes } from './sizes.ts'
import type { OnnxSurface } from './surface.ts'

/** A model of size S peaks near 3.3 S while a session is made of it from memory, and settles near 1.2 S (measured). */
const PEAK_FACTOR = 3.3
/** What a run takes beside the weights: a few tensors at a time, of which the file may name the largest. */
const LIVE_TENSORS = 4
const BASE_BYTES = 32 * 1024 * 1024
const MEBIBYTE = 1024 * 1024

/** Constants as they lie in memory, with those that nodes fill on loading. */
export function weightBytes({ fileBytes, initialisers }: OnnxSurface): number {
  return Math.max(fileBytes, initialisers.bytes + initialisers.expandedBytes)
}

/**
 * The memory that a worker will need, in bytes, in whole mebibytes. It is a lower bound where the file does not say how large the
 * tensors between its nodes are.
 */
export function memoryEstimate(surface: OnnxSurface): number {
  const largest = Math.max(
    surface.largestIntermediateBytes,
    ...[...surface.inputs, ...surface.outputs].map(onePatientBytes),
  )
  const bytes = PEAK_FACTOR * weightBytes(surface) + LIVE_TENSORS * largest + BASE_BYTES
  return bounded(Math.ceil(bytes / MEBIBYTE) * MEBIBYTE)
}
