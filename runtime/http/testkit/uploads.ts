import type { DecisionRequest } from '../../decisions/types.ts'
import { ImageError } from '../../images/errors.ts'
import type { ImageInput } from '../../images/image-input.ts'

/** Every byte of an image, file by file, as the decoder's process would be given it; what fails becomes its error. */
export async function readImage(image: ImageInput | undefined): Promise<Buffer[]> {
  if (image === undefined) return []
  const files: Buffer[] = []
  try {
    for await (const file of image instanceof Uint8Array ? [image] : image) {
      const pieces: Uint8Array[] = []
      for await (const piece of file instanceof Uint8Array ? [file] : file) pieces.push(piece)
      files.push(Buffer.concat(pieces))
    }
  } catch (cause) {
    throw cause instanceof ImageError ? cause : new ImageError('image_input_failed', { cause })
  }
  return files
}

/** Only the first bytes, and then no more: the decoder has seen enough. */
export async function readBeginning(image: ImageInput | undefined): Promise<void> {
  if (image === undefined || image instanceof Uint8Array) return
  for await (const file of image) {
    if (file instanceof Uint8Array) return
    for await (const _ of file) return
  }
}

export interface SentPart {
  readonly headers?: readonly string[]
  readonly bytes: string | Uint8Array
}

export const BOUNDARY = 'x-7d1f'
export const RELATED = `multipart/related; boundary=${BOUNDARY}; type="application/json"`
export const FORM_DATA = `multipart/form-data; boundary=${BOUNDARY}`

export function partsOf(...parts: readonly SentPart[]): Buffer {
  const written = parts.flatMap(({ headers = [], bytes }) => [
    Buffer.from(`--${BOUNDARY}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1'),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...written, Buffer.from(`--${BOUNDARY}--\r\n`)])
}

export function requestPart(request: Partial<Record<keyof DecisionRequest, unknown>>): SentPart {
  return {
    headers: ['Content-Type: application/json', 'Content-Disposition: form-data; name="request"'],
    bytes: JSON.stringify(request),
  }
}

export function filePart(bytes: string | Uint8Array, type = 'application/dicom'): SentPart {
  return {
    headers: [`Content-Type: ${type}`, 'Content-Disposition: form-data; name="file"; filename="1.dcm"'],
    bytes,
  }
}
