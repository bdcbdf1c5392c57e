import type { FrameFacts, ImageAttributes, PixelArray } from '../../models/contract/image/image-facts.ts'
import type { SourceImage } from './decoded-image.ts'
import { ImageError } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import type { ImagePlace } from './places.ts'
import { depthOf, parseStack } from './volume.ts'

/** Attributes in which all files of a series must be alike, or they are not one image. */
const alike = [
  'rows',
  'columns',
  'samplesPerPixel',
  'bitsAllocated',
  'bitsStored',
  'isSigned',
  'isFloat',
  'photometric',
  'voiFunction',
] as const

/**
 * Puts the single images of a series in the order of their positions, as one volume.
 * @throws ImageError image_series_inconsistent | image_series_spacing | image_too_large | image_too_complex
 */
export function joinSeries(images: readonly SourceImage[], limits: ImageLimits): SourceImage {
  const [first] = images
  if (first === undefined) throw new ImageError('image_not_recognised')
  if (images.length === 1) return first
  for (const image of images) verifyAlike(image, first)
  const spacing = first.spacingIn === 'patient' ? first.pixelSpacingMm : undefined
  if (spacing === undefined) throw inconsistent('spacing')
  const slices = images.map((image, file) => ({ image, fact: { ...image.frameFacts[0]!, file }, depth: 0 }))
  for (const slice of slices) {
    const depth = depthOf(slice.fact)
    if (depth === undefined) throw inconsistent('position')
    slice.depth = depth
  }
  slices.sort((a, b) => a.depth - b.depth)
  const facts: FrameFacts[] = slices.map(({ fact }) => fact)
  const volume = parseStack(facts, spacing)
  const ordered = slices.map(({ image }) => image)
  return {
    ...first,
    frames: slices.length,
    frameFacts: facts,
    volume,
    attributes: commonAttributes(images.map(({ attributes }) => attributes)),
    pixels: concatenate(
      ordered.map(({ pixels }) => pixels),
      limits,
    ),
    identity: { ...first.identity, sopInstanceUids: ordered.flatMap(({ identity }) => identity.sopInstanceUids) },
  }
}

function verifyAlike(image: SourceImage, first: SourceImage): void {
  if (image.format !== 'dicom' || image.frames !== 1) throw inconsistent('frames')
  const { seriesInstanceUid, patientId, isPatientUnreadable } = first.identity
  if (seriesInstanceUid === undefined || image.identity.seriesInstanceUid !== seriesInstanceUid)
    throw inconsistent('series')
  const isAlike = image.identity.patientId === patientId && image.identity.isPatientUnreadable === isPatientUnreadable
  if (!isAlike) throw inconsistent('patient')
  for (const name of alike) if (image[name] !== first[name]) throw inconsistent('image format')
  // One table for all slices is not what each of them says.
  if (image.modalityLut !== undefined || image.voiLut !== undefined) throw inconsistent('look-up table')
  if (image.attributes.modality !== first.attributes.modality) throw inconsistent('modality')
  const isSame = image.pixelSpacingMm?.every((part, index) => Math.abs(part - first.pixelSpacingMm![index]!) < 1e-4)
  if (isSame !== true) throw inconsistent('spacing')
}

/** What all files say alike; where they differ, nobody has said it. One that warns of itself warns of all. */
function commonAttributes(all: readonly ImageAttributes[]): ImageAttributes {
  const [first] = all
  if (first === undefined) throw inconsistent('files')
  const common = Object.entries(first).map(([name, value]) => {
    const isCommon = all.every((each) => isSame(each[name as keyof ImageAttributes], value))
    return [name, isCommon ? value : Array.isArray(value) ? [] : undefined]
  })
  const warned = (name: 'burnedInAnnotation' | 'lossyCompressed'): boolean | undefined =>
    all.some((each) => each[name] === true) ? true : undefined
  const attributes: ImageAttributes = Object.fromEntries(common)
  return {
    ...attributes,
    burnedInAnnotation: warned('burnedInAnnotation') ?? attributes.burnedInAnnotation,
    lossyCompressed: warned('lossyCompressed') ?? attributes.lossyCompressed,
  }
}

function isSame(one: ImageAttributes[keyof ImageAttributes], other: typeof one): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other
  return one.length === other.length && one.every((part, index) => part === other[index])
}

function concatenate(parts: readonly PixelArray[], limits: ImageLimits): PixelArray {
  const total = parts.reduce((sum, { length }) => sum + length, 0)
  const [first] = parts
  if (first === undefined || total * first.BYTES_PER_ELEMENT > limits.maxPixelBytes) {
    throw new ImageError('image_too_large', { about: 'pixels' })
  }
  const Kind = first.constructor as new (length: number) => PixelArray
  const out = new Kind(total)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

function inconsistent(about: ImagePlace): ImageError {
  return new ImageError('image_series_inconsistent', { about })
}
