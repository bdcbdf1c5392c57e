import type { ImageOp } from '../../../models/contract/image/image-schema.ts'
import { prepareImage } from '../../../models/contract/image/prepare-image.ts'
import { readAnswerHeader } from '../answer-schema.ts'
import { decodeFiles } from '../decode-files.ts'
import type { SourceImage } from '../decoded-image.ts'
import { ImageError } from '../errors.ts'
import { defaultImageLimits, type ImageLimits } from '../limits.ts'
import { WasmCodecs } from '../pixels/codecs.ts'
import { encodePrepared } from '../protocol.ts'

/** Small, so that a mutation that claims much is refused and one that is believed is quick. */
export const fuzzLimits: ImageLimits = {
  ...defaultImageLimits,
  maxInflatedBytes: 4 * 1024 * 1024,
  maxElements: 5000,
  maxFramePixels: 1024 * 1024,
  maxPixelBytes: 8 * 1024 * 1024,
  maxFrames: 64,
}

/** A seeded sequence of numbers from 0 to 1 (a 32-bit mix, not for secrets). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

const extremes = [0, 1, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

/** One to eight faults: bits turned, lengths made absurd, pieces cut, doubled, moved, or the end missing. */
export function mutate(bytes: Uint8Array, next: () => number): Buffer {
  let out = Buffer.from(bytes)
  const faults = 1 + Math.floor(next() * 8)
  for (let fault = 0; fault < faults && out.length > 8; fault += 1) {
    // Most faults go where structure is: near the start, and anywhere.
    const at = Math.floor(next() * (next() < 0.5 ? Math.min(out.length, 600) : out.length))
    const length = 1 + Math.floor(next() * 32)
    const kind = Math.floor(next() * 7)
    const extreme = extremes[Math.floor(next() * extremes.length)] ?? 0
    if (kind === 0) out[at] = (out[at] ?? 0) ^ (1 << Math.floor(next() * 8))
    else if (kind === 1 && at + 4 <= out.length) out.writeUInt32LE(extreme, at)
    else if (kind === 2 && at + 2 <= out.length) out.writeUInt16LE(extreme & 0xffff, at)
    else if (kind === 3) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)])
    else if (kind === 4) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)])
    else if (kind === 5) writeNumber(out, at, next)
    else if (next() < 0.3) out = out.subarray(0, at)
  }
  return out
}

const to = (name: string) => ({ version: 1, from: 'a', to: name }) as const
const begin: ImageOp = { op: 'image-values', version: 1, frames: 'all', to: 'a' }
const tensor: ImageOp = { op: 'image-tensor', version: 1, from: 'z', tensor: 'x', layout: 'NDHWC', dtype: 'float32' }

/** What models do with radiographs and volumes, each step that takes something of the file among them. */
const plans: readonly (readonly ImageOp[])[] = [
  [begin, { op: 'image-rescale', ...to('b') }, { op: 'image-voi', ...to('z'), from: 'b', none: 'min-max' }, tensor],
  [begin, { op: 'image-as-monochrome2', ...to('b') }, { op: 'image-grey', ...to('z'), from: 'b' }, tensor],
  [
    begin,
    { op: 'image-orient-volume', ...to('b'), axes: 'RAS', onUnknown: 'keep' },
    { op: 'image-resample', ...to('c'), from: 'b', spacingMm: [2, 2, 2], filter: 'linear' },
    { op: 'image-fit', ...to('z'), from: 'c', frames: 4, rows: 8, columns: 8, value: 0 },
    tensor,
  ],
  [
    begin,
    { op: 'image-orient', ...to('b'), rows: 'L', columns: 'F', onUnknown: 'keep' },
    { op: 'image-crop-border', ...to('c'), from: 'b', border: 'dark', share: 0.02 },
    { op: 'image-resize', ...to('z'), from: 'c', rows: 8, columns: 8, filter: 'bilinear', eightBit: false },
    tensor,
  ],
]

/** Does with an image that could be read what a request does, to the header that would cross. */
function prepare(image: SourceImage): void {
  const { header } = encodePrepared(
    image,
    plans.map((plan) => prepareImage(image, plan)),
  )
  const crossed = readAnswerHeader(Buffer.from(JSON.stringify(header)), fuzzLimits.maxFrames)
  if (crossed === undefined) throw new TypeError('what the decoder says of the image is not taken for an answer')
}

const numbers = ['1e308', '-9e99', 'NaN', '0', '-1', '\\', '1e-9']

/** Writes over the next number that is text: positions, sizes, slopes, windows, ages. */
function writeNumber(out: Buffer, from: number, next: () => number): void {
  const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
  const at = out.subarray(from).findIndex(isDigit) + from
  if (at >= from) out.write(numbers[Math.floor(next() * numbers.length)] ?? '', at, 'latin1')
}

export interface FuzzOutcome {
  readonly read: number
  readonly refused: number
  readonly slowestMs: number
  /** Cases that ended in anything but an image, prepared, or a code. */
  readonly faults: readonly { readonly run: number; readonly sample: string; readonly fault: unknown }[]
}

/** Mutates samples in turn, in this process. Each run depends on the seed and its number alone. */
export async function fuzz(
  samples: ReadonlyMap<string, Uint8Array>,
  { seed, runs }: { readonly seed: number; readonly runs: number },
): Promise<FuzzOutcome> {
  const names = [...samples.keys()]
  const faults: FuzzOutcome['faults'][number][] = []
  let [read, refused, slowestMs] = [0, 0, 0]
  let codecs = new WasmCodecs()
  for (let run = 0; run < runs; run += 1) {
    const sample = names[run % names.length] ?? ''
    const input = mutate(samples.get(sample) ?? new Uint8Array(), seededNumbers(seed * 1_000_003 + run))
    const started = performance.now()
    try {
      prepare(await decodeFiles([input], fuzzLimits, codecs, 'values'))
      read += 1
    } catch (fault) {
      refused += 1
      if (!(fault instanceof ImageError)) faults.push({ run, sample, fault })
      // What a codec does after it has failed is of no interest: in the product its process is gone.
      if (fault instanceof ImageError && fault.code === 'image_compressed_data_invalid') codecs = new WasmCodecs()
    }
    slowestMs = Math.max(slowestMs, performance.now() - started)
  }
  return { read, refused, slowestMs, faults }
}
