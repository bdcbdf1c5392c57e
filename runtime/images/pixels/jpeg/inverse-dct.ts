/**
 * The inverse DCT of an 8 × 8 block in whole numbers: the factorisation of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with 13
 * bits of constants, rounded between the passes as the Independent JPEG Group does. The rounding is part of what is
 * promised: decoders that other reference values come from agree to the last bit only with the same one.
 */
const CONSTANT_BITS = 13
const fixed = (value: number): number => Math.round(value * (1 << CONSTANT_BITS))

const C0_298 = fixed(0.298631336)
const C0_390 = fixed(0.390180644)
const C0_541 = fixed(0.5411961)
const C0_765 = fixed(0.765366865)
const C0_899 = fixed(0.899976223)
const C1_175 = fixed(1.175875602)
const C1_501 = fixed(1.50132111)
const C1_847 = fixed(1.847759065)
const C1_961 = fixed(1.96157056)
const C2_053 = fixed(2.053119869)
const C2_562 = fixed(2.562915447)
const C3_072 = fixed(3.072711026)

const work = new Int32Array(64)
const even = new Float64Array(4)
const odd = new Float64Array(4)

/**
 * @param block dequantised coefficients, row by row.
 * @param out samples are written at `origin`, rows `stride` apart, moved by half the range and clamped to it.
 */
export function inverseDct(
  block: Int32Array,
  precision: number,
  out: Uint8Array | Uint16Array,
  origin: number,
  stride: number,
): void {
  const extraBits = precision > 8 ? 1 : 2
  for (let column = 0; column < 8; column += 1) transformColumn(block, column, CONSTANT_BITS - extraBits, extraBits)
  const center = 1 << (precision - 1)
  const maximum = (1 << precision) - 1
  const shift = CONSTANT_BITS + extraBits + 3
  const half = 2 ** (shift - 1)
  for (let row = 0; row < 8; row += 1) {
    butterflies(work, row * 8, 1)
    const at = origin + row * stride
    for (let pair = 0; pair < 4; pair += 1) {
      const sum = ((even[pair]! + odd[pair]! + half) >> shift) + center
      const difference = ((even[pair]! - odd[pair]! + half) >> shift) + center
      out[at + pair] = sum < 0 ? 0 : Math.min(sum, maximum)
      out[at + 7 - pair] = difference < 0 ? 0 : Math.min(difference, maximum)
    }
  }
}

function transformColumn(block: Int32Array, column: number, shift: number, extraBits: number): void {
  let isFlat = true
  for (let row = 1; row < 8 && isFlat; row += 1) isFlat = block[row * 8 + column] === 0
  if (isFlat) {
    const value = block[column]! << extraBits
    for (let row = 0; row < 8; row += 1) work[row * 8 + column] = value
    return
  }
  butterflies(block, column, 8)
  const half = 2 ** (shift - 1)
  for (let pair = 0; pair < 4; pair += 1) {
    work[pair * 8 + column] = (even[pair]! + odd[pair]! + half) >> shift
    work[(7 - pair) * 8 + column] = (even[pair]! - odd[pair]! + half) >> shift
  }
}

/** One pass over eight values: `even ± odd` are its results, still with the bits of the constants. */
function butterflies(from: Int32Array, start: number, step: number): void {
  const s0 = from[start]!
  const s1 = from[start + step]!
  const s2 = from[start + 2 * step]!
  const s3 = from[start + 3 * step]!
  const s4 = from[start + 4 * step]!
  const s5 = from[start + 5 * step]!
  const s6 = from[start + 6 * step]!
  const s7 = from[start + 7 * step]!
  const rotated = (s2 + s6) * C0_541
  const low = rotated - s6 * C1_847
  const high = rotated + s2 * C0_765
  const sum = (s0 + s4) * 8192
  const difference = (s0 - s4) * 8192
  even[0] = sum + high
  even[3] = sum - high
  even[1] = difference + low
  even[2] = difference - low
  const z5 = (s7 + s3 + s5 + s1) * C1_175
  const z1 = (s7 + s1) * -C0_899
  const z2 = (s5 + s3) * -C2_562
  const z3 = z5 - (s7 + s3) * C1_961
  const z4 = z5 - (s5 + s1) * C0_390
  odd[3] = s7 * C0_298 + z1 + z3
  odd[2] = s5 * C2_053 + z2 + z4
  odd[1] = s3 * C3_072 + z2 + z3
  odd[0] = s1 * C1_501 + z1 + z4
}
