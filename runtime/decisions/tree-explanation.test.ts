import { expect, it } from 'vitest'
import { guardGolden, parseGoldenVectors } from '../../models/contract/golden.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { sepsisRiskDraft } from '../../models/sepsis-risk/package.ts'
import { inMs, startTrial } from '../inference/testkit/trial-worker.ts'
import { COALITIONS } from '../inference/types.ts'
import { explain } from './explain.ts'
import { coalitionSpec } from './shapley-explanation.ts'

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5)
const never = () => Promise.reject(new TypeError('the model must not run again'))

it('an explanation by trees is the one that running every coalition gives, for the sepsis score', async () => {
  const { files, manifest } = sepsisRiskDraft()
  const { contract } = manifest
  const file = (role: string) => files.find((each) => each.role === role)?.content ?? new Uint8Array()
  const coalitions = coalitionSpec(contract) ?? expect.unreachable()
  await using trial = startTrial(file('model'), { coalitions })
  const run = (inputs: Tensors) => trial.worker.run(inputs, inMs(30_000))
  const scored = parseGoldenVectors(file('golden-vectors')).vectors.filter(({ expect }) => 'outputs' in expect)
  for (const vector of scored.slice(0, 8)) {
    const tensors = preprocess(guardGolden(vector, contract, NOW_MS), contract, NOW_MS)
    const raw = await run(tensors)
    expect(raw[COALITIONS]?.dims).toEqual([1, 1024])
    const assessment = postprocess(raw, contract)
    const told = await explain(assessment, tensors, contract, never, raw)
    const asked = await explain(assessment, tensors, contract, run)
    expect(told.method).toBe('exact-shapley')
    expect(Math.abs(told.residual)).toBeLessThan(1e-6)
    expect(told.baseline).toBeCloseTo(asked.baseline ?? Number.NaN, 6)
    expect(told.contributions.map(({ name }) => name)).toEqual(asked.contributions.map(({ name }) => name))
    for (const [index, { value }] of asked.contributions.entries())
      expect(Math.abs((told.contributions[index]?.value ?? Number.NaN) - value)).toBeLessThan(1e-6)
    expect(await explain(assessment, tensors, contract, never, await run(tensors))).toEqual(told)
  }
}, 60_000)
