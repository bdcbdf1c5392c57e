import { Refusal } from '../errors.ts'
import type { Triple } from './image-facts.ts'
import type { Grid, Raster } from './raster.ts'
import { MAX_SIDE, type Room } from './room.ts'
import { remapVolume } from './volume-geometry.ts'

type Spacing = Triple
type Axes = readonly [Places, Places, Places]

/** Along one axis: for each new place the two old ones beside it, and how far it lies towards the second. */
interface Places {
  readonly size: number
  readonly before: Int32Array
  readonly after: Int32Array
  readonly share: Float64Array
}

/**
 * To voxels of another size, about the same middle: as many as the block's length holds, rounded, at least one. A place
 * beyond the outermost middles takes the value there.
 * @param spacingMm along columns, rows and frames
 * @throws Refusal image_spacing_unknown: the image is no volume; image_raster_too_large
 */
export function resampleVolume(raster: Raster, spacingMm: Spacing, filter: 'nearest' | 'linear', room: Room): Raster {
  const steps = stepsOf(raster, spacingMm)
  const grid = resampledGrid(raster, spacingMm)
  const values = room.take(grid.columns * grid.rows * grid.frames * raster.channels)
  const columns = placesOf(raster.columns, grid.columns, steps[0], filter)
  const rows = placesOf(raster.rows, grid.rows, steps[1], filter)
  const frames = placesOf(raster.frames, grid.frames, steps[2], filter)
  interpolate(raster, [columns, rows, frames], values)
  return { ...raster, ...grid, values, sourceFrames: [] }
}

/** @throws Refusal image_spacing_unknown | image_raster_too_large */
export function resampledGrid(grid: Grid, spacingMm: Spacing): Grid {
  const [x, y, z] = stepsOf(grid, spacingMm)
  const [columns, rows, frames] = [countOf(grid.columns, x), countOf(grid.rows, y), countOf(grid.frames, z)]
  const axes = [
    { from: 0, step: x },
    { from: 1, step: y },
    { from: 2, step: z },
  ] as const
  const origin = [
    firstOf(grid.columns, columns, x),
    firstOf(grid.rows, rows, y),
    firstOf(grid.frames, frames, z),
  ] as const
  const volume = grid.volume && remapVolume(grid.volume, axes, origin)
  return { frames, rows, columns, orientation: grid.orientation, volume }
}

/** Old places that one new one takes, along each axis. */
function stepsOf({ volume }: Grid, [x, y, z]: Spacing): Spacing {
  if (volume === undefined) throw new Refusal('image_spacing_unknown')
  return [x / volume.spacingMm[0], y / volume.spacingMm[1], z / volume.spacingMm[2]]
}

function countOf(size: number, step: number): number {
  const count = Math.max(1, Math.round(size / step))
  if (!(count <= MAX_SIDE)) throw new Refusal('image_raster_too_large')
  return count
}

/** Where the first new place lies, in old places: the middles of both are the same. */
function firstOf(from: number, size: number, step: number): number {
  return (from - 1) / 2 - ((size - 1) / 2) * step
}

function placesOf(from: number, size: number, step: number, filter: 'nearest' | 'linear'): Places {
  const first = firstOf(from, size, step)
  const before = new Int32Array(size)
  const after = new Int32Array(size)
  const share = new Float64Array(size)
  for (let place = 0; place < size; place += 1) {
    const exact = Math.min(Math.max(first + place * step, 0), from - 1)
    const chosen = filter === 'nearest' ? Math.min(Math.floor(exact + 0.5), from - 1) : exact
    before[place] = Math.floor(chosen)
    after[place] = Math.min(Math.floor(chosen) + 1, from - 1)
    share[place] = chosen - Math.floor(chosen)
  }
  return { size, before, after, share }
}

/** Between the eight voxels around each place, along columns, then rows, then frames. */
function interpolate(raster: Raster, [columns, rows, frames]: Axes, out: Float32Array): void {
  const { values, channels } = raster
  const line = raster.columns * channels
  const slice = raster.rows * line
  let index = 0
  for (let frame = 0; frame < frames.size; frame += 1) {
    const [near, far, deep] = [frames.before[frame]! * slice, frames.after[frame]! * slice, frames.share[frame]!]
    for (let row = 0; row < rows.size; row += 1) {
      const [above, below, down] = [rows.before[row]! * line, rows.after[row]! * line, rows.share[row]!]
      for (let column = 0; column < columns.size; column += 1) {
        const left = columns.before[column]! * channels
        const right = columns.after[column]! * channels
        const across = columns.share[column]!
        for (let channel = 0; channel < channels; channel += 1) {
          const [from, to] = [left + channel, right + channel]
          const first = mix(
            mix(values[near + above + from]!, values[near + above + to]!, across),
            mix(values[near + below + from]!, values[near + below + to]!, across),
            down,
          )
          const second = mix(
            mix(values[far + above + from]!, values[far + above + to]!, across),
            mix(values[far + below + from]!, values[far + below + to]!, across),
            down,
          )
          out[index++] = mix(first, second, deep)
        }
      }
    }
  }
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share
}
