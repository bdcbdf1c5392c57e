import type { FrameFacts, Lut, Triple, Window } from '../decoded-image.ts'
import { ImageError } from '../errors.ts'
import type { DataSet } from './data-set.ts'
import type { Keyword } from './tags.ts'

const identity: Scale = { slope: 1, intercept: 0 }

interface Scale {
  readonly slope: number
  readonly intercept: number
}

/** What is known of each frame: from its functional groups (PS3.3 C.7.6.16), the shared ones, or the image itself, in this order. */
export function frameFacts(dataSet: DataSet, frames: number): FrameFacts[] {
  const shared = dataSet.items('SharedFunctionalGroupsSequence')[0]
  const perFrame = dataSet.items('PerFrameFunctionalGroupsSequence')
  if (perFrame.length > 0 && perFrame.length !== frames) {
    throw new ImageError('image_malformed', { about: 'functional groups' })
  }
  return Array.from({ length: frames }, (_, frame) => {
    const places = (sequence: Keyword): DataSet[] =>
      [...(perFrame[frame]?.items(sequence) ?? []), ...(shared?.items(sequence) ?? []), dataSet].slice(0, 3)
    const scale = first(places('PixelValueTransformationSequence'), rescale) ?? identity
    return {
      rescaleSlope: scale.slope,
      rescaleIntercept: scale.intercept,
      windows: first(places('FrameVOILUTSequence'), windows) ?? [],
      position: first(places('PlanePositionSequence'), position),
      orientation: first(places('PlaneOrientationSequence'), orientation),
      file: 0,
      frame,
    }
  })
}

/** Row, then column spacing, millimetres: in the patient, else at the detector (PS3.3 10.7.1.3). */
export function pixelSpacing(
  dataSet: DataSet,
): { spacing: readonly [number, number]; in: 'patient' | 'detector' } | undefined {
  const shared = dataSet.items('SharedFunctionalGroupsSequence')[0]
  const perFrame = dataSet.items('PerFrameFunctionalGroupsSequence')[0]
  const measures = [perFrame, shared].flatMap((group) => group?.items('PixelMeasuresSequence') ?? [])
  const patient = first([...measures, dataSet], (set) => pair(set.numbers('PixelSpacing')))
  if (patient !== undefined) return { spacing: patient, in: 'patient' }
  const detector = pair(dataSet.numbers('ImagerPixelSpacing'))
  return detector === undefined ? undefined : { spacing: detector, in: 'detector' }
}

export function voiFunction(dataSet: DataSet): 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID' {
  const name = dataSet.string('VOILUTFunction')
  return name === 'LINEAR_EXACT' || name === 'SIGMOID' ? name : 'LINEAR'
}

/**
 * The first table of a LUT sequence; undefined when there is none.
 * @throws ImageError image_malformed when it contradicts its own descriptor
 */
export function lut(
  dataSet: DataSet,
  sequence: 'ModalityLUTSequence' | 'VOILUTSequence',
  isSigned: boolean,
): Lut | undefined {
  const [item] = dataSet.items(sequence)
  if (item === undefined) return undefined
  const [count, first, bits] = item.words('LUTDescriptor', 3) ?? []
  const values = item.words('LUTData')
  const entries = count === 0 ? 65_536 : (count ?? 0)
  const isSound = bits !== undefined && bits >= 8 && bits <= 16 && values !== undefined && values.length >= entries
  if (!isSound || first === undefined) throw new ImageError('image_malformed', { about: 'look-up table' })
  // The first value mapped is in the representation of the pixels (PS3.3 C.11.1.1.1).
  return { first: isSigned ? (first << 16) >> 16 : first, bitsPerEntry: bits, values: values.slice(0, entries) }
}

function first<Value>(places: readonly DataSet[], read: (set: DataSet) => Value | undefined): Value | undefined {
  for (const place of places) {
    const value = read(place)
    if (value !== undefined) return value
  }
  return undefined
}

function rescale(set: DataSet): Scale | undefined {
  const slope = set.number('RescaleSlope')
  const intercept = set.number('RescaleIntercept')
  if (slope === undefined && intercept === undefined) return undefined
  if (slope === 0) throw new ImageError('image_malformed', { about: 'RescaleSlope' })
  return { slope: slope ?? 1, intercept: intercept ?? 0 }
}

function windows(set: DataSet): Window[] | undefined {
  const centers = set.numbers('WindowCenter')
  const widths = set.numbers('WindowWidth')
  if (centers === undefined || widths === undefined || centers.length !== widths.length) return undefined
  const pairs = centers.map((center, index) => ({ center, width: widths[index] ?? 0 }))
  return pairs.every(({ width }) => width > 0) ? pairs.slice(0, 8) : undefined
}

function position(set: DataSet): Triple | undefined {
  const values = set.numbers('ImagePositionPatient')
  return values?.length === 3 ? [values[0]!, values[1]!, values[2]!] : undefined
}

/** Two unit vectors at a right angle, or nothing. */
function orientation(set: DataSet): readonly number[] | undefined {
  const values = set.numbers('ImageOrientationPatient')
  if (values?.length !== 6) return undefined
  const [a, b, c, d, e, f] = values as [number, number, number, number, number, number]
  const isUnit = (x: number, y: number, z: number): boolean => Math.abs(Math.hypot(x, y, z) - 1) < 1e-2
  return isUnit(a, b, c) && isUnit(d, e, f) && Math.abs(a * d + b * e + c * f) < 1e-2 ? values : undefined
}

function pair(values: readonly number[] | undefined): readonly [number, number] | undefined {
  const [row, column] = values ?? []
  return row !== undefined && column !== undefined && row > 0 && column > 0 ? [row, column] : undefined
}
