import { z } from 'zod'

/**
 * What may ever leave the box about a decision: enumerations, buckets and flags. There is no field that could hold
 * free text, an identity, a time or an id of the decision; ids are drawn later, inside egress.
 */
export const resultBuckets = ['refused', 'none', 'low', 'elevated', 'high'] as const
export const latencyBuckets = ['under-10ms', 'under-100ms', 'under-1s', 'over-1s'] as const
export const feedbackFlags = ['accepted', 'overridden'] as const

/** Which package it was: the model's id and release counter, as both keepers have signed them; no other words. */
const packageOf = {
  v: z.literal(1),
  model: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  release: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  alert: z.boolean(),
}

export const outboundRow = z.discriminatedUnion('kind', [
  z.strictObject({
    ...packageOf,
    kind: z.literal('decision'),
    result: z.enum(resultBuckets),
    latency: z.enum(latencyBuckets),
  }),
  z.strictObject({ ...packageOf, kind: z.literal('feedback'), feedback: z.enum(feedbackFlags) }),
])

export type OutboundRow = z.infer<typeof outboundRow>
export type ResultBucket = (typeof resultBuckets)[number]
export type LatencyBucket = (typeof latencyBuckets)[number]

export function latencyBucket(ms: number): LatencyBucket {
  if (ms < 10) return 'under-10ms'
  if (ms < 100) return 'under-100ms'
  return ms < 1000 ? 'under-1s' : 'over-1s'
}
