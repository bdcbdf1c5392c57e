import { ActivationError } from './activation-errors.ts'

/** Changes of models that may wait for the one under way. */
const MAX_WAITING = 16

/** One after another: while a session is made, a model takes several times its size. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** @throws ActivationError runtime_changes_busy */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new ActivationError('runtime_changes_busy')
    this.#waiting += 1
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }
}
