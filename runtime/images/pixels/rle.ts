import { ImageError } from '../errors.ts'

const HEADER_BYTES = 64

/**
 * Decodes one RLE frame (PS3.5 Annex G): each segment is one byte of one sample of all pixels, the most significant first.
 * @param segmentBytes what each segment unpacks to: pixels, or bits of them rounded up to bytes.
 * @returns `samples` planes after each other, each `bytesPerSample × segmentBytes`, little-endian.
 * @throws ImageError image_compressed_data_invalid
 */
export function decodeRle(
  frame: Uint8Array,
  { samples, bytesPerSample, segmentBytes }: { samples: number; bytesPerSample: number; segmentBytes: number },
): Uint8Array {
  if (frame.length < HEADER_BYTES) throw invalid()
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const count = view.getUint32(0, true)
  if (count !== samples * bytesPerSample) throw invalid()
  const out = new Uint8Array(count * segmentBytes)
  const plane = new Uint8Array(segmentBytes)
  for (let index = 0; index < count; index += 1) {
    const start = view.getUint32(4 + index * 4, true)
    const end = index + 1 < count ? view.getUint32(8 + index * 4, true) : frame.length
    if (start < HEADER_BYTES || end < start || end > frame.length) throw invalid()
    unpack(frame.subarray(start, end), plane)
    const sample = Math.floor(index / bytesPerSample)
    const byte = bytesPerSample - 1 - (index % bytesPerSample)
    const origin = sample * bytesPerSample * segmentBytes + byte
    for (let pixel = 0; pixel < segmentBytes; pixel += 1) out[origin + pixel * bytesPerSample] = plane[pixel] ?? 0
  }
  return out
}

/** PackBits (PS3.5 G.3). A segment that fills its plane may be followed by padding; one that does not is refused. */
function unpack(packed: Uint8Array, plane: Uint8Array): void {
  let from = 0
  let to = 0
  while (to < plane.length) {
    if (from >= packed.length) throw invalid()
    const control = packed[from] ?? 0
    from += 1
    if (control === 128) continue
    const count = control < 128 ? control + 1 : 257 - control
    if (to + count > plane.length) throw invalid()
    if (control < 128) {
      if (from + count > packed.length) throw invalid()
      plane.set(packed.subarray(from, from + count), to)
      from += count
    } else {
      if (from >= packed.length) throw invalid()
      plane.fill(packed[from] ?? 0, to, to + count)
      from += 1
    }
    to += count
  }
}

function invalid(): ImageError {
  return new ImageError('image_compressed_data_invalid', { about: 'RLE' })
}
