import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { tensorNumbers } from '../../models/contract/tensor.ts'
import { findIsolation } from './isolation.ts'
import { innermost, processTree, survivors } from './testkit/process-tree.ts'
import { ENDLESS_ROUNDS, externalModel, textModel, trialInputs, trialModel, wideModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'
import type { ModelWorker } from './types.ts'

const levels = ['bubblewrap', 'plain'] as const
const tuningOf = (level: (typeof levels)[number]) => ({ isolation: findIsolation(512 * 1024 * 1024, 1, level) })

async function answer(worker: ModelWorker, x = [1, 2, 3, 4], withinMs = 10_000): Promise<number[]> {
  const { y } = await worker.run(trialInputs(x), inMs(withinMs))
  return y === undefined ? [] : tensorNumbers(y)
}

/** The code that a promise is rejected with, and how long that took. */
async function fault(promise: Promise<unknown>): Promise<{ code: unknown; tookMs: number }> {
  const startedMs = performance.now()
  const code = await promise.then(
    () => 'answered',
    (error: { code?: unknown }) => error.code,
  )
  return { code, tookMs: performance.now() - startedMs }
}

function pidOf(worker: ModelWorker): number {
  return worker.status().pid ?? expect.unreachable()
}

async function untilBusy(worker: ModelWorker): Promise<void> {
  while (worker.status().state !== 'busy') await sleep(1)
  // The request has left our queue; give it time to reach the model.
  await sleep(50)
}

/** Of the session of a process; undefined where the kernel does not schedule by session. */
function sessionNiceness(pid: number): string | undefined {
  if (!existsSync(`/proc/${pid}/autogroup`)) return undefined
  return / nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'utf8'))?.[1]
}

describe.each(levels)('behind %s', (level) => {
  test('a model answers, one request after the other, and says what runs it', async () => {
    await using trial = startTrial(trialModel(), {}, tuningOf(level))
    const { worker } = trial
    expect(worker.status().state).toBe('starting')
    expect(await worker.ready()).toMatchObject({ provider: 'cpu', threads: 1 })
    expect(worker.status()).toMatchObject({ state: 'ready', restarts: 0, isolation: { level } })
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    expect(await answer(worker, [1, 1, 1, 1, 0, 0, 0, 5])).toEqual([2, 2, 2, 2, 0, 0, 0, 10])
    await expect.poll(() => sessionNiceness(pidOf(worker)) ?? '5').toBe('5')
  })

  test('a model that hangs is answered at its deadline, leaves no process, and the next request is served', async () => {
    await using trial = startTrial(trialModel(), {}, tuningOf(level))
    const { worker } = trial
    await worker.ready()
    const processes = processTree(pidOf(worker))
    const hung = await fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(300)))
    expect(hung.code).toBe('inference_deadline')
    expect(hung.tookMs).toBeGreaterThan(150)
    expect(hung.tookMs).toBeLessThan(2500)
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'deadline' })
    expect(await survivors(processes)).toEqual([])
  })

  test.each(['SIGSEGV', 'SIGABRT', 'SIGKILL'] as const)(
    '%s costs the request in the model and no other',
    async (signal) => {
      await using trial = startTrial(trialModel(), {}, tuningOf(level))
      const { worker } = trial
      await worker.ready()
      const struck = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(8000)))
      const waiting = [answer(worker), answer(worker, [0, 0, 0, 1])]
      await untilBusy(worker)
      process.kill(innermost(pidOf(worker)), signal)
      const { code, tookMs } = await struck
      expect(code).toBe('inference_worker_lost')
      expect(tookMs).toBeLessThan(2000)
      expect(await Promise.all(waiting)).toEqual([
        [2, 4, 6, 8],
        [0, 0, 0, 2],
      ])
      expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: signal })
    },
  )

  test('a model that asks for more memory than it may have costs one request', async () => {
    await using trial = startTrial(trialModel(), {}, tuningOf(level))
    const { worker } = trial
    await worker.ready()
    const greedy = await fault(worker.run(trialInputs([1, 2, 3, 4], { size: 2 ** 28 }), inMs(5000)))
    expect(greedy.code).toBe('inference_out_of_memory')
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'out-of-memory' })
  })

  test('stop ends every process', async () => {
    await using trial = startTrial(trialModel(), {}, tuningOf(level))
    await trial.worker.ready()
    const processes = processTree(pidOf(trial.worker))
    await trial.worker.stop()
    expect(await survivors(processes)).toEqual([])
  })
})

describe('requests', () => {
  test('two hundred at once are each answered with their own result', async () => {
    await using trial = startTrial(trialModel())
    const numbers = Array.from({ length: 200 }, (_, at) => at)
    const answers = await Promise.all(numbers.map((at) => answer(trial.worker, [at, 0, 0, -at])))
    expect(answers).toEqual(numbers.map((at) => [at * 2, 0, 0, at * -2].map((value) => value + 0)))
    expect(trial.worker.status().restarts).toBe(0)
  })

  test('one more than the queue holds is refused at once, the others are served', async () => {
    await using trial = startTrial(trialModel(), { maxQueue: 3 })
    const { worker } = trial
    await worker.ready()
    const slow = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(400)))
    await untilBusy(worker)
    const waiting = [1, 2, 3].map((at) => answer(worker, [at, 0, 0, 0]))
    const refused = await fault(answer(worker))
    expect(refused.code).toBe('inference_overloaded')
    expect(refused.tookMs).toBeLessThan(2000)
    expect((await slow).code).toBe('inference_deadline')
    expect(await Promise.all(waiting)).toEqual([1, 2, 3].map((at) => [at * 2, 0, 0, 0]))
  })

  test('a deadline that passes in the queue is answered without ending the process', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    const pid = pidOf(worker)
    const slow = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(600)))
    const short = await fault(answer(worker, [1, 2, 3, 4], 100))
    expect(short.code).toBe('inference_deadline')
    expect(short.tookMs).toBeLessThan(2000)
    expect(worker.status()).toMatchObject({ state: 'busy', pid, restarts: 0 })
    expect((await slow).code).toBe('inference_deadline')
  })

  test('a deadline already past, or none at all, is answered at once', async () => {
    await using trial = startTrial(trialModel())
    expect((await fault(trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(-1)))).code).toBe('inference_deadline')
    expect((await fault(trial.worker.run(trialInputs([1, 2, 3, 4]), Number.NaN))).code).toBe('inference_deadline')
  })

  test('requests wait while the process is started again, as long as their deadlines allow', async () => {
    await using trial = startTrial(trialModel(), {}, { backoff: { firstMs: 400, capMs: 400, stableMs: 10_000 } })
    const { worker } = trial
    await worker.ready()
    process.kill(pidOf(worker), 'SIGKILL')
    while (worker.status().state !== 'waiting-to-restart') await sleep(1)
    const patient = answer(worker)
    const hurried = await fault(answer(worker, [1, 2, 3, 4], 50))
    expect(hurried.code).toBe('inference_deadline')
    expect(hurried.tookMs).toBeLessThan(2000)
    expect(await patient).toEqual([2, 4, 6, 8])
    expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'SIGKILL' })
  })

  test.each([
    ['lacks an input', { x: trialInputs([1, 2, 3, 4]).x! }],
    [
      'has another shape',
      { ...trialInputs([1, 2, 3, 4]), x: { dtype: 'float32', dims: [4], data: new Float32Array(4) } as const },
    ],
    [
      'has another type',
      { ...trialInputs([1, 2, 3, 4]), x: { dtype: 'int64', dims: [1, 4], data: new BigInt64Array(4) } as const },
    ],
    [
      'contradicts itself',
      { ...trialInputs([1, 2, 3, 4]), x: { dtype: 'float32', dims: [9, 4], data: new Float32Array(4) } as const },
    ],
  ])('one that %s fails, and the process goes on', async (_, inputs) => {
    await using trial = startTrial(trialModel())
    await trial.worker.ready()
    const pid = pidOf(trial.worker)
    expect((await fault(trial.worker.run(inputs, inMs(5000)))).code).toBe('inference_failed')
    expect(await answer(trial.worker)).toEqual([2, 4, 6, 8])
    expect(pidOf(trial.worker)).toBe(pid)
  })

  test('an output larger than the channel takes, or of a type no contract names, fails', async () => {
    await using wide = startTrial(wideModel())
    const size = (count: number) =>
      ({ size: { dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(count)) } }) as const
    expect((await fault(wide.worker.run(size(2 ** 24 + 1), inMs(10_000)))).code).toBe('inference_failed')
    const { y } = await wide.worker.run(size(2 ** 20), inMs(10_000))
    expect(y?.dims).toEqual([2 ** 20])
    await using text = startTrial(textModel())
    const x = { dtype: 'float32', dims: [1], data: Float32Array.of(1) } as const
    expect((await fault(text.worker.run({ x }, inMs(10_000)))).code).toBe('inference_failed')
  })
})

describe('a run that is late', () => {
  test('and ends within its grace is answered at its deadline, and its process goes on', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    const pid = pidOf(worker)
    process.kill(innermost(pid), 'SIGSTOP')
    const late = await fault(worker.run(trialInputs([1, 2, 3, 4]), inMs(60)))
    process.kill(innermost(pid), 'SIGCONT')
    expect(late.code).toBe('inference_deadline')
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    expect(worker.status()).toMatchObject({ pid, restarts: 0, lastFailure: undefined })
  })

  test('costs the others no more than its grace, and no back-off', async () => {
    const backoff = { firstMs: 1, capMs: 60_000, stableMs: 60_000 }
    await using trial = startTrial(trialModel(), {}, { backoff })
    const { worker } = trial
    for (let times = 0; times < 3; times += 1) {
      await worker.ready()
      const hung = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(1000)))
      expect((await hung).code).toBe('inference_deadline')
      expect(await answer(worker)).toEqual([2, 4, 6, 8])
    }
    expect(worker.status().lastFailure).toBe('deadline')
  })

  test('one client with hundreds of requests leaves another its turn', async () => {
    await using trial = startTrial(trialModel(), { maxQueue: 64 })
    const { worker } = trial
    await worker.ready()
    const flood = Array.from({ length: 400 }, () =>
      fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: 2000 }), inMs(8000), 'flood')),
    )
    const bedside = await worker.run(trialInputs([1, 2, 3, 4]), inMs(8000), 'bedside')
    expect(tensorNumbers(bedside.y!)).toEqual([2, 4, 6, 8])
    const codes = (await Promise.all(flood)).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['answered', 'inference_overloaded']))
    expect(worker.status().restarts).toBe(0)
  })
})

describe('loading', () => {
  test('the wrong content key is a fault that says so, and nothing is tried again', async () => {
    const { trial, worker } = startTrial(trialModel())
    await worker.stop()
    const wrong = { ...trial.source, contentKey: new Uint8Array(32) }
    await using other = startTrial(trialModel(), { source: wrong })
    const expected = { code: 'inference_load_failed', about: 'decrypt', cause: { code: 'package_decrypt_failed' } }
    await expect(other.worker.ready()).rejects.toMatchObject(expected)
    await expect(answer(other.worker)).rejects.toMatchObject({ code: 'inference_unavailable', cause: expected })
    expect(other.worker.status()).toMatchObject({
      state: 'stopped',
      restarts: 0,
      lastFailure: 'load-failed',
      pid: undefined,
    })
    trial.remove()
  })

  test('a file that is no model is a fault', async () => {
    await using trial = startTrial(Buffer.from('no model at all'))
    await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'session' })
  })

  test('a model that does not fit its memory is a fault', async () => {
    await using trial = startTrial(
      trialModel(),
      {},
      { isolation: findIsolation(-500 * 1024 * 1024, 1), backoff: { firstMs: 1, capMs: 1, stableMs: 1 } },
    )
    await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed' })
    expect(trial.worker.status().state).toBe('stopped')
  })

  test('a session that is not made in time is a fault after three processes', async () => {
    const backoff = { firstMs: 1, capMs: 1, stableMs: 1 }
    await using trial = startTrial(trialModel(), {}, { loadTimeoutMs: 5, backoff })
    await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'load-timeout' })
    expect(trial.worker.status()).toMatchObject({ state: 'stopped', restarts: 2 })
  })

  test('a model that asks for more memory than a package may is not loaded', async () => {
    const memoryLimitBytes = 512 * 1024 * 1024
    await using trial = startTrial(trialModel(), { memoryLimitBytes, maxMemoryBytes: memoryLimitBytes - 1 })
    await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'memory' })
    expect(trial.worker.status()).toMatchObject({ state: 'stopped', pid: undefined })
    await using greedy = startTrial(trialModel(), { memoryLimitBytes: Number.MAX_SAFE_INTEGER })
    await expect(greedy.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'memory' })
  })

  test('a model that names data outside itself is refused before the library sees it', async () => {
    await using trial = startTrial(externalModel('/etc/hostname'))
    await expect(trial.worker.ready()).rejects.toMatchObject({
      code: 'inference_load_failed',
      about: 'external data',
      cause: { code: 'package_model_external' },
    })
  })

  test('without bubblewrap a model that requires it is not loaded', async () => {
    await using trial = startTrial(trialModel(), { isolation: 'required' }, tuningOf('plain'))
    await expect(trial.worker.ready()).rejects.toMatchObject({
      code: 'inference_load_failed',
      about: 'isolation is required',
    })
    expect(trial.worker.status()).toMatchObject({ state: 'stopped', pid: undefined, isolation: { level: 'plain' } })
  })

  test('the package may be closed and the key wiped as soon as the worker is made', async () => {
    const { trial, worker } = startTrial(trialModel())
    trial.source.contentKey.fill(0)
    trial.remove()
    await worker.ready()
    process.kill(pidOf(worker), 'SIGKILL')
    while (worker.status().pid !== undefined) await sleep(1)
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    await worker.stop()
  })
})

describe('stopping', () => {
  test('during the load leaves nothing behind', async () => {
    const { trial, worker } = startTrial(trialModel())
    const processes = processTree(pidOf(worker))
    const waiting = fault(answer(worker))
    const loading = fault(worker.ready())
    await worker.stop()
    expect((await waiting).code).toBe('inference_unavailable')
    expect((await loading).code).toBe('inference_load_failed')
    expect(await survivors(processes)).toEqual([])
    trial.remove()
  })

  test('lets the request in the model finish, refuses those that wait, and may be asked for twice', async () => {
    const { trial, worker } = startTrial(trialModel())
    await worker.ready()
    const busy = worker.run(trialInputs([1, 2, 3, 4], { rounds: 200_000 }), inMs(10_000))
    const waiting = fault(answer(worker))
    await Promise.all([worker.stop(), worker.stop()])
    expect((await waiting).code).toBe('inference_unavailable')
    expect(tensorNumbers((await busy).y!)).toEqual([400_002, 400_004, 400_006, 400_008])
    expect((await fault(answer(worker))).code).toBe('inference_unavailable')
    expect(worker.status()).toMatchObject({ state: 'stopped', pid: undefined })
    trial.remove()
  })

  test('does not wait for a model that hangs', async () => {
    const { trial, worker } = startTrial(trialModel(), {}, { stopGraceMs: 200 })
    await worker.ready()
    const processes = processTree(pidOf(worker))
    const hung = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(60_000)))
    await untilBusy(worker)
    const startedMs = performance.now()
    await worker.stop()
    expect(performance.now() - startedMs).toBeLessThan(5000)
    expect((await hung).code).toBe('inference_unavailable')
    expect(await survivors(processes)).toEqual([])
    trial.remove()
  })
})
