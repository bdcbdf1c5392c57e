import { z } from 'zod'

/** How far a result was from its alert; the value itself stays in the box. */
export const resultBuckets = ['refused', 'none', 'low', 'elevated', 'high'] as const
export const latencyBuckets = ['under-10ms', 'under-100ms', 'under-1s', 'over-1s'] as const
export const givenFeedback = ['accepted', 'overridden'] as const
export const feedbackFlags = ['none', ...givenFeedback] as const

export const FIRST_YEAR = 2020
export const LAST_YEAR = 2083

/** No plain number is one of these: a number of the box's data has no way into a record but through the function that draws it. */
export const catalogueNumber = z.int().min(0).max(63).brand<'catalogue-number'>()
export const outboundYear = z.int().min(FIRST_YEAR).max(LAST_YEAR).brand<'outbound-year'>()

/** Drawn inside egress, never taken from a decision: counted apart from what a message says. */
export const DRAWN = { drawn: true } as const
export const MAX_SEQUENCE = 2 ** 40
export const sequenceNumber = z.int().min(1).max(MAX_SEQUENCE).brand<'sequence'>().meta(DRAWN)
/** Like a sequence, where none is there yet. */
export const sequenceMark = z.int().min(0).max(MAX_SEQUENCE).brand<'sequence-mark'>().meta(DRAWN)
export const streamId = z.int().min(0).max(0xffff_ffff).brand<'stream'>().meta(DRAWN)
export const bootNumber = z.int().min(1).max(0x7fff_ffff).brand<'boot'>().meta(DRAWN)

/**
 * What leaves the box about one decision or one feedback: enumerations, flags, the year. There is no field that could hold a text,
 * an identity, a moment or an id of the decision. Sequence numbers are drawn in egress and stand on the message.
 */
export const outboundRecord = z.strictObject({
  kind: z.enum(['decision', 'feedback']),
  /** Number in the fleet's catalogue of models; 0 for a model that is not in it. */
  model: catalogueNumber,
  result: z.enum(resultBuckets),
  latency: z.enum(latencyBuckets),
  alert: z.boolean(),
  feedback: z.enum(feedbackFlags),
  year: outboundYear,
})

export type OutboundRecord = z.infer<typeof outboundRecord>
export type CatalogueNumber = z.infer<typeof catalogueNumber>
export type OutboundYear = z.infer<typeof outboundYear>
export type SequenceNumber = z.infer<typeof sequenceNumber>
export type SequenceMark = z.infer<typeof sequenceMark>
export type StreamId = z.infer<typeof streamId>
export type BootNumber = z.infer<typeof bootNumber>
export type ResultBucket = (typeof resultBuckets)[number]
export type LatencyBucket = (typeof latencyBuckets)[number]
export type FeedbackFlag = (typeof feedbackFlags)[number]

/** The calendar year (UTC) of a moment, held within bounds: a clock far off says the nearest year that can be said. */
export function yearOf(nowMs: number): OutboundYear {
  const year = Number.isFinite(nowMs) ? new Date(nowMs).getUTCFullYear() : FIRST_YEAR
  return outboundYear.parse(Math.min(LAST_YEAR, Math.max(FIRST_YEAR, year || FIRST_YEAR)))
}
