import type { Role } from '../access/principal.ts'
import { lesserOf, type Priority, priorities } from '../inference/priority.ts'
import type { DecisionRequest } from './types.ts'

const ofRole: Readonly<Record<Role, Priority>> = {
  bedside: 'bedside',
  clinician: 'reading-room',
  engineer: 'batch',
  officer: 'batch',
}

/**
 * How urgent a request is: by who asks and what for. An image is read in a reading room, whoever sent it: it takes
 * longer than a bedside may wait for another's. A request may say that it is less urgent than that, never that it is more.
 */
export function urgencyOf(
  { purpose, image, priority = 1 }: Pick<DecisionRequest, 'purpose' | 'image' | 'priority'>,
  role: Role,
): Priority {
  const byPurpose: Priority = purpose === 'quality' ? 'batch' : 'bedside'
  const byKind: Priority = image === undefined ? 'bedside' : 'reading-room'
  return [ofRole[role], byPurpose, byKind].reduce(lesserOf, named(priority))
}

function named(priority: Priority | number): Priority {
  if (typeof priority !== 'number') return priority
  return priorities[Math.max(1, priority) - 1] ?? 'batch'
}
