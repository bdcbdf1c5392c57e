import { z } from 'zod'
import { writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { canonicalBytes, parseCanonical } from '../../device/platform/canonical-json.ts'
import { PackageError } from '../package/errors.ts'
import { readRegularFile } from '../package/regular-file.ts'
import { StoreError } from './errors.ts'
import { EVENT_ID, type ModelStore, PACKAGE_HASH, pointerPath, SLOT_NAME } from './layout.ts'

const MAX_POINTER_BYTES = 4096
/** The runtime reads it under another user, by the group of the folder. */
const POINTER_MODE = 0o640

const packageHash = z.string().regex(PACKAGE_HASH)

/**
 * Which release is meant to run in a slot. One file, replaced whole: pointer and event are one transaction.
 * The runtime serves what it names only once the event is a durable leaf of its log, and writes that leaf once.
 */
export const slotPointerSchema = z.strictObject({
  v: z.literal(1),
  slot: z.string().regex(SLOT_NAME),
  /** Drawn for each change: 128 bits, lowercase hex. */
  event: z.string().regex(EVENT_ID),
  change: z.enum(['activate', 'rollback']),
  active: packageHash,
  /** What ran before, kept for a rollback. */
  previous: packageHash.nullable(),
  /** The local account that asked, as the system knows it. */
  by: z.string().regex(/^[A-Za-z0-9._:@-]{1,64}$/),
})

export type SlotPointer = z.infer<typeof slotPointerSchema>

/** @throws StoreError store_pointer_invalid */
export function parseSlotPointer(bytes: Uint8Array, slot: string): SlotPointer {
  const parsed = slotPointerSchema.safeParse(readJson(bytes))
  if (!parsed.success || parsed.data.slot !== slot) throw new StoreError('store_pointer_invalid', { about: slot })
  return parsed.data
}

/** @throws StoreError store_pointer_invalid | store_pointer_unreadable, also when there is none */
export function readSlotPointer(store: ModelStore, slot: string): SlotPointer {
  return parseSlotPointer(readPointer(store, slot), slot)
}

/** Durable when it returns. Only the store's one writer may call it. */
export function writeSlotPointer(store: ModelStore, pointer: SlotPointer): void {
  writeFileAtomic(pointerPath(store, pointer.slot), canonicalBytes(slotPointerSchema.parse(pointer)), POINTER_MODE)
}

/** A regular file or nothing: whoever writes in the store could put a pipe there, and a reader that waits for it would wait for ever. */
function readPointer(store: ModelStore, slot: string): Uint8Array {
  try {
    return readRegularFile(pointerPath(store, slot), MAX_POINTER_BYTES)
  } catch (error) {
    // The system's own word: whether there is none at all, or one that cannot be read.
    const cause = error instanceof PackageError ? (error.cause ?? error) : error
    throw new StoreError('store_pointer_unreadable', { cause, about: slot })
  }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseCanonical(bytes)
  } catch {
    return undefined
  }
}
