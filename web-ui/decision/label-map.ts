/** Labels of a segmentation, one byte each: columns fastest, then rows, then frames. */
export interface LabelMap {
  readonly data: Uint8Array
  readonly frames: number
  readonly rows: number
  readonly columns: number
}

const HEADER_BYTES = 348
const UINT8 = 2
const MAX_BYTES = 256 * 1024 * 1024

/** Reads the gzipped NIfTI-1 file that the box itself writes. @returns undefined for anything else */
export async function readLabelMap(bytes: Uint8Array<ArrayBuffer>): Promise<LabelMap | undefined> {
  try {
    const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
    return parseLabelMap(await bounded(opened))
  } catch {
    return undefined
  }
}

/** @returns undefined when it is not NIfTI-1 of one byte an element */
export function parseLabelMap(bytes: Uint8Array | undefined): LabelMap | undefined {
  if (bytes === undefined || bytes.length < HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isReadable = view.getInt32(0, true) === HEADER_BYTES && view.getInt16(70, true) === UINT8
  const [columns = 0, rows = 0, frames = 0] = [42, 44, 46].map((at) => Math.max(1, view.getInt16(at, true)))
  const start = view.getFloat32(108, true)
  const count = columns * rows * frames
  if (!isReadable || !Number.isInteger(start) || start < HEADER_BYTES || bytes.length < start + count) return undefined
  return { data: bytes.subarray(start, start + count), frames, rows, columns }
}

async function bounded(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | undefined> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const part of stream) {
    size += part.length
    if (size > MAX_BYTES) return undefined
    parts.push(new Uint8Array(part))
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}
