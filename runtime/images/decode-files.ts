import type { SourceImage } from './decoded-image.ts'
import { isDicom } from './dicom/part10.ts'
import { decodeDicom } from './dicom-image.ts'
import { ImageError } from './errors.ts'
import type { ImageLimits } from './limits.ts'
import { isNiftiFile, parseNifti } from './nifti/nifti.ts'
import type { WasmCodecs } from './pixels/codecs.ts'
import type { PixelForm } from './pixels/decode-frames.ts'
import { joinSeries } from './series.ts'

/**
 * The files of one request, one after the other, as one image: each is decoded when it is whole, so that only one is held
 * as it came.
 * @throws ImageError of every kind but those of the process
 */
export async function decodeFiles(
  files: Iterable<Uint8Array>,
  limits: ImageLimits,
  codecs: WasmCodecs,
  form: PixelForm,
): Promise<SourceImage> {
  const images: SourceImage[] = []
  let left = limits
  for (const bytes of files) {
    if (images.length >= limits.maxFiles) throw new ImageError('image_too_complex', { about: 'files' })
    const image = await decodeOne(bytes, left, codecs, form)
    images.push(image)
    left = {
      ...left,
      maxFrames: left.maxFrames - image.frames,
      maxPixelBytes: left.maxPixelBytes - image.pixels.byteLength,
    }
  }
  return joinSeries(images, limits)
}

async function decodeOne(
  bytes: Uint8Array,
  limits: ImageLimits,
  codecs: WasmCodecs,
  form: PixelForm,
): Promise<SourceImage> {
  if (isDicom(bytes)) return decodeDicom(bytes, limits, codecs, form)
  if (isNiftiFile(bytes)) return parseNifti(bytes, limits)
  throw new ImageError('image_not_recognised')
}
