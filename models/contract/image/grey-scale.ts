import { Refusal } from '../errors.ts'
import type { Lut, StoredImage, Window } from './image-facts.ts'
import type { ImageOp } from './image-schema.ts'
import { isBounded, type Range, type Raster } from './raster.ts'
import type { Room } from './room.ts'
import { ramp, toUnitByRank, toUnitRange, UNIT } from './value-scale.ts'

type VoiStep = Extract<ImageOp, { op: 'image-voi' }>

/** DICOM's transformations of grey (PS3.3 C.11): none of them is for an image in colour, which they leave as it is. */

export function rescale(raster: Raster, room: Room): Raster {
  const { modalityLut, frameFacts, samplesPerPixel } = raster.source
  if (samplesPerPixel === 3) return raster
  if (modalityLut !== undefined) return lookedUp(raster, modalityLut, 1, room)
  const scales = raster.sourceFrames.map((frame) => {
    const { rescaleSlope = 1, rescaleIntercept = 0 } = frameFacts[frame] ?? {}
    return { slope: rescaleSlope, intercept: rescaleIntercept }
  })
  if (scales.every(({ slope, intercept }) => slope === 1 && intercept === 0)) return raster
  const { values, range } = raster
  const out = room.over(raster)
  scales.forEach(({ slope, intercept }, frame) => {
    const [start, end] = frameBounds(raster, frame)
    for (let index = start; index < end; index += 1) out[index] = values[index]! * slope + intercept
  })
  const ends = scales.flatMap(({ slope, intercept }) => [range.low, range.high].map((end) => end * slope + intercept))
  return { ...raster, values: out, range: { low: least(ends), high: -least(ends.map((end) => -end)) } }
}

/** VOI LUT sequence, else the first window of each frame; what else is as the step says. */
export function applyVoi(step: VoiStep, raster: Raster, room: Room): Raster {
  const { voiLut, samplesPerPixel, voiFunction } = raster.source
  if (samplesPerPixel === 1 && voiLut !== undefined) {
    return { ...lookedUp(raster, voiLut, 2 ** voiLut.bitsPerEntry - 1, room), range: UNIT }
  }
  const windows = windowsOf(raster)
  if (windows !== undefined) {
    const out = room.over(raster)
    windows.forEach((window, frame) => {
      applyWindow(raster.values, out, window, voiFunction, frameBounds(raster, frame))
    })
    return { ...raster, values: out, range: UNIT }
  }
  if (step.none === 'refuse') throw new Refusal('image_window_missing')
  return step.none === 'min-max' ? toUnitByRank(raster, 0, 1, room) : toUnitRange(bounded(raster), room)
}

export function ownWindow(window: Window, raster: Raster, room: Room): Raster {
  const out = room.over(raster)
  applyWindow(raster.values, out, window, 'LINEAR_EXACT', [0, raster.values.length])
  return { ...raster, values: out, range: UNIT }
}

export function asMonochrome2(raster: Raster, room: Room): Raster {
  if (raster.isWhiteHigh) return raster
  const { values, range } = bounded(raster)
  const out = room.over(raster)
  const ends = range.low + range.high
  for (let index = 0; index < values.length; index += 1) out[index] = ends - values[index]!
  return { ...raster, values: out, isWhiteHigh: true }
}

/** @throws Refusal image_range_unknown: the file holds floating-point numbers, and nothing says what they may be */
export function bounded(raster: Raster): Raster {
  if (!isBounded(raster.range)) throw new Refusal('image_range_unknown')
  return raster
}

/** Every frame's first window, or nothing: one that LINEAR does not allow (narrower than 1) is none. */
function windowsOf({ source, sourceFrames }: Raster): readonly Window[] | undefined {
  if (source.samplesPerPixel === 3) return undefined
  const narrowest = source.voiFunction === 'LINEAR' ? 1 : Number.MIN_VALUE
  const windows = sourceFrames.map((frame) => source.frameFacts[frame]?.windows[0])
  return windows.every((window) => window !== undefined && window.width >= narrowest)
    ? windows.filter((window) => window !== undefined)
    : undefined
}

/** To 0 … 1 (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2). */
function applyWindow(
  values: Float32Array,
  out: Float32Array,
  { center, width }: Window,
  shape: StoredImage['voiFunction'],
  [start, end]: readonly [number, number],
): void {
  if (shape === 'LINEAR') {
    ramp(values, out, { low: center - 0.5 - (width - 1) / 2, width: width - 1 }, start, end)
  } else if (shape === 'LINEAR_EXACT') {
    ramp(values, out, { low: center - width / 2, width }, start, end)
  } else {
    for (let index = start; index < end; index += 1) {
      out[index] = 1 / (1 + Math.exp((-4 * (values[index]! - center)) / width))
    }
  }
}

/** Below the table its first entry counts, above it the last; what an earlier step left between entries is rounded. */
function lookedUp(raster: Raster, { first, values: table, bitsPerEntry }: Lut, scale: number, room: Room): Raster {
  const out = room.over(raster)
  const { values } = raster
  const last = table.length - 1
  for (let index = 0; index < values.length; index += 1) {
    const entry = Math.min(Math.max(Math.round(values[index]!) - first, 0), last)
    out[index] = table[entry]! / scale
  }
  const range: Range = { low: 0, high: (2 ** bitsPerEntry - 1) / scale }
  return { ...raster, values: out, range }
}

function frameBounds({ rows, columns, channels }: Raster, frame: number): readonly [number, number] {
  const size = rows * columns * channels
  return [frame * size, (frame + 1) * size]
}

function least(list: readonly number[]): number {
  return list.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY)
}
