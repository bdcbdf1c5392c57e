import type { Found } from './found.ts'

/**
 * One source of readings that may hang. It is asked again only after it has answered: a dead disk or a stuck driver costs one
 * waiting call for as long as it is dead, and never a second one.
 */
export class SingleFlight<T> {
  readonly #read: () => Promise<Found<T>>
  readonly #deadlineMs: number
  #isWaiting = false

  constructor(read: () => Promise<Found<T>>, deadlineMs: number) {
    this.#read = read
    this.#deadlineMs = deadlineMs
  }

  /** Whether a call has not come back yet. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** The answer, or `unreadable` after the deadline; at once while an earlier call still waits. */
  async ask(): Promise<Found<T>> {
    if (this.#isWaiting) return { state: 'unreadable', why: 'still no answer to an earlier question' }
    this.#isWaiting = true
    const answer = this.#read().finally(() => {
      this.#isWaiting = false
    })
    const late = Promise.withResolvers<Found<T>>()
    const timer = setTimeout(
      () => late.resolve({ state: 'unreadable', why: `no answer in ${this.#deadlineMs} ms` }),
      this.#deadlineMs,
    )
    try {
      return await Promise.race([answer, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}
