import { DecisionError } from './errors.ts'
import type { ActiveModel, Slots } from './types.ts'

/** Long enough for a model to load, short enough for a bedside device to try again. */
const LOADING_RETRY_MS = 2000

/** @throws DecisionError model_unknown | model_loading | model_unavailable (`about` the code of the fault) */
export function requireModel(slots: Slots, name: string): ActiveModel {
  const slot = slots.get(name)
  if (slot === undefined) throw new DecisionError('model_unknown')
  if (slot.state === 'active') return slot.model
  if (slot.state === 'loading') throw new DecisionError('model_loading', { retryAfterMs: LOADING_RETRY_MS })
  throw new DecisionError('model_unavailable', { about: slot.fault })
}
