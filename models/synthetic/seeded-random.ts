/** A repeatable source of numbers for synthetic data and training. Never for keys: it is predictable by design. */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Standard normal. */
  normal(): number
  /** Integer in [0, below). */
  integer(below: number): number
}

/** Weyl sequence through a 32-bit finalizer: the same numbers on every machine. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
  // Irwin-Hall of twelve: no logarithm or cosine, whose last bits may differ between engines.
  const normal = () => Array.from({ length: 12 }, uniform).reduce((sum, draw) => sum + draw, -6)
  return { uniform, normal, integer: (below) => Math.floor(uniform() * below) }
}
