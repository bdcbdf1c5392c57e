import { z } from 'zod'
import { EVENT_ID, PACKAGE_HASH, SLOT_NAME } from './layout.ts'

/**
 * What the updater asks of the runtime over the local channel. The runtime serves it and decides: it opens the package from
 * the store itself, under its own pinned keys, and believes nothing that is said here.
 *
 *     prove           makes a candidate of a release beside the model that serves: signatures, contract, session, golden vectors
 *     activate        reads the slot's pointer; once its event is a durable leaf, the candidate serves and the old session drains
 *     discard         lets the candidate of a slot go
 *     record-refusal  a leaf for what the updater refused before the runtime saw it
 *     slots           what runs
 */
export const activationMethods = ['prove', 'activate', 'discard', 'record-refusal', 'slots'] as const

const slot = z.string().regex(SLOT_NAME)
const packageHash = z.string().regex(PACKAGE_HASH)
/** An error code of the house. */
export const codeSchema = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/)
export const accountSchema = z.string().regex(/^[A-Za-z0-9._:@-]{1,64}$/)
export const sourceKinds = ['directory', 'https', 'usb'] as const

/** A package that fails is answered with its code, and the runtime has then written a `package-refused` leaf. */
export const proveRequest = z.strictObject({
  slot,
  package: packageHash,
  change: z.enum(['activate', 'rollback']),
  by: accountSchema,
})
export const proveAnswer = z.strictObject({
  slot,
  package: packageHash,
  model: z.string(),
  version: z.string(),
  counter: z.int(),
  goldenVectors: z.int(),
  loadMs: z.int(),
})

/** Idempotent: asked again after a crash on either side, it answers the same and writes nothing twice. */
export const activateRequest = z.strictObject({ slot })
export const activateAnswer = z.strictObject({ slot, package: packageHash, event: z.string() })

export const discardRequest = z.strictObject({ slot })

/** Idempotent by its event: told twice, it is one leaf. */
export const recordRefusalRequest = z.strictObject({
  /** Drawn for each refusal: 128 bits, lowercase hex. */
  event: z.string().regex(EVENT_ID),
  source: z.enum(sourceKinds),
  code: codeSchema,
  /** As far as signed metadata named it. */
  package: packageHash.nullable(),
  by: accountSchema,
})

export const slotsAnswer = z.strictObject({
  slots: z.array(
    z.strictObject({
      slot,
      state: z.enum(['loading', 'active', 'unavailable']),
      package: packageHash.nullable(),
      version: z.string().nullable(),
      counter: z.int().nullable(),
      fault: codeSchema.nullable(),
      candidate: packageHash.nullable(),
    }),
  ),
})

export type ProveRequest = z.infer<typeof proveRequest>
export type ProveAnswer = z.infer<typeof proveAnswer>
export type ActivateRequest = z.infer<typeof activateRequest>
export type ActivateAnswer = z.infer<typeof activateAnswer>
export type RecordRefusalRequest = z.infer<typeof recordRefusalRequest>
export type SlotsAnswer = z.infer<typeof slotsAnswer>
