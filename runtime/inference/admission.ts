/** What is known of a request's chances when it comes. All of it errs on the short side. */
export interface Chances {
  /** Until its deadline. */
  readonly leftMs: number
  /** The quickest that one like it was lately answered in; 0 when none was yet. */
  readonly ownMs: number
  /** The same, for all that will be served before it, summed up. */
  readonly aheadMs: number
  /** What the runs under way still need at least. */
  readonly underWayMs: number
  /** Processes that serve the queue. */
  readonly servers: number
}

/**
 * Would it miss its deadline even if everything before it went as quickly as the quickest? Then it is refused when it
 * comes, and its sender can ask elsewhere while there is time. One that finds nothing before it is always taken: what
 * was slow once must not shut out what would put that right.
 */
export function isHopeless({ leftMs, ownMs, aheadMs, underWayMs, servers }: Chances): boolean {
  const beforeMs = aheadMs + underWayMs
  return beforeMs > 0 && beforeMs / Math.max(1, servers) + ownMs > leftMs
}

const MIN_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

/** When to come again: once what waits now has gone. */
export function retryAfterMs(drainMs: number, servers: number): number {
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, drainMs / Math.max(1, servers)))
}
