import { expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { goldenVectorsSchema } from '../../models/contract/schema.ts'
import { packModel } from '../../models/package/pack.ts'
import { sampleDraft } from '../../models/package/testkit/sample-draft.ts'
import { batchDifference } from './batch-test.ts'
import { hundredthModel, mixingModel, oneRowModel, trialModel } from './testkit/trial-models.ts'
import { startTrial } from './testkit/trial-worker.ts'

const { manifest } = packModel(sampleDraft(), systemRandomness)
const batching = { sizes: [1, 2, 4], maxWaitMs: 1 }
const pulse = (value: number) => ({ pulse: [{ value, unit: '/min', ageMinutes: 1 }] })
const vector = (value: number) => ({
  name: `a pulse of ${value}`,
  inputs: pulse(value),
  expect: { outputs: { score: [value / 100] }, alert: false },
})
const refused = { name: 'refused', inputs: pulse(900), expect: { refused: 'input_out_of_range', about: 'pulse' } }
const golden = goldenVectorsSchema.parse({ version: 1, vectors: [vector(100), refused, vector(200), vector(300)] })

test.each([
  ['the same, row by row', hundredthModel, undefined],
  ['something else, because its rows are mixed', mixingModel, '2 rows: a pulse of 100'],
  ['nothing, because it takes one row', oneRowModel, '2 rows: the model does not run'],
  ['nothing, because it takes other inputs', trialModel, '2 rows: the model does not run'],
] as const)('a model that says %s in a batch is found out', async (_, make, expected) => {
  await using trial = startTrial(make())
  await trial.worker.ready()
  expect(await batchDifference({ manifest, golden, worker: trial.worker }, batching, systemClock)).toBe(expected)
})

test('without a vector that the model runs on there is nothing to compare, so no batch', async () => {
  await using trial = startTrial(hundredthModel())
  await trial.worker.ready()
  const none = { ...golden, vectors: golden.vectors.slice(1, 2) }
  const difference = await batchDifference({ manifest, golden: none, worker: trial.worker }, batching, systemClock)
  expect(difference).toBe('no golden vector is a single row')
})
