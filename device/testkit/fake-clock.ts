import type { Clock } from '../platform/clock.ts'

/** A clock that moves only when told. `jumpMs` moves the wall without the monotonic side, as NTP or an operator would. */
export class FakeClock implements Clock {
  #wallMs: number
  #monotonicMs = 0

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs
  }

  nowMs(): number {
    return this.#wallMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  advance(ms: number): void {
    this.#wallMs += ms
    this.#monotonicMs += ms
  }

  jumpMs(ms: number): void {
    this.#wallMs += ms
  }
}
