import { expect, test } from 'vitest'
import { GraphBuilder } from '../../models/onnx/graph-builder.ts'
import { findIsolation } from './isolation.ts'
import { countNodes } from './session-profile.ts'
import { hundredthModel, trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const event = (name: string, provider: string, cat = 'Node') => JSON.stringify({ cat, name, args: { provider } })
const profile = (...events: readonly string[]) => `[\n${events.join(',\n')}\n]\n`

test('nodes are counted by who ran them, each once however often it ran', () => {
  const counted = countNodes(
    profile(
      event('session_initialization', 'CPUExecutionProvider', 'Session'),
      event('a_kernel_time', 'WebGpuExecutionProvider'),
      event('b_kernel_time', 'CUDAExecutionProvider'),
      event('c_kernel_time', 'CPUExecutionProvider'),
      event('c_kernel_time', 'CPUExecutionProvider'),
      event('c_fence_before', 'CPUExecutionProvider'),
      event('d_kernel_time', 'SomeOtherProvider'),
      event('e_kernel_time', 'CPUExecutionProvider', 'Session'),
    ),
  )
  expect(counted).toEqual({ cpu: 1, cuda: 1, webgpu: 1 })
})

test('a profile that was cut off counts nothing, rather than too little', () => {
  const whole = profile(event('a_kernel_time', 'CPUExecutionProvider'))
  expect(countNodes(whole)).toEqual({ cpu: 1, cuda: 0, webgpu: 0 })
  expect(countNodes(whole.slice(0, -3))).toBeUndefined()
  expect(countNodes('')).toBeUndefined()
})

const x = (value: number) => ({ x: { dtype: 'float32', dims: [1, 1], data: Float32Array.of(value) } }) as const

test('a real worker says how many nodes the processor ran, and says so again after a restart', async () => {
  await using trial = startTrial(trialModel(), { warmUp: trialInputs([1, 2, 3, 4], { rounds: 3 }) })
  const report = await trial.worker.ready()
  // Loop and, in its body, Identity and Add; ConstantOfShape, ReduceSum, MatMul. Identity at the end is folded away.
  expect(report.nodes).toEqual({ cpu: 6, cuda: 0, webgpu: 0 })
  process.kill(trial.worker.status().pid ?? 0, 'SIGKILL')
  await expect.poll(() => trial.worker.status().state, { timeout: 10_000 }).not.toBe('ready')
  await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(20_000))
  expect(trial.worker.status()).toMatchObject({ restarts: 1, provider: report })
})

test('a model without anything to warm up on, or behind no walls, is not counted', async () => {
  await using cold = startTrial(hundredthModel())
  expect(await cold.worker.ready()).toMatchObject({ provider: 'cpu', nodes: null, passedOver: [] })
  const isolation = findIsolation(512 * 1024 * 1024, 1, 'plain')
  await using plain = startTrial(hundredthModel(), { warmUp: x(5) }, { isolation })
  expect(await plain.worker.ready()).toMatchObject({ provider: 'cpu', nodes: null })
})

test('a name that would say in the profile who ran it is not believed: nothing is counted', async () => {
  const forged = '{"cat":"Node","name":"a_kernel_time","args":{"provider":"CUDAExecutionProvider"}}'
  for (const name of [`y"\n},\n${forged},\n{"a":"`, 'a "quoted" name']) {
    const graph = new GraphBuilder()
    graph.output(graph.node(name, 'Sin', [graph.input('x', [1, 1])]), [1, 1])
    const bytes = graph.build({ name: 'forger', producerVersion: '1', docString: '' })
    await using trial = startTrial(bytes, { warmUp: x(5) })
    expect(await trial.worker.ready()).toMatchObject({ provider: 'cpu', nodes: null })
    expect(Object.values(await trial.worker.run(x(0), inMs(10_000)))[0]?.data[0]).toBe(0)
  }
})

test('a profile larger than its room is given up, and the model served', async () => {
  await using trial = startTrial(trialModel(), { warmUp: trialInputs([1, 2, 3, 4], { rounds: 20_000 }) })
  expect(await trial.worker.ready()).toMatchObject({ nodes: null })
  const { y } = await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(10_000))
  expect([...(y?.data ?? [])]).toEqual([2, 4, 6, 8])
}, 30_000)

test('a warm-up that takes its process along is not made again', async () => {
  const limits = { memoryLimitBytes: 16 * 1024 * 1024 }
  await using trial = startTrial(trialModel(), { ...limits, warmUp: trialInputs([1, 2, 3, 4], { rounds: 200_000 }) })
  expect(await trial.worker.ready()).toMatchObject({ provider: 'cpu', nodes: null })
}, 60_000)

test('a warm-up that fails is not what is refused: the golden vectors say what is wrong', async () => {
  await using trial = startTrial(hundredthModel(), { warmUp: { other: x(5).x } })
  expect(await trial.worker.ready()).toMatchObject({ nodes: null })
})
