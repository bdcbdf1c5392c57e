import { describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import type { Principal } from '../access/principal.ts'
import { decide } from './decide.ts'
import { readDecision, readImage } from './review.ts'
import { ImageBench } from './testkit/image-bench.ts'
import { hourlyRequest, monitor, officer, RecordBox } from './testkit/record-box.ts'
import type { DecisionRequest } from './types.ts'

const caller: Principal = { ...officer, clientId: 'archive-1', role: 'bedside' }

/** Its records as they would come out of the database. */
const roomOf = (bench: ImageBench) => ({
  ...bench.room,
  store: { readBody: () => ({ content: bench.record() as never, position: {} as never }), feedbackOf: () => [] },
})

describe('a decision that is read', () => {
  it('shows what was sent and what the model took of it, in the order of the contract', async () => {
    const box = new RecordBox(1)
    const { decision } = await decide(hourlyRequest(), monitor, box.room)
    const { inputs, contract, image } = await readDecision(decision.decisionId, officer, box.room)
    expect(inputs.map(({ name }) => name)).toEqual(box.model.manifest.contract.inputs.map(({ name }) => name))
    const rates = inputs.find(({ name }) => name === 'heart-rate')
    expect(rates).toMatchObject({ kind: 'quantity', unit: '/min', labels: null, flags: [], contribution: 'heart-rate' })
    expect(rates?.sent.map(({ value, unit }) => [value, unit])).toEqual([
      [90, '/min'],
      [104, '/min'],
      [131, '/min'],
    ])
    expect(rates?.used.map(({ value, at }) => [value, at])).toEqual(rates?.sent.map(({ value, at }) => [value, at]))
    expect(inputs.find(({ name }) => name === 'temperature')).toMatchObject({ sent: [], used: [], flags: ['missing'] })
    expect(inputs.find(({ name }) => name === 'age')?.contribution).toBeNull()
    expect(contract?.outputs).toEqual({ risk: { range: { low: 0, high: 1 }, labels: null } })
    expect(image).toBeNull()
    expect(box.kinds().filter((kind) => kind === 'read')).toHaveLength(1)
  })

  it('shows what was sent of a refusal, names that nobody knows too', async () => {
    const box = new RecordBox(1)
    const request = hourlyRequest()
    const sent = { ...request.inputs, constructor: [{ value: 1, atMs: 5000 }], age: [] }
    const { decision } = await decide({ ...request, inputs: sent }, monitor, box.room)
    expect(decision.outcome).toBe('refused')
    const { inputs } = await readDecision(decision.decisionId, officer, box.room)
    expect(inputs.flatMap(({ used }) => used)).toEqual([])
    expect(inputs.at(-1)).toMatchObject({ name: 'constructor', kind: 'quantity', contribution: null })
    expect(inputs.at(-1)?.sent).toEqual([{ value: 1, unit: null, at: '1970-01-01T00:00:05.000Z' }])
  })

  it('shows the names of the record when its package is gone', async () => {
    const box = new RecordBox(1)
    const { decision } = await decide(hourlyRequest(), monitor, box.room)
    await box.registry.swap('sample', { ...box.model, packageHash: 'b'.repeat(64) })
    const { inputs, contract } = await readDecision(decision.decisionId, officer, box.room)
    expect(contract).toBeNull()
    expect(inputs.map(({ name, display, kind, unit }) => [name, display, kind, unit])).toContainEqual([
      'heart-rate',
      'heart-rate',
      'quantity',
      null,
    ])
  })
})

describe('the image of a decision', () => {
  const request = (changes: Partial<DecisionRequest> = {}): DecisionRequest => ({
    model: 'radiograph',
    subject: new Phi('subject-1'),
    purpose: 'treatment',
    inputs: {},
    image: new Uint8Array(8),
    ...changes,
  })

  it('is shown without anything that says whose it is', async () => {
    const bench = new ImageBench()
    const { decision } = await decide(request(), caller, bench.room)
    const { image, inputs } = await readDecision(decision.decisionId, officer, roomOf(bench))
    expect(image).toMatchObject({
      format: 'dicom',
      rows: 256,
      modality: 'CR',
      files: [{ sha256: 'e'.repeat(64), bytes: 1234 }],
      seen: { dtype: 'float32', layout: 'NCHW', dims: [1, 1, 2, 2], kept: true },
    })
    expect(JSON.stringify(image)).not.toMatch(/subject|ACC|1\.2\.3|patient|deflated|birth/i)
    expect(inputs.find(({ name }) => name === 'age')).toMatchObject({ sent: [], used: [{ value: 4 }] })
  })

  it('is read back as the model saw it, and the reading is recorded', async () => {
    const bench = new ImageBench()
    const { decision } = await decide(request(), caller, bench.room)
    const before = bench.written.length
    const kept = await readImage(decision.decisionId, officer, roomOf(bench))
    expect(kept).toMatchObject({ dtype: 'float32', layout: 'NCHW', dims: [1, 1, 2, 2] })
    expect(kept.bytes).toHaveLength(16)
    expect(bench.written.slice(before).map(({ leaf }) => leaf.kind)).toEqual(['read'])
    await expect(readImage(decision.decisionId, caller, roomOf(bench))).rejects.toMatchObject({ code: 'access_denied' })
  })

  it('that was refused, or too large to keep, is told apart', async () => {
    const bench = new ImageBench()
    bench.prepared = () => ({ refused: 'image_empty', about: 'image-crop-border' })
    const { decision } = await decide(request(), caller, bench.room)
    const shown = await readDecision(decision.decisionId, officer, roomOf(bench))
    expect(shown.image).toMatchObject({ seen: null })
    await expect(readImage(decision.decisionId, officer, roomOf(bench))).rejects.toMatchObject({
      code: 'image_unknown',
    })
    const box = new RecordBox(1)
    const without = await decide(hourlyRequest(), monitor, box.room)
    await expect(readImage(without.decision.decisionId, officer, box.room)).rejects.toMatchObject({
      code: 'image_unknown',
    })
    const large = new ImageBench()
    const data = Float32Array.from({ length: 600_000 }, (_, index) => Math.fround(Math.sin(index * index)))
    large.prepared = () => ({ tensors: { image: { dtype: 'float32', dims: [1, 1, 600, 1000], data } } })
    const big = await decide(request(), caller, large.room)
    expect((await readDecision(big.decision.decisionId, officer, roomOf(large))).image?.seen).toMatchObject({
      kept: false,
    })
    await expect(readImage(big.decision.decisionId, officer, roomOf(large))).rejects.toMatchObject({
      code: 'image_not_kept',
    })
  })
})
