import { ImageError } from '../errors.ts'
import type { ImageLimits } from '../limits.ts'
import type { ImagePlace } from '../places.ts'
import type { DataSet } from './data-set.ts'
import type { Keyword } from './tags.ts'

/** How the pixels of a file lie: the Image Pixel module (PS3.3 C.7.6.3), checked against itself and the limits. */
export interface PixelDescription {
  readonly frames: number
  readonly rows: number
  readonly columns: number
  readonly samplesPerPixel: 1 | 3
  readonly bitsAllocated: 1 | 8 | 16 | 32 | 64
  readonly bitsStored: number
  readonly highBit: number
  readonly isSigned: boolean
  readonly isFloat: boolean
  /** Samples of a pixel lie in planes of their own. */
  readonly isPlanar: boolean
  readonly photometric: Photometric
}

const photometrics = [
  'MONOCHROME1',
  'MONOCHROME2',
  'PALETTE COLOR',
  'RGB',
  'YBR_FULL',
  'YBR_FULL_422',
  'YBR_ICT',
  'YBR_RCT',
] as const

export type Photometric = (typeof photometrics)[number]

/** @throws ImageError image_without_pixels | image_attribute_missing | image_malformed | image_pixel_format_unsupported | image_too_large | image_too_complex */
export function parsePixelDescription(dataSet: DataSet, limits: ImageLimits): PixelDescription {
  const isFloat =
    dataSet.element('FloatPixelData') !== undefined || dataSet.element('DoubleFloatPixelData') !== undefined
  if (!isFloat && dataSet.element('PixelData') === undefined) throw new ImageError('image_without_pixels')
  const size = parseSize(dataSet, limits)
  const samplesPerPixel = parseSamples(dataSet)
  const bits = parseBits(dataSet, isFloat)
  const photometric = parsePhotometric(dataSet, samplesPerPixel)
  const planar = samplesPerPixel === 3 ? (dataSet.unsigned('PlanarConfiguration') ?? 0) : 0
  if (planar > 1) throw new ImageError('image_malformed', { about: 'PlanarConfiguration' })
  if (bits.bitsAllocated === 1 && samplesPerPixel !== 1) throw unsupported('BitsAllocated')
  const description = { ...size, samplesPerPixel, ...bits, isFloat, isPlanar: planar === 1, photometric }
  if (decodedBytes(description) > limits.maxPixelBytes) throw new ImageError('image_too_large', { about: 'pixels' })
  return description
}

/** What the frames take once they are decoded, in bytes: one-bit pixels become bytes. */
export function decodedBytes(pixels: Omit<PixelDescription, 'highBit' | 'bitsStored'>): number {
  const bytesPerSample = Math.max(1, pixels.bitsAllocated / 8)
  return pixels.frames * pixels.rows * pixels.columns * pixels.samplesPerPixel * bytesPerSample
}

function parseSize(dataSet: DataSet, limits: ImageLimits): { frames: number; rows: number; columns: number } {
  const [rows, columns] = [required(dataSet, 'Rows'), required(dataSet, 'Columns')]
  const hasFrames = dataSet.bytes('NumberOfFrames') !== undefined
  const frames = hasFrames ? dataSet.number('NumberOfFrames') : 1
  if (frames === undefined || frames < 1) throw new ImageError('image_malformed', { about: 'NumberOfFrames' })
  if (rows < 1 || columns < 1) throw new ImageError('image_malformed', { about: rows < 1 ? 'Rows' : 'Columns' })
  if (frames > limits.maxFrames) throw new ImageError('image_too_complex', { about: 'frames' })
  if (rows * columns > limits.maxFramePixels) throw new ImageError('image_too_large', { about: 'frame' })
  return { frames, rows, columns }
}

function parseSamples(dataSet: DataSet): 1 | 3 {
  const samples = dataSet.unsigned('SamplesPerPixel') ?? 1
  if (samples !== 1 && samples !== 3) throw unsupported('SamplesPerPixel')
  return samples
}

function parseBits(
  dataSet: DataSet,
  isFloat: boolean,
): Pick<PixelDescription, 'bitsAllocated' | 'bitsStored' | 'highBit' | 'isSigned'> {
  const bitsAllocated = required(dataSet, 'BitsAllocated')
  if (isFloat) {
    const expected = dataSet.element('FloatPixelData') === undefined ? 64 : 32
    if (bitsAllocated !== expected) throw new ImageError('image_malformed', { about: 'BitsAllocated' })
    return { bitsAllocated: expected, bitsStored: expected, highBit: expected - 1, isSigned: true }
  }
  if (bitsAllocated !== 1 && bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) {
    throw unsupported('BitsAllocated')
  }
  const bitsStored = required(dataSet, 'BitsStored')
  const highBit = dataSet.unsigned('HighBit') ?? bitsStored - 1
  if (bitsStored < 1 || bitsStored > bitsAllocated) throw new ImageError('image_malformed', { about: 'BitsStored' })
  if (highBit < bitsStored - 1 || highBit >= bitsAllocated)
    throw new ImageError('image_malformed', { about: 'HighBit' })
  const representation = required(dataSet, 'PixelRepresentation')
  if (representation > 1) throw new ImageError('image_malformed', { about: 'PixelRepresentation' })
  return { bitsAllocated, bitsStored, highBit, isSigned: representation === 1 }
}

function parsePhotometric(dataSet: DataSet, samples: 1 | 3): Photometric {
  const name = dataSet.require('PhotometricInterpretation', dataSet.string('PhotometricInterpretation'))
  const photometric = photometrics.find((each) => each === name)
  if (photometric === undefined) throw unsupported('PhotometricInterpretation')
  const isGrey = photometric.startsWith('MONOCHROME') || photometric === 'PALETTE COLOR'
  if (isGrey !== (samples === 1)) throw new ImageError('image_malformed', { about: 'PhotometricInterpretation' })
  return photometric
}

function required(dataSet: DataSet, keyword: Keyword): number {
  return dataSet.require(keyword, dataSet.unsigned(keyword))
}

function unsupported(about: ImagePlace): ImageError {
  return new ImageError('image_pixel_format_unsupported', { about })
}
