import { describe, expect, it } from 'vitest'
import { InferenceError } from '../inference/errors.ts'
import { decide } from './decide.ts'
import { giveFeedback, readDecision } from './review.ts'
import { hourlyRequest, monitor, officer, RecordBox } from './testkit/record-box.ts'

const clinician = { ...monitor, clientId: 'nurse-1', role: 'clinician' } as const

describe('an explanation over its budget', () => {
  it('does not hold the decision up: it is a second record under the patient, about the decision, with a leaf', async () => {
    const box = new RecordBox()
    const { decision } = await decide(hourlyRequest(), monitor, box.room)
    expect(decision.explanation).toMatchObject({ method: 'pending', of: 'risk', contributions: [] })
    expect(decision.narrative).toContain('What contributed to the score is being computed.')
    expect(box.rows).toBe(1)
    await box.pending.idle()
    expect(box.kinds()).toEqual(['decision', 'explained'])
    const [, second] = box.written
    expect(second?.leaf).toMatchObject({
      decision: decision.decisionId,
      method: 'permutation-shapley',
      model: 'sample',
    })
    expect(second?.body).toMatchObject({ subject: 'subject-1', about: decision.decisionId })
    expect(second?.outbound).toBeUndefined()
    expect(JSON.stringify(second?.leaf)).not.toContain('subject-1')
  })

  it('is shown with the decision, which stays as it was recorded', async () => {
    const box = new RecordBox()
    const { decision } = await decide(hourlyRequest(), monitor, box.room)
    const early = await readDecision(decision.decisionId, officer, box.room)
    expect([early.explained, early.decision]).toEqual([null, decision])
    await box.pending.idle()
    await giveFeedback(decision.decisionId, { verdict: 'accept', reason: 'seen' }, clinician, box.room)
    const { explained, feedback, ...late } = await readDecision(decision.decisionId, officer, box.room)
    expect(late.decision).toEqual(decision)
    expect(feedback).toHaveLength(1)
    expect(explained?.explanation).toMatchObject({
      method: 'permutation-shapley',
      sampling: { seed: 5, permutations: 4, backgroundRows: 2 },
      reason: null,
    })
    const { baseline, contributions = [], residual } = explained?.explanation ?? {}
    expect(contributions.map(({ name }) => name)).toEqual(['heart-rate', 'temperature', 'lactate'])
    expect(contributions.every(({ standardError }) => standardError !== undefined)).toBe(true)
    const total = contributions.reduce((sum, { value }) => sum + value, baseline ?? Number.NaN)
    expect(total).toBeCloseTo(decision.assessment?.outputs.risk?.values[0] ?? Number.NaN, 6)
    expect(Math.abs(residual ?? 1)).toBeLessThan(1e-6)
  })

  it('equals the one that a faster box puts into the decision itself', async () => {
    const [slow, fast] = [new RecordBox(101), new RecordBox(1)]
    const { decision } = await decide(hourlyRequest(), monitor, slow.room)
    const inTime = await decide(hourlyRequest(), monitor, fast.room)
    await slow.pending.idle()
    const { explained } = await readDecision(decision.decisionId, officer, slow.room)
    expect(inTime.decision.explanation?.method).toBe('permutation-shapley')
    expect(explained?.explanation).toEqual(inTime.decision.explanation)
    expect(fast.kinds()).toEqual(['decision'])
  })

  it('that was not ready by the deadline follows as well', async () => {
    const box = new RecordBox(1)
    const { onRun } = box
    let runs = 0
    box.onRun = (inputs) => {
      runs += 1
      return runs === 3 ? Promise.reject(new InferenceError('inference_deadline')) : onRun(inputs)
    }
    const { decision } = await decide(hourlyRequest(), monitor, box.room)
    expect(decision.explanation?.method).toBe('pending')
    await box.pending.idle()
    expect(box.kinds()).toEqual(['decision', 'explained'])
  })
})

describe('nothing that was acknowledged is lost', () => {
  it('what waited when the box stopped is made from the record when it is read', async () => {
    const box = new RecordBox()
    const { explanations: _, ...stopped } = box.room
    const dropping = { ...stopped, explanations: { add: () => {} } }
    const { decision } = await decide(hourlyRequest(), monitor, dropping)
    expect(box.kinds()).toEqual(['decision'])
    box.clock.advance(5 * 3_600_000)
    expect((await readDecision(decision.decisionId, officer, box.room)).explained).toBeNull()
    await box.pending.idle()
    expect((await readDecision(decision.decisionId, officer, box.room)).explained).not.toBeNull()
    // And once: reading it again makes no second one.
    await box.pending.idle()
    expect(box.kinds().filter((kind) => kind === 'explained')).toHaveLength(1)
  })

  it('a worker that fails leaves it waiting, and the next reading tries again', async () => {
    const box = new RecordBox()
    const { onRun } = box
    const { decision } = await decide(hourlyRequest(), monitor, box.room)
    box.onRun = () => Promise.reject(new InferenceError('inference_worker_lost'))
    await box.pending.idle()
    expect(box.kinds()).toEqual(['decision'])
    box.onRun = onRun
    await readDecision(decision.decisionId, officer, box.room)
    await box.pending.idle()
    expect(box.kinds()).toEqual(['decision', 'read', 'explained'])
  })

  it('another release explains no decision that it did not make', async () => {
    const box = new RecordBox()
    const { decision } = await decide(hourlyRequest(), monitor, { ...box.room, explanations: { add: () => {} } })
    await box.registry.swap('sample', { ...box.model, packageHash: 'b'.repeat(64) })
    await readDecision(decision.decisionId, officer, box.room)
    await box.pending.idle()
    expect(box.kinds()).toEqual(['decision', 'read'])
  })

  it('a model that gives another result now is not explained as if it had not', async () => {
    const box = new RecordBox()
    const { onRun } = box
    const { decision } = await decide(hourlyRequest(), monitor, { ...box.room, explanations: { add: () => {} } })
    box.onRun = async (inputs) => {
      const { probability } = await onRun(inputs)
      const data = Float32Array.from(probability?.data as Float32Array, (value) => value / 2)
      return { probability: { dtype: 'float32', dims: [data.length, 1], data } }
    }
    await readDecision(decision.decisionId, officer, box.room)
    await box.pending.idle()
    const { explained } = await readDecision(decision.decisionId, officer, box.room)
    expect(explained?.explanation).toMatchObject({ method: 'none', reason: expect.stringContaining('another result') })
  })
})

it('the queue has an end, takes each decision once, and nothing after it is stopped', async () => {
  const box = new RecordBox()
  const dropping = { ...box.room, explanations: { add: () => {} } }
  const { decision } = await decide(hourlyRequest(), monitor, dropping)
  const before = box.rows
  for (let round = 0; round < 3; round++) box.pending.add(decision.decisionId)
  await box.pending.idle()
  expect(box.kinds()).toEqual(['decision', 'explained'])
  const once = box.rows - before
  for (let id = 0; id < 400; id++) box.pending.add(`unknown-${id}`)
  await box.pending.idle()
  expect(box.rows - before).toBe(once)
  const other = await decide(hourlyRequest(), monitor, dropping)
  box.pending.stop()
  box.pending.add(other.decision.decisionId)
  await box.pending.idle()
  expect(box.kinds()).toEqual(['decision', 'explained', 'decision'])
})
