import { expect, test } from 'vitest'
import { findIsolation } from './isolation.ts'
import { chooseProvider } from './provider-choice.ts'
import { hundredthModel } from './testkit/trial-models.ts'
import { inMs, startTrial, type TrialWorker } from './testkit/trial-worker.ts'
import type { ProviderOrder } from './types.ts'

/** Walls without an opening: inside them no machine has a GPU. */
const isolation = findIsolation(512 * 1024 * 1024, 1)
const x = { dtype: 'float32', dims: [1, 1], data: Float32Array.of(500) } as const

const start = (provider: ProviderOrder) => startTrial(hundredthModel(), { provider, warmUp: { x } }, { isolation })

test.each([
  ['cuda', true],
  ['cuda', false],
  ['webgpu', true],
  ['webgpu', false],
] as const)(
  'a session on %s without its GPU is refused at once (processor allowed: %s)',
  async (provider, allowsCpu) => {
    const startedMs = performance.now()
    await using trial = start({ provider, allowsCpu, passedOver: [] })
    await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'session' })
    expect(performance.now() - startedMs).toBeLessThan(10_000)
  },
)

test('the policy goes on to the processor, whose report says what was passed over', async () => {
  const policy = {
    providers: [
      { name: 'webgpu', need: 'preferred' },
      { name: 'cpu', need: 'required' },
    ] as const,
    tolerance: { cpu: 0, webgpu: 1e-4 },
  }
  const attempt = async (order: ProviderOrder): Promise<TrialWorker> => {
    const trial = start(order)
    try {
      await trial.worker.ready()
      return trial
    } catch (error) {
      await trial[Symbol.asyncDispose]()
      throw error
    }
  }
  // As if its library and a device were there: what the files promise, the session has to keep.
  const find = () => ({ isThere: true, missing: [] })
  await using trial = await chooseProvider({ ...policy, providers: [...policy.providers] }, find, attempt)
  expect(trial.worker.status().provider).toMatchObject({
    provider: 'cpu',
    nodes: { cpu: 1, cuda: 0, webgpu: 0 },
    passedOver: [{ provider: 'webgpu', reason: 'session-refused', about: 'session' }],
  })
  const { y } = await trial.worker.run({ x }, inMs(10_000))
  expect([...(y?.data ?? [])]).toEqual([5])
})

test('a session that may not fall back is refused when the processor would have to run a node', async () => {
  await using trial = start({ provider: 'cpu', allowsCpu: false, passedOver: [] })
  await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'session' })
})
