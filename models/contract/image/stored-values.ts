import { Refusal } from '../errors.ts'
import type { ImageFacts, StoredImage } from './image-facts.ts'
import type { ImageOp } from './image-schema.ts'
import { planeLetters, volumeLetters } from './patient-axes.ts'
import type { Grid, Range, Raster, RasterShape } from './raster.ts'
import type { Room } from './room.ts'
import { remapVolume } from './volume-geometry.ts'

type Step = Extract<ImageOp, { op: 'image-values' }>

/**
 * The stored values of the frames that a step takes, as float32: whole numbers are exact up to 2^24.
 * @throws Refusal image_frames_unexpected | image_not_finite | image_raster_too_large
 */
export function storedRaster({ frames: which }: Step, image: StoredImage, room: Room): Raster {
  const { rows, columns, samplesPerPixel, pixels } = image
  const [first, count] = framesOf(which, image.frames)
  const frameValues = rows * columns * samplesPerPixel
  const values = room.take(count * frameValues)
  values.set(pixels.subarray(first * frameValues, (first + count) * frameValues))
  // A double beyond float32 has become infinite by now.
  if (image.isFloat && !areFinite(values)) throw new Refusal('image_not_finite')
  return {
    ...storedGrid({ frames: which }, image),
    channels: samplesPerPixel,
    values,
    range: storedRange(image),
    isWhiteHigh: !isInverted(image),
    source: image,
    sourceFrames: Array.from({ length: count }, (_, frame) => first + frame),
  }
}

/** Where the frames lie that a step takes. @throws Refusal image_frames_unexpected */
export function storedGrid({ frames }: Pick<Step, 'frames'>, facts: ImageFacts): Grid {
  const [first, count] = framesOf(frames, facts.frames)
  return {
    frames: count,
    rows: facts.rows,
    columns: facts.columns,
    volume: facts.volume && remapVolume(facts.volume, undefined, [0, 0, first]),
    orientation: orientationOf(facts, first),
  }
}

export function storedShape({ frames }: Step): RasterShape {
  const count = frames === 'all' ? undefined : 1
  return { frames: count, rows: undefined, columns: undefined, channels: undefined, stage: 'stored' }
}

function framesOf(which: Step['frames'], frames: number): readonly [first: number, count: number] {
  switch (which) {
    case 'only':
      if (frames !== 1) throw new Refusal('image_frames_unexpected')
      return [0, 1]
    case 'first':
      return [0, 1]
    case 'middle':
      return [Math.floor(frames / 2), 1]
    case 'all':
      return [0, frames]
  }
}

export function areFinite(values: Float32Array): boolean {
  // A sum is infinite or NaN as soon as one of its terms is, and no sum of so many float32 overflows a double.
  let sum = 0
  for (let index = 0; index < values.length; index += 1) sum += Math.abs(values[index]!)
  return Number.isFinite(sum)
}

function storedRange({ isFloat, isSigned, bitsStored }: StoredImage): Range {
  if (isFloat) return { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const codes = 2 ** bitsStored
  return isSigned ? { low: -codes / 2, high: codes / 2 - 1 } : { low: 0, high: codes - 1 }
}

/**
 * MONOCHROME1, or a presentation LUT of shape INVERSE: DICOM asks for both together, and they mean one inversion
 * (PS3.3 C.7.6.3.1.2 and C.11.6.1.2). Colours are never inverted.
 */
function isInverted({ samplesPerPixel, photometric, attributes }: StoredImage): boolean {
  return samplesPerPixel === 1 && (photometric === 'MONOCHROME1' || attributes.presentationLutShape === 'INVERSE')
}

/** PatientOrientation; without it, what the frame's or the volume's own axes say. */
function orientationOf({ attributes, frameFacts, volume }: ImageFacts, frame: number): readonly string[] {
  if (attributes.patientOrientation.length === 2) return attributes.patientOrientation
  const direction = frameFacts[frame]?.orientation
  if (direction?.length === 6) return planeLetters(direction)
  return volume?.hasOrientation === true ? volumeLetters(volume).slice(0, 2) : []
}
