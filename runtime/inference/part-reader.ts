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
    if (!this.#part.done) return 'incomplete'
    return this.#part.value === undefined || rest.length > 0 ? 'broken' : this.#part.value
  }
}
