import { Refusal } from '../errors.ts'
import type { ImageOp } from './image-schema.ts'
import { type PatientAxis, patientAxis, volumeLetters } from './patient-axes.ts'
import type { Grid, Raster } from './raster.ts'
import type { Room } from './room.ts'
import { type AxisSources, remapVolume } from './volume-geometry.ts'

type PlaneStep = Extract<ImageOp, { op: 'image-orient' }>
type VolumeStep = Extract<ImageOp, { op: 'image-orient-volume' }>

/**
 * Turned and mirrored in its plane until rows and columns go where the step says; of an oblique direction its first letter counts.
 * @throws Refusal image_orientation_unknown; image_orientation_unexpected: the plane is another one
 */
export function orientPlane(step: PlaneStep, raster: Raster, room: Room): Raster {
  const axes = planeAxes(step, raster)
  return axes === undefined ? raster : { ...rearrange(raster, axes, room), ...orientedPlane(step, raster) }
}

/** @throws Refusal as {@link orientPlane} */
export function orientedPlane(step: PlaneStep, grid: Grid): Grid {
  const axes = planeAxes(step, grid)
  return axes === undefined ? grid : { ...rearrangedGrid(grid, axes), orientation: [step.rows, step.columns] }
}

function planeAxes(step: PlaneStep, { orientation }: Grid): AxisSources | undefined {
  const [row, column] = orientation.map(patientAxis)
  if (row === undefined || column === undefined || row.axis === column.axis) return unknown(step)
  const along = sourceOf(patientAxis(step.rows), [row, column])
  const down = sourceOf(patientAxis(step.columns), [row, column])
  if (along === undefined || down === undefined) throw new Refusal('image_orientation_unexpected')
  return [along, down, { from: 2, step: 1 }]
}

/** Axes exchanged and mirrored until columns, rows and frames go where the step says. @throws Refusal image_orientation_unknown */
export function orientVolume(step: VolumeStep, raster: Raster, room: Room): Raster {
  const axes = volumeAxes(step, raster)
  const turned = axes === undefined ? raster : { ...rearrange(raster, axes, room), ...orientedVolume(step, raster) }
  return { ...turned, sourceFrames: [] }
}

/** @throws Refusal image_orientation_unknown */
export function orientedVolume(step: VolumeStep, grid: Grid): Grid {
  const axes = volumeAxes(step, grid)
  if (axes === undefined) return grid
  const orientation = [...step.axes.slice(0, 2)].map((letter) => ({ S: 'H', I: 'F' })[letter] ?? letter)
  return { ...rearrangedGrid(grid, axes), orientation }
}

function volumeAxes(step: VolumeStep, { volume }: Grid): AxisSources | undefined {
  if (volume?.hasOrientation !== true) return unknown(step)
  const own = volumeLetters(volume).map(patientAxis)
  const [columns, rows, frames] = [...step.axes].map((letter) => sourceOf(patientAxis(letter), own))
  return columns === undefined || rows === undefined || frames === undefined ? unknown(step) : [columns, rows, frames]
}

function unknown({ onUnknown }: { readonly onUnknown: 'keep' | 'refuse' }): undefined {
  if (onUnknown === 'refuse') throw new Refusal('image_orientation_unknown')
}

function sourceOf(
  wanted: PatientAxis | undefined,
  own: readonly (PatientAxis | undefined)[],
): AxisSources[number] | undefined {
  const from = own.findIndex((axis) => axis !== undefined && axis.axis === wanted?.axis)
  if (from !== 0 && from !== 1 && from !== 2) return undefined
  return { from, step: own[from]?.isPositive === wanted?.isPositive ? 1 : -1 }
}

/** The same values with columns, rows and frames taken from these axes; a step of −1 is from the far end. */
function rearrange(raster: Raster, axes: AxisSources, room: Room): Raster {
  if (axes.every(({ from, step }, axis) => from === axis && step === 1)) return raster
  const { channels, values } = raster
  const sizes = [raster.columns, raster.rows, raster.frames]
  const strides = [channels, raster.columns * channels, raster.columns * raster.rows * channels]
  let made = channels
  const walk = ({ from, step }: AxisSources[number]): Walk => {
    const [size, stride] = [sizes[from]!, strides[from]!]
    const own = { size, offset: step < 0 ? (size - 1) * stride : 0, stride: stride * step, made }
    made *= size
    return own
  }
  const [columns, rows, frames] = [walk(axes[0]), walk(axes[1]), walk(axes[2])]
  const out = room.take(values.length)
  // Tiles lie along the axis that is written and the axis that is read without gaps, so that both stay in the cache.
  if (axes[2].from === 0) copyTiles(values, out, channels, [columns, frames, rows])
  else copyTiles(values, out, channels, [columns, rows, frames])
  return { ...raster, ...rearrangedGrid(raster, axes), values: out }
}

function rearrangedGrid(grid: Grid, axes: AxisSources): Grid {
  const sizes = [grid.columns, grid.rows, grid.frames]
  const origin: [number, number, number] = [0, 0, 0]
  for (const { from, step } of axes) origin[from] = step < 0 ? sizes[from]! - 1 : 0
  const [columns, rows, frames] = axes.map(({ from }) => sizes[from]!) as [number, number, number]
  const { volume, orientation } = grid
  return { columns, rows, frames, orientation, volume: volume && remapVolume(volume, axes, origin) }
}

/** How one axis of the result is walked. */
interface Walk {
  readonly size: number
  /** Where its first place lies in the source's values. */
  readonly offset: number
  /** From one place to the next in the source's values, and in those of the result. */
  readonly stride: number
  readonly made: number
}

const TILE = 32

function copyTiles(
  values: Float32Array,
  out: Float32Array,
  channels: number,
  [across, down, deep]: readonly [Walk, Walk, Walk],
): void {
  const start = across.offset + down.offset + deep.offset
  for (let slice = 0; slice < deep.size; slice += 1) {
    for (let top = 0; top < down.size; top += TILE) {
      const bottom = Math.min(top + TILE, down.size)
      for (let left = 0; left < across.size; left += TILE) {
        const width = Math.min(TILE, across.size - left)
        for (let line = top; line < bottom; line += 1) {
          let from = start + slice * deep.stride + line * down.stride + left * across.stride
          let to = slice * deep.made + line * down.made + left * across.made
          for (let place = 0; place < width; place += 1, from += across.stride, to += across.made) {
            for (let channel = 0; channel < channels; channel += 1) out[to + channel] = values[from + channel]!
          }
        }
      }
    }
  }
}
