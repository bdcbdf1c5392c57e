import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { ContractError } from '../../models/contract/errors.ts'
import type { OutputSteps } from '../../models/contract/output-ops/output-steps.ts'
import { type Tensors, tensorBytes, tensorNumbers } from '../../models/contract/tensor.ts'
import { MAX_INPUT_BYTES, MAX_OUTPUT_BYTES } from './tensor-check.ts'
import { blockModel, hundredthModel, trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const shares: OutputSteps = {
  ops: [
    { op: 'softmax', version: 1, from: 'y', to: 'shares', axis: 1 },
    { op: 'pick', version: 1, from: 'shares', to: 'fourth', axis: 1, index: 3 },
  ],
  keep: ['fourth'],
}
/** Of y = 2 x. */
const fourthOf = (x: readonly number[]) => Math.exp(2 * x[3]!) / x.reduce((sum, value) => sum + Math.exp(2 * value), 0)

const blockOf = (...dims: number[]): Tensors => ({
  shape: { dtype: 'int64', dims: [dims.length], data: BigInt64Array.from(dims.map(BigInt)) },
})
const classes: OutputSteps = { ops: [{ op: 'argmax', version: 1, from: 'y', to: 'labels', axis: 1 }], keep: ['labels'] }
const [one, other] = [
  [0.1, 0.2, 0.3, 0.4],
  [1, -1, 0.5, 0],
]

test('the ops run where the model runs, and only what is kept comes back', async () => {
  await using trial = startTrial(trialModel(), { outputSteps: shares })
  const outputs = await trial.worker.run(trialInputs(one!), inMs(10_000))
  expect(Object.keys(outputs)).toEqual(['fourth'])
  expect(outputs.fourth?.dims).toEqual([1])
  expect(tensorNumbers(outputs.fourth!)[0]).toBeCloseTo(fourthOf(one!), 6)
})

test('each row of a batch is on its own', async () => {
  await using trial = startTrial(trialModel(), { outputSteps: shares })
  const { fourth } = await trial.worker.run(trialInputs([...one!, ...other!, ...one!]), inMs(10_000))
  const [first, second, third] = tensorNumbers(fourth!)
  expect(first).toBe(third)
  expect(second).toBeCloseTo(fourthOf(other!), 6)
})

test('without ops the outputs that are kept come back as the model says them, and no others', async () => {
  await using trial = startTrial(trialModel(), { outputSteps: { ops: [], keep: ['y'] } })
  const outputs = await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(10_000))
  expect(Object.keys(outputs)).toEqual(['y'])
  expect(tensorNumbers(outputs.y!)).toEqual([2, 4, 6, 8])
})

test('an output that nobody asks for may be of a type that no contract can name', async () => {
  await using trial = startTrial(blockModel(), { outputSteps: { ops: [], keep: ['y'] } })
  const { y } = await trial.worker.run(blockOf(1, 2, 1), inMs(10_000))
  expect(tensorNumbers(y!)).toEqual([1, 1])
  await using all = startTrial(blockModel())
  await expect(all.worker.run(blockOf(1, 2, 1), inMs(10_000))).rejects.toMatchObject({ code: 'inference_failed' })
})

test('an output that the model does not have is missing, and nothing else', async () => {
  await using trial = startTrial(trialModel(), { outputSteps: { ops: [], keep: ['y', 'nobody'] } })
  expect(Object.keys(await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(10_000)))).toEqual(['y'])
})

test('an op that cannot be applied costs its request and says which it was; the process stays', async () => {
  await using trial = startTrial(trialModel(), { outputSteps: shares })
  const { worker } = trial
  const run = worker.run(trialInputs([Number.NaN, 0, 0, 0]), inMs(10_000))
  const error = await run.catch((fault: unknown) => fault)
  expect(error).toBeInstanceOf(ContractError)
  expect(error).toMatchObject({ code: 'contract_output_invalid', about: 'postprocessing.0' })
  const { fourth } = await worker.run(trialInputs(one!), inMs(10_000))
  expect(tensorNumbers(fourth!)[0]).toBeCloseTo(fourthOf(one!), 6)
  expect(worker.status()).toMatchObject({ restarts: 0, state: 'ready' })
})

test('a warm-up whose outputs no op can be applied to does not keep the model from being ready', async () => {
  const steps: OutputSteps = { ...shares, ops: shares.ops.map((op) => ({ ...op, from: 'nobody' })) }
  await using trial = startTrial(trialModel(), { outputSteps: steps, warmUp: trialInputs(one!) })
  await trial.worker.ready()
  await expect(trial.worker.run(trialInputs(one!), inMs(10_000))).rejects.toMatchObject({ about: 'postprocessing.0' })
})

test('a model of other parameters goes through the same ops', async () => {
  await using trial = startTrial(trialModel(), { outputSteps: shares, randomised: 'all', warmUp: trialInputs(one!) })
  const { fourth, ...rest } = await trial.worker.run(trialInputs(one!), inMs(10_000))
  expect(rest).toEqual({})
  expect(tensorNumbers(fourth!)[0]).not.toBeCloseTo(fourthOf(one!), 3)
})

describe('what is larger than the channel', () => {
  const side = 24 * 1024 * 1024
  const memoryLimitBytes = 1024 * 1024 * 1024

  test('does not cross it when only what the ops make of it is kept', { timeout: 60_000 }, async () => {
    expect(2 * side * 4).toBeGreaterThan(MAX_OUTPUT_BYTES)
    await using trial = startTrial(blockModel(), { outputSteps: classes, memoryLimitBytes })
    const { worker } = trial
    const { labels } = await worker.run(blockOf(1, 2, side), inMs(20_000))
    expect(labels).toMatchObject({ dtype: 'uint8', dims: [1, side] })
    expect(tensorBytes(labels!).every((label) => label === 0)).toBe(true)
    expect(worker.status().restarts).toBe(0)
  })

  test('is refused where it is kept itself', { timeout: 60_000 }, async () => {
    await using trial = startTrial(blockModel(), { outputSteps: { ...classes, keep: ['y'] }, memoryLimitBytes })
    await expect(trial.worker.run(blockOf(1, 2, side), inMs(20_000))).rejects.toMatchObject({
      code: 'inference_failed',
    })
    expect(trial.worker.status().restarts).toBe(0)
  })

  test('a volume and as much beside it goes in, more is refused before it is sent', { timeout: 60_000 }, async () => {
    const mean: OutputSteps = {
      ops: [{ op: 'pick', version: 1, from: 'y', to: 'first', axis: 0, index: 0 }],
      keep: ['first'],
    }
    await using trial = startTrial(hundredthModel(), { outputSteps: mean, memoryLimitBytes })
    const x = (count: number): Tensors => ({
      x: { dtype: 'float32', dims: [count, 1], data: new Float32Array(count).fill(100) },
    })
    const { first } = await trial.worker.run(x(MAX_INPUT_BYTES / 4), inMs(20_000))
    expect(tensorNumbers(first!)).toEqual([1])
    const tooMuch = trial.worker.run(x(MAX_INPUT_BYTES / 4 + 1), inMs(20_000))
    await expect(tooMuch).rejects.toMatchObject({ code: 'inference_failed', about: 'tensors' })
  })
})

describe.skipIf(sharedData === undefined)('a segmentation that others trained', () => {
  test('gives the labels that were measured for it; its 192 MiB of scores stay where they are', {
    timeout: 120_000,
  }, async () => {
    const folder = join(sharedData ?? '', 'models/brain-meshnet')
    const measured = JSON.parse(readFileSync(join(folder, 'measured.json'), 'utf8'))
    const file = gunzipSync(readFileSync(join(folder, 't1_crop.nii.gz')))
    const voxels = file.subarray(file.length - 256 ** 3)
    const [low, high] = [voxels.reduce((a, b) => Math.min(a, b)), voxels.reduce((a, b) => Math.max(a, b))]
    const data = Float32Array.from(voxels, (voxel) => (voxel - low) / (high - low))
    const input = { dtype: 'float32', dims: [1, 1, 256, 256, 256], data } as const
    const outputSteps: OutputSteps = {
      ops: [{ op: 'argmax', version: 1, from: 'output', to: 'labels', axis: 1 }],
      keep: ['labels'],
    }
    const model = readFileSync(join(folder, 'model.onnx'))
    await using trial = startTrial(model, { outputSteps, threads: 2, memoryLimitBytes: 2 * 1024 ** 3 })
    const { labels } = await trial.worker.run({ input }, inMs(100_000))
    const counts = [0, 0, 0]
    for (const label of tensorBytes(labels!)) counts[label]!++
    expect(labels).toMatchObject({ dtype: 'uint8', dims: [1, 256, 256, 256] })
    expect(counts).toEqual(measured.argmax_hist_bg_wm_gm)
    expect(createHash('sha256').update(tensorBytes(labels!)).digest('hex')).toBe(measured.labels_u8_sha256)
  })
})
