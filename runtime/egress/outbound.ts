import { z } from 'zod'
import { feedbackFlags, type LatencyBucket, latencyBuckets, resultBuckets } from '../../device/outbound/record.ts'

export {
  feedbackFlags,
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
export const outboundRow = z.strictObject({
  v: z.literal(1),
  kind: z.enum(['decision', 'feedback']),
  model: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,63}$/)
    .brand<'signed-model'>(),
  version: z
    .string()
    .regex(/^\d{1,6}\.\d{1,6}\.\d{1,6}(-[0-9A-Za-z.-]{1,64})?$/)
    .brand<'signed-version'>(),
  result: z.enum(resultBuckets),
  latency: z.enum(latencyBuckets),
  alert: z.boolean(),
  feedback: z.enum(feedbackFlags),
})

export type OutboundRow = z.infer<typeof outboundRow>

/**
 * The model of a row, from the signed manifest of the package that decided: the one place where a text becomes part of a row.
 * The ledger checks its form; what is not in the fleet's catalogue leaves the box as number 0.
 */
export function signedModel(id: string, version: string): Pick<OutboundRow, 'model' | 'version'> {
  return { model: id as OutboundRow['model'], version: version as OutboundRow['version'] }
}

export function latencyBucket(ms: number): LatencyBucket {
  if (ms < 10) return 'under-10ms'
  if (ms < 100) return 'under-100ms'
  return ms < 1000 ? 'under-1s' : 'over-1s'
}
