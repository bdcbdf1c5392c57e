import { decodeFiles } from '../decode-files.ts'
import { ImageError } from '../errors.ts'
import { defaultImageLimits, type ImageLimits } from '../limits.ts'
import { WasmCodecs } from '../pixels/codecs.ts'

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
    const kind = Math.floor(next() * 6)
    const extreme = extremes[Math.floor(next() * extremes.length)] ?? 0
    if (kind === 0) out[at] = (out[at] ?? 0) ^ (1 << Math.floor(next() * 8))
    else if (kind === 1 && at + 4 <= out.length) out.writeUInt32LE(extreme, at)
    else if (kind === 2 && at + 2 <= out.length) out.writeUInt16LE(extreme & 0xffff, at)
    else if (kind === 3) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)])
    else if (kind === 4) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)])
    else if (next() < 0.3) out = out.subarray(0, at)
  }
  return out
}

export interface FuzzOutcome {
  readonly read: number
  readonly refused: number
  readonly slowestMs: number
  /** Cases that ended in anything but an image or a code. */
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
      await decodeFiles([input], fuzzLimits, codecs, 'values')
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
