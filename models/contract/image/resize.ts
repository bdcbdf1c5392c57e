import { Refusal } from '../errors.ts'
import { bounded } from './grey-scale.ts'
import type { ImageOp } from './image-schema.ts'
import type { Grid, Range, Raster } from './raster.ts'
import { FIXED_ONE, resizeWeights, type Weights } from './resize-weights.ts'
import { MAX_SIDE, type Room } from './room.ts'
import { remapVolume } from './volume-geometry.ts'

type Step = Extract<ImageOp, { op: 'image-resize' }>

const MOST_LEVEL = 255

/** @throws Refusal image_raster_too_large; image_range_unknown, where `eightBit` is asked of floating-point values */
export function resize(step: Step, raster: Raster, room: Room): Raster {
  const { rows, columns, filter } = step
  const { frames, channels } = raster
  if (rows === raster.rows && columns === raster.columns && !step.eightBit) return raster
  if (Math.max(raster.rows, raster.columns) > MAX_SIDE) throw new Refusal('image_raster_too_large')
  const out = room.take(frames * rows * columns * channels)
  if (filter === 'nearest') takeNearest(raster, out, step)
  else {
    const across = resizeWeights(raster.columns, columns, filter, step.eightBit)
    const down = resizeWeights(raster.rows, rows, filter, step.eightBit)
    const levels = step.eightBit ? bounded(raster).range : undefined
    const lines = room.take(down.stride * columns * channels)
    const passes = { across, down, levels, lines }
    for (let frame = 0; frame < frames; frame += 1) resample(raster, frame, passes, out, step)
  }
  return { ...raster, ...resizedGrid(raster, rows, columns), values: out }
}

/** Places are middles, so the first one moves inwards by half of what it grew. */
export function resizedGrid({ volume, frames, orientation, ...grid }: Grid, rows: number, columns: number): Grid {
  const [across, down] = [grid.columns / columns, grid.rows / rows]
  const axes = [
    { from: 0, step: across },
    { from: 1, step: down },
    { from: 2, step: 1 },
  ] as const
  const origin = [(across - 1) / 2, (down - 1) / 2, 0] as const
  return { frames, rows, columns, orientation, volume: volume && remapVolume(volume, axes, origin) }
}

function takeNearest({ frames, channels, values, ...raster }: Raster, out: Float32Array, step: Step): void {
  const { rows, columns } = step
  const nearest = (place: number, from: number, to: number): number => Math.floor(((2 * place + 1) * from) / (2 * to))
  const offsets = Int32Array.from(
    { length: columns },
    (_, column) => nearest(column, raster.columns, columns) * channels,
  )
  let index = 0
  for (let line = 0; line < frames * rows; line += 1) {
    const row = Math.floor(line / rows) * raster.rows + nearest(line % rows, raster.rows, rows)
    const start = row * raster.columns * channels
    for (let column = 0; column < columns; column += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        out[index++] = values[start + offsets[column]! + channel]!
      }
    }
  }
}

interface Passes {
  readonly across: Weights
  readonly down: Weights
  /** There: values are held as 256 levels of this range, and the weights are fixed-point. */
  readonly levels: Range | undefined
  /** Rows that have been through the first pass, as many as one row of the result needs: row r in place r modulo their number. */
  readonly lines: Float32Array
}

/** One frame: along each row first, then down the columns. Rows are read in order, each once. */
function resample(raster: Raster, frame: number, passes: Passes, out: Float32Array, { rows, columns }: Step): void {
  const { across, down, levels, lines } = passes
  const { channels } = raster
  const width = columns * channels
  const sums = new Float64Array(width)
  const levelled = new Float32Array(levels === undefined ? 0 : raster.columns * channels)
  const lineAt = (row: number): Float32Array =>
    lines.subarray((row % down.stride) * width, ((row % down.stride) + 1) * width)
  for (let row = 0, next = 0; row < rows; row += 1) {
    const start = down.starts[row]!
    const end = start + down.counts[row]!
    for (next = Math.max(next, start); next < end; next += 1) {
      const source = rowOf(raster, frame * raster.rows + next)
      const line = levels === undefined ? source : toLevels(source, levels, levelled)
      alongRow(line, across, channels, lineAt(next), levels !== undefined)
    }
    sums.fill(0)
    for (let line = start; line < end; line += 1) {
      addLine(sums, lineAt(line), down.weights[row * down.stride + line - start]!)
    }
    const made = out.subarray((frame * rows + row) * width, (frame * rows + row + 1) * width)
    if (levels === undefined) made.set(sums)
    else fromLevels(sums, levels, made)
  }
}

function rowOf({ values, columns, channels }: Raster, row: number): Float32Array {
  return values.subarray(row * columns * channels, (row + 1) * columns * channels)
}

function alongRow(
  from: Float32Array,
  { starts, counts, weights, stride }: Weights,
  channels: number,
  out: Float32Array,
  isFixed: boolean,
): void {
  for (let place = 0, index = 0; place < starts.length; place += 1) {
    const first = starts[place]! * channels
    const [own, count] = [place * stride, counts[place]!]
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0
      for (let part = 0, at = first + channel; part < count; part += 1, at += channels) {
        sum += weights[own + part]! * from[at]!
      }
      out[index++] = isFixed ? levelOf(sum / FIXED_ONE) : sum
    }
  }
}

function addLine(sums: Float64Array, line: Float32Array, weight: number): void {
  for (let index = 0; index < sums.length; index += 1) sums[index] = sums[index]! + weight * line[index]!
}

/** Of a range from 0 to 255 the levels are the values themselves. */
function toLevels(line: Float32Array, { low, high }: Range, out: Float32Array): Float32Array {
  const width = high - low || 1
  for (let index = 0; index < line.length; index += 1) out[index] = levelOf(((line[index]! - low) * MOST_LEVEL) / width)
  return out
}

function fromLevels(sums: Float64Array, { low, high }: Range, out: Float32Array): void {
  for (let index = 0; index < sums.length; index += 1) {
    out[index] = low + (levelOf(sums[index]! / FIXED_ONE) * (high - low)) / MOST_LEVEL
  }
}

function levelOf(value: number): number {
  return Math.min(Math.max(Math.floor(value + 0.5), 0), MOST_LEVEL)
}
