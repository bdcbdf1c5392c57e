import type { SourceImage } from './decoded-image.ts'
import { imageAttributes, imageIdentity } from './dicom/attributes.ts'
import { frameFacts, lut, pixelSpacing, voiFunction } from './dicom/frame-facts.ts'
import { parseDicom } from './dicom/part10.ts'
import { parsePixelDescription } from './dicom/pixel-description.ts'
import { ImageError } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import type { WasmCodecs } from './pixels/codecs.ts'
import { decodeFrames, type PixelForm } from './pixels/decode-frames.ts'
import { applyPalette } from './pixels/palette.ts'
import { stackOf } from './volume.ts'

/** Reads one DICOM file whole. @throws ImageError of every kind but those of the process */
export async function decodeDicom(
  bytes: Uint8Array,
  limits: ImageLimits,
  codecs: WasmCodecs,
  form: PixelForm = 'values',
): Promise<SourceImage> {
  const file = parseDicom(bytes, limits)
  const { dataSet, transferSyntax } = file
  const described = parsePixelDescription(dataSet, limits)
  if (transferSyntax.coding === 'unsupported') throw new ImageError('image_transfer_syntax_unsupported')
  const stored = decodeFrames(file, described, await codecs.prepare(transferSyntax.coding), form)
  const isPalette = described.photometric === 'PALETTE COLOR' && form === 'values'
  const pixels = isPalette ? applyPalette(stored, dataSet) : stored
  if (pixels.byteLength > limits.maxPixelBytes) throw new ImageError('image_too_large', { about: 'pixels' })
  const isGrey = described.samplesPerPixel === 1 && !isPalette
  const bits = isPalette ? ((pixels.BYTES_PER_ELEMENT * 8) as 8 | 16) : undefined
  const facts = frameFacts(dataSet, described.frames)
  const spacing = pixelSpacing(dataSet)
  return {
    format: 'dicom',
    frames: described.frames,
    rows: described.rows,
    columns: described.columns,
    samplesPerPixel: isGrey ? 1 : 3,
    bitsAllocated: bits ?? (described.bitsAllocated === 1 ? 8 : described.bitsAllocated),
    bitsStored: bits ?? described.bitsStored,
    isSigned: described.isSigned && !isPalette && form === 'values',
    isFloat: described.isFloat,
    photometric: isGrey ? (described.photometric === 'MONOCHROME1' ? 'MONOCHROME1' : 'MONOCHROME2') : 'RGB',
    frameFacts: facts,
    pixelSpacingMm: spacing?.spacing,
    spacingIn: spacing?.in,
    voiFunction: voiFunction(dataSet),
    volume: stackOf(facts, spacing?.in === 'patient' ? spacing.spacing : undefined),
    attributes: imageAttributes(file),
    pixels,
    modalityLut: lut(dataSet, 'ModalityLUTSequence', described.isSigned),
    voiLut: lut(dataSet, 'VOILUTSequence', described.isSigned),
    identity: imageIdentity(dataSet),
  }
}
