/** xorshift32 (Marsaglia 2003): for what does not depend on these numbers being hard to guess. @returns from 0 to below 1 */
export function smallDraw(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
