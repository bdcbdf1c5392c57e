import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'
import type { ImagePlace } from './places.ts'

/** What is wrong with an image, or with the process that decodes it. `about` is one of our own words, never a value of the file. */
export const imageErrors = {
  image_not_recognised: 'These bytes are neither DICOM nor NIfTI.',
  image_truncated: 'The image ends before what it announces.',
  image_malformed: 'The image contradicts its format or itself.',
  image_too_large: 'The image is larger than the limit.',
  image_too_complex: 'The image has more elements, levels, fragments or frames than the limit.',
  image_without_pixels: 'The object holds no pixel data.',
  image_attribute_missing: 'An attribute that decoding needs is missing.',
  image_transfer_syntax_unsupported: 'The transfer syntax is not one that is decoded here.',
  image_pixel_format_unsupported: 'The pixel format is not one that is decoded here.',
  image_compressed_data_invalid:
    'The compressed pixel data cannot be decoded, or contradict the attributes of the image.',
  image_series_inconsistent: 'The files do not belong to one series of equal images.',
  image_series_spacing: 'The images of the series do not lie at equal distances.',
  image_input_failed: 'The bytes of the image did not arrive.',
  image_deadline: 'The image was not decoded before the deadline. The process that decoded it was ended.',
  image_decoder_lost: 'The process that decoded the image ended before it answered.',
  image_decoder_out_of_memory: 'The process that decoded the image ran out of memory.',
  image_decoder_overloaded: 'Too many images wait to be decoded.',
  image_decoder_unavailable:
    'Images are not decoded now: the decoder is stopped, or cannot be walled off as it must be.',
} as const

export type ImageErrorCode = keyof typeof imageErrors

export class ImageError extends WardstoneError<ImageErrorCode> {
  declare readonly about: ImagePlace | undefined

  constructor(code: ImageErrorCode, options?: WardstoneErrorOptions & { readonly about?: ImagePlace }) {
    super(code, imageErrors[code], options)
  }
}

export function isImageErrorCode(value: unknown): value is ImageErrorCode {
  return typeof value === 'string' && Object.hasOwn(imageErrors, value)
}
