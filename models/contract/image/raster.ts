import type { StoredImage, Volume } from './image-facts.ts'

/** How many places there are, and where they lie. */
export interface Grid {
  readonly frames: number
  readonly rows: number
  readonly columns: number
  /** Where the grid lies in the patient, for a volume whose file says it; kept up by what turns, cuts or resamples. */
  readonly volume: Volume | undefined
  /** Where a row goes, then where a column goes: letters of A, P, L, R, H, F; empty where nobody says. */
  readonly orientation: readonly string[]
}

/** Numbers on a grid: frames × rows × columns × channels, row-major, a place's channels together. */
export interface Raster extends Grid {
  readonly channels: 1 | 3
  readonly values: Float32Array
  /**
   * What a value may be at all; not what the least and the most of these are. Infinite where the file holds
   * floating-point numbers, of which nobody says. A bicubic or Lanczos filter overshoots it a little.
   */
  readonly range: Range
  /** True once MONOCHROME1 has been turned round, or never was. */
  readonly isWhiteHigh: boolean
  /** What the file says besides: look-up tables, windows, slope and intercept of frames. */
  readonly source: StoredImage
  /** For each frame of the grid, which frame of the source it was; empty once frames were mixed. */
  readonly sourceFrames: readonly number[]
}

export interface Range {
  readonly low: number
  readonly high: number
}

/**
 * What the numbers are by now. `stored`: as in the file. `rescaled`: in the units of the modality. `changed`: otherwise,
 * within a range. `unit`: within 0 … 1. `normalised`: no range is known that the channels share. The file's own tables and
 * windows speak of the first two alone.
 */
export type RasterStage = 'stored' | 'rescaled' | 'changed' | 'unit' | 'normalised'

/** What is known of a raster before there is any: undefined is as the image will have it. */
export interface RasterShape {
  readonly frames: number | undefined
  readonly rows: number | undefined
  readonly columns: number | undefined
  readonly channels: 1 | 3 | undefined
  readonly stage: RasterStage
}

/** The step's field that does not fit what it reads. */
export interface RasterFault {
  readonly fault: string
}

/** A parameter that is not there is NaN, which no tensor may hold. */
export function at(list: ArrayLike<number>, index: number): number {
  return list[index] ?? Number.NaN
}

export function isBounded({ low, high }: Range): boolean {
  return Number.isFinite(low) && Number.isFinite(high)
}

/** The range with one more value in it. */
export function withValue({ low, high }: Range, value: number): Range {
  return { low: Math.min(low, value), high: Math.max(high, value) }
}
