import type { FrameFacts, Triple, Volume } from '../../models/contract/image/image-facts.ts'
import { ImageError } from './errors.ts'

type Vector = readonly number[]

/** Slices lie where they say to a tenth of a millimetre or so; a missing one is a whole spacing away. */
const SPACING_SHARE = 0.05
const SPACING_MM = 0.01
/** A stack whose slices shift sideways (a tilted gantry) is no block of right angles. */
const TILT_SHARE = 0.02
const DIRECTION = 1e-3

/** How far along the normal of its plane a slice lies; undefined when it does not say. */
export function depthOf({ position, orientation }: FrameFacts): number | undefined {
  if (position === undefined || orientation === undefined) return undefined
  return dot(position, cross(orientation.slice(0, 3), orientation.slice(3)))
}

/**
 * The block that slices make which are in order already.
 * @param spacing between rows and between columns, millimetres
 * @throws ImageError image_series_inconsistent | image_series_spacing
 */
export function parseStack(facts: readonly FrameFacts[], spacing: readonly [number, number]): Volume {
  const [first] = facts
  const depths = facts.map(depthOf)
  if (first?.position === undefined || first.orientation === undefined || depths.includes(undefined)) {
    throw new ImageError('image_series_inconsistent', { about: 'position' })
  }
  const along = first.orientation
  if (facts.some(({ orientation }) => orientation?.some((part, index) => Math.abs(part - along[index]!) > DIRECTION))) {
    throw new ImageError('image_series_inconsistent', { about: 'orientation' })
  }
  if (facts.length < 2) throw new ImageError('image_series_spacing', { about: 'one slice' })
  const gaps = depths.slice(1).map((depth, index) => depth! - depths[index]!)
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  if (!(mean > SPACING_MM)) throw new ImageError('image_series_spacing', { about: 'slices at one place' })
  const tolerance = Math.max(SPACING_MM, mean * SPACING_SHARE)
  if (gaps.some((gap) => Math.abs(gap - mean) > tolerance))
    throw new ImageError('image_series_spacing', { about: 'gap' })
  const last = facts.at(-1)?.position ?? first.position
  const step = last.map((part, index) => (part - first.position![index]!) / gaps.length)
  const normal = cross(along.slice(0, 3), along.slice(3))
  const sideways = Math.hypot(...step.map((part, index) => part - mean * normal[index]!))
  if (sideways > mean * TILT_SHARE) throw new ImageError('image_series_inconsistent', { about: 'tilt' })
  return {
    affineRas: affine(first.position, along, spacing, step),
    spacingMm: [spacing[1], spacing[0], mean],
    hasOrientation: true,
  }
}

/** The same for one file with several frames: it is a volume if its frames are one, and else it is not. */
export function stackOf(
  facts: readonly FrameFacts[],
  spacing: readonly [number, number] | undefined,
): Volume | undefined {
  if (spacing === undefined || facts.length < 2) return undefined
  try {
    return parseStack(facts, spacing)
  } catch {
    return undefined
  }
}

/** DICOM counts to the left and posterior, NIfTI to the right and anterior. */
function affine(origin: Triple, along: Vector, spacing: readonly [number, number], step: Vector): number[] {
  const rows = [-1, -1, 1].flatMap((sign, axis) => [
    sign * along[axis]! * spacing[1],
    sign * along[axis + 3]! * spacing[0],
    sign * step[axis]!,
    sign * origin[axis]!,
  ])
  // No negative zero: it does not survive the way to the caller, and says nothing.
  return rows.map((part) => part + 0)
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!]
}

function dot(a: Vector, b: Vector): number {
  return a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!
}
