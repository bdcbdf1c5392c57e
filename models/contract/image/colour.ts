import { at, type Raster } from './raster.ts'
import type { Room } from './room.ts'

/** Luma of ITU-R BT.601, as Pillow and OpenCV have it, but not rounded. */
const LUMA = [0.299, 0.587, 0.114] as const

export function toGrey(raster: Raster, room: Room): Raster {
  if (raster.channels === 1) return raster
  const { values } = raster
  const out = room.take(values.length / 3)
  for (let place = 0, index = 0; place < out.length; place += 1, index += 3) {
    out[place] = LUMA[0] * values[index]! + LUMA[1] * values[index + 1]! + LUMA[2] * values[index + 2]!
  }
  return { ...raster, channels: 1, values: out }
}

export function toRgb(raster: Raster, room: Room): Raster {
  if (raster.channels === 3) return raster
  const { values } = raster
  const out = room.take(values.length * 3)
  for (let place = 0, index = 0; place < values.length; place += 1, index += 3) {
    const value = values[place]!
    out[index] = value
    out[index + 1] = value
    out[index + 2] = value
  }
  return { ...raster, channels: 3, values: out }
}

/** (x − mean) / sd, each list one entry per channel. */
export function normalise(raster: Raster, mean: readonly number[], sd: readonly number[], room: Room): Raster {
  const { values, channels, range } = raster
  const out = room.over(raster)
  for (let channel = 0; channel < channels; channel += 1) {
    const [middle, spread] = [at(mean, channel), at(sd, channel)]
    for (let index = channel; index < values.length; index += channels) {
      out[index] = (values[index]! - middle) / spread
    }
  }
  const ends = mean.flatMap((middle, channel) => [range.low, range.high].map((end) => (end - middle) / at(sd, channel)))
  return { ...raster, values: out, range: { low: Math.min(...ends), high: Math.max(...ends) } }
}
