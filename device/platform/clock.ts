/** Time as the rest of the house sees it: passed in, so that tests can hold it still. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch; may jump. */
  nowMs(): number
  /** Monotonic time in milliseconds from an arbitrary start; never jumps. Use it for durations and deadlines. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
