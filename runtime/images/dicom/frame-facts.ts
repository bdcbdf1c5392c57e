import type { FrameFacts, Lut, Triple, Window } from '../../../models/contract/image/image-facts.ts'
import { ImageError } from '../errors.ts'
import type { DataSet } from './data-set.ts'
import type { Keyword } from './tags.ts'

/** A kilometre from the origin, and pixels from ten nanometres to ten metres: beyond it a number is none of a patient. */
const MAX_POSITION_MM = 1e6
const MIN_SPACING_MM = 1e-5
const MAX_SPACING_MM = 1e4

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
  const isKnownWindow = voiFunctionName(dataSet) !== undefined
  return Array.from({ length: frames }, (_, frame) => {
    // Of each sequence the first item, which is all it may have: many frames and many items are not to be multiplied.
    const places = (sequence: Keyword): DataSet[] =>
      [perFrame[frame]?.items(sequence)[0], shared?.items(sequence)[0], dataSet].filter((each) => each !== undefined)
    const scale = first(places('PixelValueTransformationSequence'), rescale) ?? identity
    return {
      rescaleSlope: scale.slope,
      rescaleIntercept: scale.intercept,
      windows: (isKnownWindow ? first(places('FrameVOILUTSequence'), windows) : undefined) ?? [],
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
  const measures = [perFrame, shared].map((group) => group?.items('PixelMeasuresSequence')[0])
  const places = [...measures, dataSet].filter((each) => each !== undefined)
  const patient = first(places, (set) => pair(set.numbers('PixelSpacing')))
  if (patient !== undefined) return { spacing: patient, in: 'patient' }
  const detector = pair(dataSet.numbers('ImagerPixelSpacing'))
  return detector === undefined ? undefined : { spacing: detector, in: 'detector' }
}

const voiFunctions = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'] as const

type VoiFunction = (typeof voiFunctions)[number]

export function voiFunction(dataSet: DataSet): VoiFunction {
  return voiFunctionName(dataSet) ?? 'LINEAR'
}

/** That of the first frame's group, the shared one's, or the image's; LINEAR where none says (PS3.3 C.11.2.1.3). Undefined: one that is not known, so its windows mean nothing here. */
function voiFunctionName(dataSet: DataSet): VoiFunction | undefined {
  const groups = (['PerFrameFunctionalGroupsSequence', 'SharedFunctionalGroupsSequence'] as const).map(
    (sequence) => dataSet.items(sequence)[0]?.items('FrameVOILUTSequence')[0],
  )
  const said = [...groups, dataSet].find((set) => set?.has('VOILUTFunction') === true)
  if (said === undefined) return 'LINEAR'
  return voiFunctions.find((name) => name === said.string('VOILUTFunction'))
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
  const table = values.slice(0, entries)
  if (table.some((entry) => entry >= 2 ** bits)) throw new ImageError('image_malformed', { about: 'look-up table' })
  return { first: isSignedFirst(item, isSigned) ? (first << 16) >> 16 : first, bitsPerEntry: bits, values: table }
}

/** The first value mapped is signed where the pixels are (PS3.3 C.11.1.1.1), or what they are rescaled to, as SS says then. */
function isSignedFirst(item: DataSet, isSigned: boolean): boolean {
  const element = item.element('LUTDescriptor')
  return isSigned || (element?.kind === 'value' && element.vr === 'SS')
}

function first<Value>(places: readonly DataSet[], read: (set: DataSet) => Value | undefined): Value | undefined {
  for (const place of places) {
    const value = read(place)
    if (value !== undefined) return value
  }
  return undefined
}

function rescale(set: DataSet): Scale | undefined {
  const slope = scaleNumber(set, 'RescaleSlope')
  const intercept = scaleNumber(set, 'RescaleIntercept')
  if (slope === undefined && intercept === undefined) return undefined
  if (slope === 0) throw new ImageError('image_malformed', { about: 'RescaleSlope' })
  return { slope: slope ?? 1, intercept: intercept ?? 0 }
}

/** One that is there and is no number: values without it would be others, and look as good. */
function scaleNumber(set: DataSet, keyword: 'RescaleSlope' | 'RescaleIntercept'): number | undefined {
  const number = set.number(keyword)
  if (number === undefined && set.has(keyword)) throw new ImageError('image_malformed', { about: keyword })
  return number
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
  if (values?.length !== 3 || values.some((part) => Math.abs(part) > MAX_POSITION_MM)) return undefined
  return [values[0]!, values[1]!, values[2]!]
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
  return isSpacing(row) && isSpacing(column) ? [row, column] : undefined
}

function isSpacing(value: number | undefined): value is number {
  return value !== undefined && value >= MIN_SPACING_MM && value <= MAX_SPACING_MM
}
