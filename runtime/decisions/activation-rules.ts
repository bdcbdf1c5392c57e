import type { VersionFloor } from '../../models/package/policy.ts'
import type { SlotPointer } from '../../models/store/pointer.ts'
import type { ActivationHistory } from '../storage/evidence-store.ts'
import { ActivationError } from './activation-errors.ts'

/** What a pointer may make of a slot. The store is not trusted with this: whoever can write a pointer can write any. */

export type Change = SlotPointer['change']

/**
 * The version floor that a release is held to. It is the highest counter that ever went live, with two exceptions, each for one
 * package alone: what runs may go on running, and a rollback may go back to what was live directly before.
 */
export function floorOf(
  slot: string,
  packageHash: string,
  change: Change,
  history: ActivationHistory,
): VersionFloor | undefined {
  if (history.newestActivation(slot)?.packageHash === packageHash) return undefined
  if (change === 'rollback' && history.packageBefore(slot) === packageHash) return undefined
  return history.floor(slot)
}

/** Does a release that has been proven hold against the floor as it stands now? */
export function isAtFloor(
  { releaseCounter, packageHash }: VersionFloor,
  slot: string,
  change: Change,
  history: ActivationHistory,
): boolean {
  const floor = floorOf(slot, packageHash, change, history)
  if (floor === undefined || releaseCounter > floor.releaseCounter) return true
  return releaseCounter === floor.releaseCounter && packageHash === floor.packageHash
}

/**
 * Has the log recorded this change already? A pointer that carries the event of another change, or of one that has been
 * followed by others, is not one that the updater has left there.
 * @throws ActivationError activation_event_reused | activation_event_stale
 */
export function isRecorded({ slot, event, active, change }: SlotPointer, history: ActivationHistory): boolean {
  const recorded = history.activationOf(event)
  if (recorded === undefined) return false
  if (recorded.slot !== slot || recorded.packageHash !== active || recorded.change !== change)
    throw new ActivationError('activation_event_reused', { about: slot })
  if (history.newestActivation(slot)?.event !== event)
    throw new ActivationError('activation_event_stale', { about: slot })
  return true
}
