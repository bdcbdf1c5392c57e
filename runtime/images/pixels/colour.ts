type Samples = Uint8Array | Uint16Array

const SCALE_BITS = 16
const HALF = 1 << (SCALE_BITS - 1)
const fixed = (value: number): number => Math.round(value * (1 << SCALE_BITS))
const RED_CR = fixed(1.402)
const GREEN_CB = fixed(0.34414)
const GREEN_CR = fixed(0.71414)
const BLUE_CB = fixed(1.772)

/** YBR_FULL to RGB, in place (PS3.3 C.7.6.3.1.2; JFIF), eight bits a sample, in whole numbers. */
export function convertYbrToRgb(samples: Uint8Array): void {
  for (let at = 0; at + 2 < samples.length; at += 3) {
    const y = samples[at]!
    const cb = samples[at + 1]! - 128
    const cr = samples[at + 2]! - 128
    samples[at] = clamp(y + ((RED_CR * cr + HALF) >> SCALE_BITS))
    samples[at + 1] = clamp(y + ((HALF - GREEN_CB * cb - GREEN_CR * cr) >> SCALE_BITS))
    samples[at + 2] = clamp(y + ((BLUE_CB * cb + HALF) >> SCALE_BITS))
  }
}

/** Native YBR_FULL_422 holds Y Y Cb Cr for two pixels; both get the two colours (PS3.3 C.7.6.3.1.2). */
export function spreadHalvedColours(bytes: Uint8Array, pixels: number): Uint8Array {
  const out = new Uint8Array(pixels * 3)
  for (let pair = 0; pair * 2 < pixels; pair += 1) {
    const [first = 0, second = 0, cb = 0, cr = 0] = bytes.subarray(pair * 4, pair * 4 + 4)
    out.set([first, cb, cr], pair * 6)
    if (pair * 2 + 1 < pixels) out.set([second, cb, cr], pair * 6 + 3)
  }
  return out
}

/** Planes after each other become pixels after each other. */
export function interleave<Kind extends Samples | Uint32Array>(planes: Kind, samplesPerPixel: number): Kind {
  const out = planes.slice() as Kind
  const pixels = planes.length / samplesPerPixel
  for (let sample = 0; sample < samplesPerPixel; sample += 1) {
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      out[pixel * samplesPerPixel + sample] = planes[sample * pixels + pixel]!
    }
  }
  return out
}

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255)
}
