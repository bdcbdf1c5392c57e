/**
 * Fills buffers one after the other from chunks as they come. Each next buffer is asked for only once the one before it is full,
 * so nothing is allocated before what asks for it was judged.
 */
export class PartReader<Whole> {
  readonly #parts: Generator<Uint8Array, Whole | undefined, undefined>
  #part: IteratorResult<Uint8Array, Whole | undefined>
  #filled = 0

  /** @param parts yields each buffer to be filled, and returns the whole, or undefined as soon as what was filled is not one */
  constructor(parts: Generator<Uint8Array, Whole | undefined, undefined>) {
    this.#parts = parts
    this.#part = parts.next()
  }

  /** `broken`: not what was asked for, or more than one. After that, and after the whole, nothing may be pushed. */
  push(chunk: Uint8Array): Whole | 'incomplete' | 'broken' {
    const { outcome, taken } = this.fill(chunk)
    return outcome !== 'incomplete' && taken < chunk.length ? 'broken' : outcome
  }

  /** As {@link push}, where more than one may come: `taken` bytes of the chunk were this one's. */
  fill(chunk: Uint8Array): { readonly outcome: Whole | 'incomplete' | 'broken'; readonly taken: number } {
    let rest = chunk
    while (!this.#part.done && rest.length > 0) {
      const part = this.#part.value
      const taken = rest.subarray(0, part.length - this.#filled)
      part.set(taken, this.#filled)
      this.#filled += taken.length
      rest = rest.subarray(taken.length)
      if (this.#filled === part.length) {
        this.#filled = 0
        this.#part = this.#parts.next()
      }
    }
    const taken = chunk.length - rest.length
    if (!this.#part.done) return { outcome: 'incomplete', taken }
    return { outcome: this.#part.value ?? 'broken', taken }
  }
}
