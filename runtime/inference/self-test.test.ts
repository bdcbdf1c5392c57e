import { expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { type GoldenVectors, goldenVectorsSchema } from '../../models/contract/schema.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { packModel } from '../../models/package/pack.ts'
import { sampleDraft } from '../../models/package/testkit/sample-draft.ts'
import { selfTest } from './self-test.ts'
import { hundredthModel, trialModel } from './testkit/trial-models.ts'
import { startTrial } from './testkit/trial-worker.ts'

const manifest: Manifest = packModel(sampleDraft(), systemRandomness).manifest

/** The sample contract takes a pulse from 10 to 300; its model here puts out a hundredth of it. */
function vectors(...list: object[]): GoldenVectors {
  return goldenVectorsSchema.parse({ version: 1, vectors: list })
}

const pulse = (value: number) => ({ pulse: [{ value, unit: '/min', ageMinutes: 1 }] })
const good = { name: 'a pulse of 200', inputs: pulse(200), expect: { outputs: { score: [2] }, alert: false } }
const refused = {
  name: 'a pulse of 900',
  inputs: pulse(900),
  expect: { refused: 'input_out_of_range', about: 'pulse' },
}

test('a model that reproduces its vectors, refusals among them, passes', async () => {
  await using trial = startTrial(hundredthModel())
  await selfTest({ manifest, golden: vectors(good, refused), worker: trial.worker }, systemClock)
})

test.each([
  ['another number', { ...good, name: 'wrong', expect: { outputs: { score: [3] }, alert: false } }],
  ['another alert', { ...good, name: 'wrong', expect: { outputs: { score: [2] }, alert: true } }],
  ['a refusal that does not come', { ...good, name: 'wrong', expect: { refused: 'input_out_of_range' } }],
  [
    'an answer where there is a refusal',
    { ...refused, name: 'wrong', expect: { outputs: { score: [9] }, alert: false } },
  ],
  [
    'an output that the contract forbids',
    { name: 'wrong', inputs: pulse(150), expect: { outputs: { score: [5] }, alert: false } },
  ],
])('%s fails, and the vector is named', async (_, wrong) => {
  await using trial = startTrial(hundredthModel())
  const tested = selfTest({ manifest, golden: vectors(good, wrong), worker: trial.worker }, systemClock)
  await expect(tested).rejects.toMatchObject({ code: 'inference_self_test_failed', about: 'wrong' })
})

test('a model that cannot run its vectors fails', async () => {
  // It lacks inputs that the contract does not feed.
  await using trial = startTrial(trialModel())
  const tested = selfTest({ manifest, golden: vectors(good), worker: trial.worker }, systemClock)
  const cause = { code: 'inference_failed' }
  await expect(tested).rejects.toMatchObject({ code: 'inference_self_test_failed', about: 'a pulse of 200', cause })
})

test('a model that cannot be loaded fails', async () => {
  await using trial = startTrial(Buffer.from('no model'))
  const tested = selfTest({ manifest, golden: vectors(good), worker: trial.worker }, systemClock)
  await expect(tested).rejects.toMatchObject({ code: 'inference_load_failed' })
})
