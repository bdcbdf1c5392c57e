import { deviceState } from '../../../device/outbound/device-state.ts'
import {
  feedbackFlags,
  givenFeedback,
  latencyBuckets,
  type OutboundRecord,
  resultBuckets,
} from '../../../device/outbound/record.ts'
import { type OutboundRow, outboundRow } from '../outbound.ts'

const MODELS = 63
const DECISIONS = MODELS * resultBuckets.length * latencyBuckets.length * 2

/** Records have no id, on purpose. A test tells them apart by giving each a combination of its own. */
export const MARKED_ROWS = DECISIONS + MODELS * 2 * givenFeedback.length

export const markedCatalogue = {
  v: 1,
  models: Array.from({ length: MODELS }, (_, index) => ({
    number: index + 1,
    model: `m${index + 1}`,
    release: 1,
    version: '1.0.0',
  })),
}

/** @param mark from 0 to MARKED_ROWS − 1: the decisions first, then the feedback */
export function markedRow(mark: number): OutboundRow {
  let rest = mark < DECISIONS ? mark : mark - DECISIONS
  const next = (count: number) => {
    const digit = rest % count
    rest = Math.floor(rest / count)
    return digit
  }
  const common = { v: 1, model: `m${next(MODELS) + 1}`, release: 1, alert: next(2) === 1 }
  if (mark >= DECISIONS)
    return outboundRow.parse({ ...common, kind: 'feedback', feedback: givenFeedback[next(givenFeedback.length)] })
  const result = resultBuckets[next(resultBuckets.length)]
  return outboundRow.parse({
    ...common,
    kind: 'decision',
    result,
    latency: latencyBuckets[next(latencyBuckets.length)],
  })
}

export function markOf(record: OutboundRecord): number {
  const common: [digit: number, count: number][] = [
    [record.model - 1, MODELS],
    [record.alert ? 1 : 0, 2],
  ]
  const own: [digit: number, count: number][] =
    record.kind === 'feedback'
      ? [[feedbackFlags.indexOf(record.feedback) - 1, givenFeedback.length]]
      : [
          [resultBuckets.indexOf(record.result), resultBuckets.length],
          [latencyBuckets.indexOf(record.latency), latencyBuckets.length],
        ]
  const mark = [...common, ...own].reduceRight((sum, [digit, count]) => sum * count + digit, 0)
  return record.kind === 'feedback' ? DECISIONS + mark : mark
}

/** How a box fares that is in order. */
export const markedState = deviceState.parse({
  posture: { secureBoot: 'yes', diskEncryption: 'yes', tpm: 'no', swap: 'no', coreDumps: 'cannot tell' },
  ...{ cpu: 'under-25', memory: 'under-50', disk: 'under-75', gpu: 'unknown', gpuMemory: 'unknown' },
  ...{ temperature: 'under-50', gpuTemperature: 'unknown', gpus: 0, uptime: 'under-1d' },
  ...{ modelsActive: 2, modelsDown: 0 },
})
