import type { Tensors } from '../../models/contract/tensor.ts'

/** How far one run moves the picture. */
const WEIGHT = 0.2
/** An estimate that keeps runs from being made is never put right by one, so it fades. */
const FADE = 0.9
/** The quickest run was some time ago: each slower one since lets it count less. */
const LEAST_GROWTH = 1.02
const MIN_GRACE_MS = 250
const MAX_GRACE_MS = 5_000
const GRACE_FACTOR = 4

/** How long a model usually takes, by the number of rows asked for, each power of two for itself. */
export class RunTimes {
  readonly #typicalMs: number[] = []
  readonly #leastMs: number[] = []

  record(inputs: Tensors, tookMs: number): void {
    const size = sizeOf(inputs)
    const before = this.#typicalMs[size] ?? tookMs
    this.#typicalMs[size] = before + WEIGHT * (tookMs - before)
    this.#leastMs[size] = Math.min(tookMs, (this.#leastMs[size] ?? tookMs) * LEAST_GROWTH)
  }

  /** In milliseconds. Of a size that was not seen yet: as of the next smaller one, or zero. */
  typicalMs(inputs: Tensors): number {
    return ofSize(this.#typicalMs, sizeOf(inputs)) ?? 0
  }

  /** The quickest of late. @returns undefined when neither this size nor a smaller one was seen */
  leastMs(inputs: Tensors): number | undefined {
    return ofSize(this.#leastMs, sizeOf(inputs))
  }

  /** Whether this very size was seen: what is known of a smaller one says only how long it takes at least. */
  knows(inputs: Tensors): boolean {
    return this.#leastMs[sizeOf(inputs)] !== undefined
  }

  /** Whether so much time is enough to begin. */
  allows(inputs: Tensors, leftMs: number): boolean {
    if (leftMs > this.typicalMs(inputs)) return true
    for (let size = 0; size <= sizeOf(inputs); size += 1) {
      const typicalMs = this.#typicalMs[size]
      if (typicalMs !== undefined && typicalMs >= leftMs) this.#typicalMs[size] = typicalMs * FADE
    }
    return false
  }

  /** How long after its deadline a run may still end by itself: a process that is only slow is cheaper kept than started. */
  graceMs(inputs: Tensors): number {
    return Math.min(MAX_GRACE_MS, Math.max(MIN_GRACE_MS, GRACE_FACTOR * this.typicalMs(inputs)))
  }
}

function ofSize(times: readonly number[], size: number): number | undefined {
  return times.slice(0, size + 1).findLast((ms) => ms !== undefined)
}

function sizeOf(inputs: Tensors): number {
  const rows = Math.max(1, ...Object.values(inputs).map(({ dims }) => dims[0] ?? 1))
  return Math.floor(Math.log2(rows))
}
