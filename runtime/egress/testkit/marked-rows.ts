import { feedbackFlags, latencyBuckets, type OutboundRecord, resultBuckets } from '../../../device/outbound/record.ts'
import { type OutboundRow, outboundRow } from '../outbound.ts'

/** Records have no id, on purpose. A test tells them apart by giving each a combination of its own. */
export const MARKED_ROWS = 63 * resultBuckets.length * latencyBuckets.length * 2 * feedbackFlags.length * 2

export const markedCatalogue = {
  v: 1,
  models: Array.from({ length: 63 }, (_, index) => ({ number: index + 1, model: `m${index + 1}`, version: '1.0.0' })),
}

/** @param mark from 0 to MARKED_ROWS − 1 */
export function markedRow(mark: number): OutboundRow {
  let rest = mark
  const next = (count: number) => {
    const digit = rest % count
    rest = Math.floor(rest / count)
    return digit
  }
  return outboundRow.parse({
    v: 1,
    model: `m${next(63) + 1}`,
    version: '1.0.0',
    result: resultBuckets[next(resultBuckets.length)],
    latency: latencyBuckets[next(latencyBuckets.length)],
    alert: next(2) === 1,
    feedback: feedbackFlags[next(feedbackFlags.length)],
    kind: next(2) === 1 ? 'feedback' : 'decision',
  })
}

export function markOf(record: OutboundRecord): number {
  const digits: [digit: number, count: number][] = [
    [record.model - 1, 63],
    [resultBuckets.indexOf(record.result), resultBuckets.length],
    [latencyBuckets.indexOf(record.latency), latencyBuckets.length],
    [record.alert ? 1 : 0, 2],
    [feedbackFlags.indexOf(record.feedback), feedbackFlags.length],
    [record.kind === 'feedback' ? 1 : 0, 2],
  ]
  return digits.reduceRight((mark, [digit, count]) => mark * count + digit, 0)
}
