const HALF = 65_536
const SIGN = 0x80000000

/**
 * The values that would stand at two places if all were sorted, without sorting or copying them: their bits, read as whole
 * numbers in the same order, are counted by the upper half, then those of the right upper half by the lower.
 * @param ranks from 0, below the number of values
 */
export function valuesAtRanks(values: Float32Array, ranks: readonly [number, number]): readonly [number, number] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const counts = new Uint32Array(HALF)
  for (let index = 0; index < bits.length; index += 1) {
    const upper = sortable(bits[index]!) >>> 16
    counts[upper] = counts[upper]! + 1
  }
  const valueAt = (rank: number): number => {
    const upper = placeOf(counts, rank)
    const lower = placeOf(lowerCounts(bits, upper.place), upper.rest)
    return floatOf(upper.place * HALF + lower.place)
  }
  return [valueAt(ranks[0]), valueAt(ranks[1])]
}

function lowerCounts(bits: Uint32Array, upper: number): Uint32Array {
  const counts = new Uint32Array(HALF)
  for (let index = 0; index < bits.length; index += 1) {
    const key = sortable(bits[index]!)
    if (key >>> 16 === upper) counts[key & 0xffff] = counts[key & 0xffff]! + 1
  }
  return counts
}

/** Which count the rank falls into, and its rank within. */
function placeOf(counts: Uint32Array, rank: number): { readonly place: number; readonly rest: number } {
  let rest = rank
  let place = 0
  while (place < HALF - 1 && rest >= counts[place]!) {
    rest -= counts[place]!
    place += 1
  }
  return { place, rest }
}

/** A float's bits as a whole number that sorts as the float does: negative ones turned round, below the others. */
function sortable(bits: number): number {
  return (bits & SIGN ? ~bits : bits | SIGN) >>> 0
}

function floatOf(key: number): number {
  const bits = Uint32Array.of((key & SIGN ? key ^ SIGN : ~key) >>> 0)
  return new Float32Array(bits.buffer)[0]!
}
