import { describe, expect, it } from 'vitest'
import { InferenceError } from '../inference/errors.ts'
import { decide } from './decide.ts'
import { replayDecision } from './replay.ts'
import { hourlyRequest, monitor, RecordBox } from './testkit/record-box.ts'
import type { DecisionRecord, ExplanationRecord } from './types.ts'

/** A decision as it stands in the database, hours later. */
async function recorded(box: RecordBox, request = hourlyRequest()) {
  const { decision } = await decide(request, monitor, box.room)
  await box.pending.idle()
  box.clock.advance(72 * 3_600_000)
  const record = box.store.readBody(decision.decisionId)?.content as unknown as DecisionRecord
  const [later] = box.store.feedbackOf(decision.decisionId)
  return { record, later: (later?.content as unknown as ExplanationRecord | undefined)?.explanation }
}

describe('a decision that is made again from its record', () => {
  it('is the same to the last bit, its sampled explanation too', async () => {
    const box = new RecordBox(1)
    const { record } = await recorded(box)
    expect(await replayDecision(record, undefined, box.model, box.clock)).toEqual({
      outcome: 'same',
      explanation: 'same',
    })
  })

  it('is held against the explanation that came later', async () => {
    const box = new RecordBox()
    const { record, later } = await recorded(box)
    expect(later?.method).toBe('permutation-shapley')
    expect(await replayDecision(record, later, box.model, box.clock)).toMatchObject({ explanation: 'same' })
    expect(await replayDecision(record, undefined, box.model, box.clock)).toMatchObject({ explanation: 'not recorded' })
  })

  it('shows one bit that differs, in the result or in the explanation', async () => {
    const box = new RecordBox(1)
    const { record } = await recorded(box)
    const turned = (change: (copy: DecisionRecord) => void) => {
      const copy = structuredClone(record)
      change(copy)
      return replayDecision(copy, undefined, box.model, box.clock)
    }
    const nudge = (value: number) => value * (1 + Number.EPSILON)
    const result = await turned(({ decision }) => {
      const risk = decision.assessment?.outputs.risk as unknown as { values: number[] }
      risk.values = risk.values.map(nudge)
    })
    expect(result).toEqual({ outcome: 'different', explanation: 'same' })
    const explanation = await turned(({ decision }) => {
      const [first] = (decision.explanation?.contributions ?? []) as unknown as { value: number }[]
      if (first !== undefined) first.value = nudge(first.value)
    })
    expect(explanation).toEqual({ outcome: 'same', explanation: 'different' })
    const sent = await turned(({ observations }) => {
      const [one] = (observations.lactate ?? []) as unknown as { value: number }[]
      if (one !== undefined) one.value = 3.5
    })
    expect(sent).toEqual({ outcome: 'different', explanation: 'different' })
  })

  it('says nothing of the record when the model could not be run through now', async () => {
    const box = new RecordBox(1)
    const { record } = await recorded(box)
    box.onRun = () => Promise.reject(new InferenceError('inference_deadline'))
    expect(await replayDecision(record, undefined, box.model, box.clock)).toEqual({
      outcome: 'not reproducible',
      explanation: 'not recorded',
    })
  })

  it('is the same when it was a refusal of the inputs, and not to be made again when it was one of the moment', async () => {
    const box = new RecordBox(1)
    const request = hourlyRequest()
    const refused = await recorded(box, { ...request, inputs: { ...request.inputs, age: [] } })
    expect(refused.record.decision.refusal?.code).toBe('input_missing')
    const again = await replayDecision(refused.record, undefined, box.model, box.clock)
    expect(again).toEqual({ outcome: 'same', explanation: 'not recorded' })
    const { onRun } = box
    box.onRun = () => Promise.reject(new InferenceError('inference_deadline'))
    const late = await recorded(box)
    box.onRun = onRun
    expect(await replayDecision(late.record, undefined, box.model, box.clock)).toMatchObject({
      outcome: 'not reproducible',
    })
  })
})
