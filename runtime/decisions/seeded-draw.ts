import { sha256 } from '../../device/crypto/bulk.ts'

const DRAWS_PER_HASH = 8

/** Draws an integer from 0 to below `bound`, each as likely. */
export type Draw = (bound: number) => number

/**
 * The same purpose and seed draw the same numbers on every machine: 32-bit big-endian words of
 * SHA-256(purpose / seed / counter), those beyond the last whole multiple of `bound` left out.
 */
export function drawer(purpose: string, seed: number): Draw {
  let counter = 0
  let words: Buffer = Buffer.alloc(0)
  const next = () => {
    const place = counter % DRAWS_PER_HASH
    if (place === 0) words = sha256(Buffer.from(`${purpose}/${seed}/${counter / DRAWS_PER_HASH}`))
    counter += 1
    return words.readUInt32BE(place * 4)
  }
  return (bound) => {
    const limit = 2 ** 32 - (2 ** 32 % bound)
    let word = next()
    while (word >= limit) word = next()
    return word % bound
  }
}

/** Fisher and Yates's shuffle, of a copy. */
export function shuffled(items: readonly number[], draw: Draw): number[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const place = draw(last + 1)
    const [one = 0, other = 0] = [order[last], order[place]]
    order[last] = other
    order[place] = one
  }
  return order
}
