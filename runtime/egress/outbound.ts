import { z } from 'zod'
import { givenFeedback, type LatencyBucket, latencyBuckets, resultBuckets } from '../../device/outbound/record.ts'

export {
  givenFeedback,
  type LatencyBucket,
  latencyBuckets,
  type ResultBucket,
  resultBuckets,
} from '../../device/outbound/record.ts'

/**
 * What the runtime hands to egress about a decision: enumerations, buckets and flags, and which signed model it was. There is no
 * field that could hold free text, an identity, a time or an id of the decision. Egress puts the number of the catalogue in the
 * place of the model's name, adds the year and draws the sequence number; only then may it leave (device/outbound).
 */
/** Which package it was: the model's id and release counter, as both keepers have signed them; no other words. */
const packageOf = {
  v: z.literal(1),
  model: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,63}$/)
    .brand<'signed-model'>(),
  release: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .brand<'signed-release'>(),
  alert: z.boolean(),
}

export const outboundRow = z.discriminatedUnion('kind', [
  z.strictObject({
    ...packageOf,
    kind: z.literal('decision'),
    result: z.enum(resultBuckets),
    latency: z.enum(latencyBuckets),
  }),
  z.strictObject({ ...packageOf, kind: z.literal('feedback'), feedback: z.enum(givenFeedback) }),
])

export type OutboundRow = z.infer<typeof outboundRow>

/**
 * The model of a row, from the signed manifest of the package that decided: the one place where a text becomes part of a row.
 * The ledger checks its form; what is not in the fleet's catalogue leaves the box as number 0.
 */
export function signedModel(id: string, release: number): Pick<OutboundRow, 'model' | 'release'> {
  return { model: id as OutboundRow['model'], release: release as OutboundRow['release'] }
}

export function latencyBucket(ms: number): LatencyBucket {
  if (ms < 10) return 'under-10ms'
  if (ms < 100) return 'under-100ms'
  return ms < 1000 ? 'under-1s' : 'over-1s'
}
