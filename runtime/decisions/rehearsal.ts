import type { Clock } from '../../device/platform/clock.ts'
import { goldenObservations } from '../../models/contract/golden.ts'
import type { GoldenVectors } from '../../models/contract/schema.ts'
import type { Principal } from '../access/principal.ts'
import { encodeLeaf } from '../audit/leaf.ts'
import { outboundRow } from '../egress/outbound.ts'
import { InferenceError } from '../inference/errors.ts'
import { describe, follow } from './decide.ts'
import { decisionEvidence } from './evidence.ts'
import { Stopwatch } from './stopwatch.ts'
import type { ActiveModel, DecisionRequest } from './types.ts'

const NOBODY: Principal = { clientId: 'self-test', role: 'bedside', fingerprint: '0'.repeat(64), strength: 'mtls' }
const NO_ID = '00000000-0000-0000-0000-000000000000'

/**
 * Takes a golden vector along the whole path of a decision, explanation and evidence included, and throws it away before
 * it is recorded: a package whose decisions could not be explained, worded or written must not go live.
 * @throws InferenceError inference_self_test_failed, about the vector; its cause says why
 */
export async function rehearse(model: ActiveModel, golden: GoldenVectors, clock: Clock): Promise<void> {
  const vector = golden.vectors.find(({ expect }) => 'outputs' in expect)
  const fail = (cause?: unknown) =>
    new InferenceError('inference_self_test_failed', { about: vector?.name ?? 'none', cause })
  if (vector === undefined) throw fail()
  const nowMs = clock.nowMs()
  const inputs = goldenObservations(vector, nowMs)
  const request: DecisionRequest = { model: model.slot, subject: 'self-test', purpose: 'quality', inputs }
  try {
    const watch = new Stopwatch(clock)
    const course = await follow(request, model, nowMs, watch)
    if (course.outcome === 'refused') throw course.refusal
    const wanted = model.manifest.contract.explanation.method
    if (course.explanation.method !== wanted) throw fail()
    const own = { decisionId: NO_ID, subjectPseudonym: 'P-0000-0000', timings: watch.laps() }
    const decision = describe(course, model, nowMs, own)
    const evidence = decisionEvidence(decision, request, NOBODY, course.guarded, nowMs)
    encodeLeaf(evidence.leaf, 0, nowMs)
    outboundRow.parse(evidence.outbound)
  } catch (cause) {
    throw fail(cause)
  }
}
