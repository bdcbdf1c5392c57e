import { Refusal } from '../errors.ts'
import type { Raster } from './raster.ts'

/** Values of one raster: a frame of 64 Mi pixels in colour, or a block of 512³ and half as much again; 768 MiB. */
export const MAX_RASTER_VALUES = 192 * 1024 * 1024
/** Rows or columns of what is resized, and whatever a block may be resampled to: what DICOM can say. */
export const MAX_SIDE = 65_535
/** Values of all rasters and tensors that are held at once: 1.25 GiB. */
export const MAX_HELD_VALUES = 320 * 1024 * 1024

/** Where a step puts what it makes: over what nobody reads any more, or into memory of its own within a bound. */
export class Room {
  readonly #isFree: boolean
  readonly #available: number

  /**
   * @param isFree nobody reads the values of the step's raster after it
   * @param held values that others hold
   */
  constructor(isFree: boolean, held: number) {
    this.#isFree = isFree
    this.#available = Math.min(MAX_RASTER_VALUES, MAX_HELD_VALUES - held)
  }

  /** For as many values as the raster has: its own, if they may be overwritten. @throws Refusal image_raster_too_large */
  over({ values }: Raster): Float32Array {
    return this.#isFree ? values : this.take(values.length)
  }

  /** What nobody will overwrite. @throws Refusal image_raster_too_large */
  keep({ values }: Raster): Float32Array {
    if (this.#isFree) return values
    const kept = this.take(values.length)
    kept.set(values)
    return kept
  }

  /** Zeros. @throws Refusal image_raster_too_large */
  take(values: number): Float32Array {
    if (!(values <= this.#available)) throw new Refusal('image_raster_too_large')
    return new Float32Array(values)
  }
}
