import { Refusal } from '../errors.ts'
import { bounded } from './grey-scale.ts'
import { type Grid, type Raster, withValue } from './raster.ts'
import type { Room } from './room.ts'
import { remapVolume } from './volume-geometry.ts'

type Size = Pick<Grid, 'frames' | 'rows' | 'columns'>

/** A part of every frame, from `top` and `left`. */
interface Box {
  readonly top: number
  readonly left: number
  readonly rows: number
  readonly columns: number
}

/**
 * Cuts the rows and columns at the edges that are border in every frame and channel.
 * @throws Refusal image_empty: all of it is border; image_range_unknown
 */
export function cropBorder(raster: Raster, border: 'bright' | 'dark', share: number, room: Room): Raster {
  const { range } = bounded(raster)
  const box = contentBox(raster, border, range.low + share * (range.high - range.low))
  if (box === undefined) throw new Refusal('image_empty')
  return cut(raster, box, room)
}

/** These shares of height and width, rounded to whole rows and columns; an odd one is left over at the far end. */
export function cropCentre(raster: Raster, height: number, width: number, room: Room): Raster {
  return cut(raster, centreBox(raster, height, width), room)
}

export function cropCentreGrid(grid: Grid, height: number, width: number): Grid {
  return cutGrid(grid, centreBox(grid, height, width))
}

function centreBox(grid: Grid, height: number, width: number): Box {
  const [rows, columns] = [shareOf(height, grid.rows), shareOf(width, grid.columns)]
  return { top: Math.floor((grid.rows - rows) / 2), left: Math.floor((grid.columns - columns) / 2), rows, columns }
}

export function shareOf(share: number, size: number): number {
  return Math.max(1, Math.round(share * size))
}

/** Fills the shorter side on both ends; an odd row or column more goes to the far end. */
export function padSquare(raster: Raster, value: number, room: Room): Raster {
  return raster.rows === raster.columns ? raster : placed(raster, squareSize(raster), value, room)
}

export function squareSize({ frames, rows, columns }: Grid): Size {
  const size = Math.max(rows, columns)
  return { frames, rows: size, columns: size }
}

/** Each frame, row and column of the result, cut or filled about the middle. */
export function placed(raster: Raster, size: Size, value: number, room: Room): Raster {
  const { channels, values } = raster
  const across = overlap(raster.columns, size.columns)
  const down = overlap(raster.rows, size.rows)
  const deep = overlap(raster.frames, size.frames)
  const out = room.take(size.frames * size.rows * size.columns * channels)
  if (value !== 0) out.fill(value)
  for (let frame = 0; frame < deep.count; frame += 1) {
    for (let row = 0; row < down.count; row += 1) {
      const from = ((deep.from + frame) * raster.rows + down.from + row) * raster.columns + across.from
      const to = ((deep.to + frame) * size.rows + down.to + row) * size.columns + across.to
      out.set(values.subarray(from * channels, (from + across.count) * channels), to * channels)
    }
  }
  const isFilled = size.frames > raster.frames || size.rows > raster.rows || size.columns > raster.columns
  return {
    ...raster,
    ...placedGrid(raster, size),
    values: out,
    range: isFilled ? withValue(raster.range, value) : raster.range,
  }
}

export function placedGrid(grid: Grid, size: Size): Grid {
  const shift = (from: number, to: number): number => {
    const shared = overlap(from, to)
    return shared.from - shared.to
  }
  const origin = [
    shift(grid.columns, size.columns),
    shift(grid.rows, size.rows),
    shift(grid.frames, size.frames),
  ] as const
  return {
    ...size,
    orientation: grid.orientation,
    volume: grid.volume && remapVolume(grid.volume, undefined, origin),
  }
}

/** Where the middle of one length falls on another: how many places both have, and where these begin on each. */
function overlap(from: number, to: number): { readonly from: number; readonly to: number; readonly count: number } {
  return {
    from: Math.max(0, Math.floor((from - to) / 2)),
    to: Math.max(0, Math.floor((to - from) / 2)),
    count: Math.min(from, to),
  }
}

/** The smallest box that holds every value that is no border. */
function contentBox(raster: Raster, border: 'bright' | 'dark', limit: number): Box | undefined {
  const { frames, rows, columns, channels, values } = raster
  const isBorder = border === 'bright' ? (value: number) => value >= limit : (value: number) => value <= limit
  const width = columns * channels
  let [top, bottom, left, right] = [rows, -1, width, -1]
  for (let line = 0; line < frames * rows; line += 1) {
    const [start, row] = [line * width, line % rows]
    let first = 0
    while (first < width && isBorder(values[start + first]!)) first += 1
    if (first === width) continue
    let last = width - 1
    while (last > right && isBorder(values[start + last]!)) last -= 1
    left = Math.min(left, first)
    right = Math.max(right, last)
    top = Math.min(top, row)
    bottom = Math.max(bottom, row)
  }
  if (bottom < 0) return undefined
  const column = Math.floor(left / channels)
  return { top, left: column, rows: bottom - top + 1, columns: Math.floor(right / channels) - column + 1 }
}

function cut(raster: Raster, { top, left, rows, columns }: Box, room: Room): Raster {
  if (rows === raster.rows && columns === raster.columns) return raster
  const { frames, channels, values } = raster
  const out = room.take(frames * rows * columns * channels)
  for (let frame = 0; frame < frames; frame += 1) {
    for (let row = 0; row < rows; row += 1) {
      const from = ((frame * raster.rows + top + row) * raster.columns + left) * channels
      out.set(values.subarray(from, from + columns * channels), (frame * rows + row) * columns * channels)
    }
  }
  return { ...raster, ...cutGrid(raster, { top, left, rows, columns }), values: out }
}

function cutGrid({ frames, volume, orientation }: Grid, { top, left, rows, columns }: Box): Grid {
  return { frames, rows, columns, orientation, volume: volume && remapVolume(volume, undefined, [left, top, 0]) }
}
