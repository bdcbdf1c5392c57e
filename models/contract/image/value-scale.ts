import { valuesAtRanks } from './rank.ts'
import type { Range, Raster } from './raster.ts'
import type { Room } from './room.ts'

/** Ways to bring values to 0 … 1. Each is computed in float64 and kept as float32. */

export const UNIT: Range = { low: 0, high: 1 }

/** A straight line from 0 at `low` to 1 at `low + width`, level beyond both; of no width: 1 for all above `low`. */
export interface Ramp {
  readonly low: number
  readonly width: number
}

/** Puts values from `start` to `end` on a ramp. */
export function ramp(
  values: Float32Array,
  out: Float32Array,
  { low, width }: Ramp,
  start = 0,
  end = values.length,
): void {
  for (let index = start; index < end; index += 1) {
    const above = values[index]! - low
    out[index] = above <= 0 ? 0 : above > width ? 1 : above / width
  }
}

/** What the range's low becomes 0 and its high 1; what a filter made overshoot stays beyond. */
export function toUnitRange(raster: Raster, room: Room): Raster {
  const { values, range } = raster
  const out = room.over(raster)
  const width = range.high - range.low || 1
  for (let index = 0; index < values.length; index += 1) out[index] = (values[index]! - range.low) / width
  return { ...raster, values: out, range: UNIT }
}

/**
 * From these shares of the values in order to 0 … 1, all frames and channels together. A share of p is the value of rank
 * ⌈p · count⌉, the first for 0 (nearest rank; nothing is interpolated). Where both are the same value, everything is 0.
 */
export function toUnitByRank(raster: Raster, low: number, high: number, room: Room): Raster {
  const { values } = raster
  const rank = (share: number): number => Math.max(0, Math.ceil(share * values.length) - 1)
  const [least, most] =
    low === 0 && high === 1 ? extremesOf(values) : valuesAtRanks(values, [rank(low), rank(high)] as const)
  const out = room.over(raster)
  if (most > least) ramp(values, out, { low: least, width: most - least })
  else out.fill(0)
  return { ...raster, values: out, range: UNIT }
}

function extremesOf(values: Float32Array): readonly [number, number] {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]!
    if (value < least) least = value
    if (value > most) most = value
  }
  return [least, most]
}
