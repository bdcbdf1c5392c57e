/** Records that may be sent now: a bucket that fills at a steady rate and holds no more than one second of it. */
export class DrainRate {
  readonly #perSecond: number
  readonly #capacity: number
  #tokens: number
  #atMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#capacity = perSecond
    this.#tokens = this.#capacity
    this.#atMs = nowMs
  }

  /** Whole records that may leave at this moment. */
  available(nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#atMs)
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs * this.#perSecond) / 1000)
    this.#atMs = nowMs
    return Math.floor(this.#tokens)
  }

  take(records: number): void {
    this.#tokens -= records
  }
}
