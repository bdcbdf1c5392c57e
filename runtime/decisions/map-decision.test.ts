import { describe, expect, it } from 'vitest'
import { canonicalJson, type JsonObject } from '../../device/platform/canonical-json.ts'
import { Phi } from '../../device/platform/phi.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import type { Principal } from '../access/principal.ts'
import { InferenceError } from '../inference/errors.ts'
import { type DecisionRoom, decide } from './decide.ts'
import { PendingExplanations } from './pending-explanations.ts'
import { replayDecision } from './replay.ts'
import type { RecordStore } from './review.ts'
import { ImageBench, image, imageContract } from './testkit/image-bench.ts'
import { floats, imagesOf, occlusion } from './testkit/image-contracts.ts'
import type { DecisionRequest, ExplanationRecord } from './types.ts'

const caller: Principal = { clientId: 'archive-1', role: 'bedside', fingerprint: '0'.repeat(64), strength: 'mtls' }
const request: DecisionRequest = {
  model: 'radiograph',
  subject: new Phi('subject-1'),
  purpose: 'treatment',
  inputs: {},
  image: new Uint8Array(8),
}
const contract = imageContract([], { explanation: { ...occlusion, output: 'finding', seed: 4 } })

/** The lower right of the image counts most; only the first four numbers count at all. */
function logistic(weights: readonly number[]) {
  return async (inputs: Tensors): Promise<Tensors> => {
    const values = imagesOf(inputs).map((one) => {
      const sum = weights.reduce((total, weight, index) => total + weight * (one[index] ?? 0), -1)
      return 1 / (1 + Math.exp(-sum))
    })
    return { p: floats([values.length, 1], values) }
  }
}

/** A bench whose explanations took so long at the rehearsal, and what makes those that come later. */
function makeBench(explanationMs: number) {
  const bench = new ImageBench(contract)
  bench.model = { ...bench.model, explanationMs }
  void bench.registry.swap('radiograph', bench.model)
  bench.onRun = logistic([0.5, 0.5, 0.5, 4])
  const { ledger, models, clock, log } = bench.room
  const stored = (isMeant: (body: { id: string; about?: string | undefined }) => boolean) =>
    bench.written.flatMap(({ body }, leafIndex) =>
      body === undefined || !isMeant(body)
        ? []
        : [
            {
              content: JSON.parse(canonicalJson(body.content)) as JsonObject,
              position: { origin: 'test', leafIndex, leafHash: 'f'.repeat(64) },
            },
          ],
    )
  const store: RecordStore = {
    readBody: (id) => stored((body) => body.id === id)[0],
    feedbackOf: (id) => stored((body) => body.about === id),
  }
  const newId = () => '00000000-0000-4000-8000-000000000001'
  const pending = new PendingExplanations({ models, ledger, store, clock, log, newId })
  const room: DecisionRoom = { ...bench.room, explanations: pending }
  const later = () => bench.written.map(({ body }) => body?.content as unknown as ExplanationRecord)[1]?.explanation
  return { bench, pending, room, later }
}

describe('a decision on an image', () => {
  it('comes with its map, in words too, and is replayed with it to the last bit', async () => {
    const { bench, room } = makeBench(1)
    const { decision } = await decide(request, caller, room)
    const { explanation } = decision
    expect(explanation).toMatchObject({ method: 'occlusion', of: 'finding', contributions: [], residual: 0 })
    expect(explanation?.map).toMatchObject({ rows: 2, columns: 2, rowEdges: [0, 1, 2], columnEdges: [0, 1, 2] })
    expect(explanation?.deletion?.score).toBeLessThan(explanation?.deletion?.random ?? Number.NaN)
    expect(decision.narrative).toMatch(/The lower right of the image contributed most to the score/)
    const replayed = () => replayDecision(bench.record(), undefined, bench.model, bench.clock)
    expect(await replayed()).toEqual({ outcome: 'same', explanation: 'same' })
    // The same result for another reason.
    bench.onRun = logistic([0.5, 0.5, 4 * (0.4 / 0.3) - 1 / 6, 0.5])
    expect((await replayed()).explanation).toBe('different')
  })

  it('does not wait for a map over its budget: that follows, and is the one a faster box gives', async () => {
    const [slow, fast] = [makeBench(101), makeBench(1)]
    const { decision } = await decide(request, caller, slow.room)
    expect(decision.explanation).toMatchObject({ method: 'pending', of: 'finding', contributions: [] })
    expect(decision.narrative).toContain('is being computed')
    expect(slow.bench.order).toHaveLength(1)
    await slow.pending.idle()
    expect(slow.bench.written.map(({ leaf }) => leaf.kind)).toEqual(['decision', 'explained'])
    expect(slow.bench.written[1]?.leaf).toMatchObject({ method: 'occlusion', decision: decision.decisionId })
    const inTime = await decide(request, caller, fast.room)
    expect(slow.later()).toEqual(inTime.decision.explanation)
    const { bench } = slow
    expect(await replayDecision(bench.record(), slow.later(), bench.model, bench.clock)).toEqual({
      outcome: 'same',
      explanation: 'same',
    })
  })

  it('does not wait for a map that runs into the deadline', async () => {
    const { bench, room, pending, later } = makeBench(1)
    let runs = 0
    const { onRun } = bench
    bench.onRun = (...given) => {
      runs += 1
      return runs === 4 ? Promise.reject(new InferenceError('inference_deadline')) : onRun(...given)
    }
    expect((await decide(request, caller, room)).decision.explanation?.method).toBe('pending')
    await pending.idle()
    expect(later()?.method).toBe('occlusion')
  })

  it('says so when the map cannot follow, because the record did not keep the image', async () => {
    const { bench, room, pending, later } = makeBench(101)
    const noise = Float32Array.from({ length: 600_000 }, (_, index) => Math.fround(Math.sin(index * index)))
    bench.prepared = () => ({ tensors: image(noise) })
    await decide(request, caller, room)
    await pending.idle()
    expect(later()).toMatchObject({ method: 'none', of: 'finding', reason: expect.stringContaining('too large') })
  })
})
