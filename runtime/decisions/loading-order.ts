import { statSync } from 'node:fs'
import { type ModelStore, releasePaths } from '../../models/store/layout.ts'
import { readSlotPointer } from '../../models/store/pointer.ts'

/**
 * The order in which slots are loaded at a start: the smallest package first. Loads come one after another, and what the bedside
 * asks is small: it must not wait until a network for images has been proven. A slot whose size cannot be told fails at once, so it is first.
 */
export function loadingOrder(slots: readonly string[], store: ModelStore): string[] {
  return slots
    .map((slot) => ({ slot, bytes: packageBytes(slot, store) }))
    .sort((one, other) => one.bytes - other.bytes)
    .map(({ slot }) => slot)
}

function packageBytes(slot: string, store: ModelStore): number {
  try {
    return statSync(releasePaths(store, readSlotPointer(store, slot).active).package).size
  } catch {
    return 0
  }
}
