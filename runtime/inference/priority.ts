/** How urgent a request is, the most urgent first: what one asks at the bedside never waits behind what a reading room or a batch asks. */
export const priorities = ['bedside', 'reading-room', 'batch'] as const
export type Priority = (typeof priorities)[number]

/** What is asked without a word about it: less urgent than a bedside, more than what nobody waits for. */
export const DEFAULT_PRIORITY: Priority = 'reading-room'

/** The lower, the more urgent. */
export function rankOf(priority: Priority): number {
  return priorities.indexOf(priority)
}

/** The less urgent of the two. */
export function lesserOf(one: Priority, other: Priority): Priority {
  return rankOf(one) < rankOf(other) ? other : one
}
