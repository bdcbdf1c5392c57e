import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Tensors, tensorNumbers } from '../../models/contract/tensor.ts'
import { CoreShares } from './core-shares.ts'
import { innermost, processTree, survivors } from './testkit/process-tree.ts'
import {
  ENDLESS_ROUNDS,
  hundredthModel,
  mixingModel,
  oneRowModel,
  trialInputs,
  trialModel,
} from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'
import type { ModelWorker, RunOrder } from './types.ts'

/** Some tens of milliseconds of work. */
const SLOW = { rounds: 20_000 }
const SLOW_SUM = 2 * SLOW.rounds

const first = (outputs: Tensors) => tensorNumbers(outputs.y!)[0]
const ask = (worker: ModelWorker, x: number, order?: RunOrder, client?: string, withinMs = 20_000) =>
  awaited(worker.run(trialInputs([x, 0, 0, 0]), inMs(withinMs), client, order).then(first))
const askSlow = (worker: ModelWorker, order?: RunOrder, withinMs = 20_000) =>
  awaited(worker.run(trialInputs([0, 0, 0, 0], SLOW), inMs(withinMs), undefined, order).then(first))
const askEndless = (worker: ModelWorker, withinMs: number, order?: RunOrder) =>
  awaited(worker.run(trialInputs([0, 0, 0, 0], { rounds: ENDLESS_ROUNDS }), inMs(withinMs), undefined, order))
const codeOf = (run: Promise<unknown>) =>
  run.then(
    () => 'answered',
    (error: { code?: unknown }) => error.code,
  )

/** A test that fails early stops its worker, and what still waits there is then answered to nobody. */
function awaited<T>(answer: Promise<T>): Promise<T> {
  answer.catch(() => {})
  return answer
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(1)
}

/** So that a time is known: what is not known is never sent before the last answer is back. */
async function warm(worker: ModelWorker): Promise<void> {
  for (let round = 0; round < 20; round += 1) await ask(worker, round)
}

describe('priority', () => {
  test('what is asked at the bedside is answered before what came first and is less urgent', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    const order: string[] = []
    const said = (name: string) => () => order.push(name)
    const busy = askSlow(worker)
    await until(() => worker.status().state === 'busy')
    const waiting = [
      askSlow(worker, { priority: 'batch' }).then(said('batch')),
      askSlow(worker, { priority: 'reading-room' }).then(said('reading-room')),
      askSlow(worker, { priority: 'bedside' }).then(said('bedside')),
    ]
    await Promise.all([busy, ...waiting])
    expect(order).toEqual(['bedside', 'reading-room', 'batch'])
  })

  test('a full queue makes room for the bedside: what is least urgent and came last is told when to come again', async () => {
    await using trial = startTrial(trialModel(), { maxQueue: 4 })
    const { worker } = trial
    await worker.ready()
    const busy = askSlow(worker)
    await until(() => worker.status().state === 'busy')
    const batch = [1, 2, 3, 4].map((x) => codeOf(ask(worker, x, { priority: 'batch' })))
    const bedside = ask(worker, 7, { priority: 'bedside' }, 'bed')
    expect(await bedside).toBe(14)
    expect(await Promise.all(batch)).toEqual(['answered', 'answered', 'answered', 'inference_overloaded'])
    expect(await busy).toBe(SLOW_SUM)
  })
})

describe('whoever asks and leaves', () => {
  test('takes what waits along, and the process is not asked', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    const busy = askSlow(worker)
    await until(() => worker.status().state === 'busy')
    const left = new AbortController()
    const waiting = Array.from({ length: 50 }, () => codeOf(askEndless(worker, 20_000, { signal: left.signal })))
    left.abort()
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['inference_cancelled']))
    expect(await busy).toBe(SLOW_SUM)
    // Behind any one of them there would be no answer.
    expect(await ask(worker, 1)).toBe(2)
    expect(worker.status()).toMatchObject({ restarts: 0 })
  })

  test('is answered at once also when the process works on it, and the process goes on', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    const { pid } = worker.status()
    const left = new AbortController()
    const slow = codeOf(askSlow(worker, { signal: left.signal }))
    await until(() => worker.status().state === 'busy')
    left.abort()
    expect(await slow).toBe('inference_cancelled')
    expect(await ask(worker, 3)).toBe(6)
    expect(worker.status()).toMatchObject({ pid, restarts: 0 })
  })

  test('does not leave a process behind that hangs: it is ended after the deadline and its grace', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    const left = new AbortController()
    const hung = codeOf(askEndless(worker, 1500, { signal: left.signal }))
    await until(() => worker.status().state === 'busy')
    left.abort()
    expect(await hung).toBe('inference_cancelled')
    expect(await ask(worker, 4)).toBe(8)
    expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'deadline' })
  })

  test('before asking is not served', async () => {
    await using trial = startTrial(trialModel())
    expect(await codeOf(ask(trial.worker, 1, { signal: AbortSignal.abort() }))).toBe('inference_cancelled')
  })
})

describe('admission', () => {
  test('what cannot be in time is refused when it comes, with when to come again, and does not wait for it', async () => {
    await using trial = startTrial(trialModel(), { maxQueue: 1000 })
    const { worker } = trial
    await worker.ready()
    for (let round = 0; round < 3; round += 1) await askSlow(worker)
    let answered = 0
    const waiting = Array.from({ length: 20 }, () => askSlow(worker, {}, 60_000).then(() => (answered += 1)))
    let hasTimePassed = false
    setImmediate(() => {
      hasTimePassed = true
    })
    const late = askSlow(worker, {}, 30).catch((error: unknown) => error)
    expect(await late).toMatchObject({ code: 'inference_overloaded', retryAfterMs: expect.any(Number) })
    expect([hasTimePassed, answered]).toEqual([false, 0])
    // What passes them all has the time.
    await expect(ask(worker, 1, { priority: 'bedside' })).resolves.toBe(2)
    expect(answered).toBeLessThan(20)
    await Promise.all(waiting)
  })

  test('what is less urgent than an endless stream is told so by its deadline, and served when the stream ends', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    let isOver = false
    const stream = async () => {
      while (!isOver) await askSlow(worker, { priority: 'bedside' })
    }
    const streams = [stream(), stream(), stream()]
    await until(() => worker.status().state === 'busy')
    expect(await codeOf(ask(worker, 1, { priority: 'batch' }, 'studies', 200))).toMatch(
      /^inference_(deadline|overloaded)$/,
    )
    const patient = ask(worker, 2, { priority: 'batch' }, 'studies')
    isOver = true
    await Promise.all(streams)
    expect(await patient).toBe(4)
  })

  test('whoever sends and leaves ten thousand times gets as many answers, and leaves nothing', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    await warm(worker)
    const { pid } = worker.status()
    const codes = new Map<unknown, number>()
    const count = (code: unknown) => codes.set(code, (codes.get(code) ?? 0) + 1)
    for (let round = 0; round < 100; round += 1) {
      const left = new AbortController()
      const sent = Array.from({ length: 100 }, (_, at) => codeOf(ask(worker, at, { signal: left.signal }, 'leaver')))
      // One more turn of the loop for some, so that they leave what was begun.
      if (round % 2 === 0) await new Promise(setImmediate)
      left.abort()
      for (const code of await Promise.all(sent)) count(code)
    }
    expect([...codes.values()].reduce((sum, many) => sum + many, 0)).toBe(10_000)
    for (const code of codes.keys()) expect(code).toMatch(/^(answered|inference_cancelled)$/)
    expect(await ask(worker, 5)).toBe(10)
    expect(worker.status()).toMatchObject({ pid, state: 'ready', restarts: 0 })
  })
})

describe('requests that are sent before the last answer is back', () => {
  test('are each answered with their own result', async () => {
    await using trial = startTrial(trialModel(), { maxQueue: 1000 })
    await trial.worker.ready()
    await warm(trial.worker)
    const numbers = Array.from({ length: 500 }, (_, at) => at)
    const answers = await Promise.all(numbers.map((at) => ask(trial.worker, at)))
    expect(answers).toEqual(numbers.map((at) => 2 * at))
  })

  test('are asked again of the next process when theirs is killed, and only the one in work is lost', async () => {
    await using trial = startTrial(trialModel(), { maxQueue: 1000 })
    const { worker } = trial
    await worker.ready()
    await warm(worker)
    const inside = innermost(worker.status().pid ?? expect.unreachable())
    process.kill(inside, 'SIGSTOP')
    const answers = Array.from({ length: 40 }, (_, at) => codeOf(ask(worker, at)))
    await sleep(50)
    process.kill(inside, 'SIGKILL')
    const codes = await Promise.all(answers)
    expect(codes[0]).toBe('inference_worker_lost')
    expect(new Set(codes.slice(1))).toEqual(new Set(['answered']))
    expect(worker.status()).toMatchObject({ restarts: 1 })
  })

  test('are not sent behind one that takes long, so that a more urgent one need not wait for them', async () => {
    await using trial = startTrial(trialModel())
    const { worker } = trial
    await worker.ready()
    for (let round = 0; round < 3; round += 1) await askSlow(worker)
    const order: string[] = []
    const slow = [1, 2, 3].map(() => askSlow(worker, { priority: 'batch' }).then(() => order.push('batch')))
    await askSlow(worker, { priority: 'bedside' }).then(() => order.push('bedside'))
    await Promise.all(slow)
    expect(order.indexOf('bedside')).toBeLessThanOrEqual(1)
  })
})

describe('several processes for one model', () => {
  test('work side by side, one goes on when the other is lost, and none is left', async () => {
    await using trial = startTrial(trialModel(), { instances: 2 })
    const { worker } = trial
    await worker.ready()
    const hung = codeOf(askEndless(worker, 20_000))
    await until(() => worker.status().state === 'busy')
    expect(await ask(worker, 5)).toBe(10)
    const processes = processTree(process.pid).filter((pid) => pid !== process.pid)
    process.kill(innermost(worker.status().pid ?? expect.unreachable()), 'SIGKILL')
    expect(await hung).toBe('inference_worker_lost')
    expect(await ask(worker, 6)).toBe(12)
    await worker.stop()
    expect(await survivors(processes)).toEqual([])
  })
})

describe('the cores of the box', () => {
  test('a bedside model answers while another has every core it may have, and requests of both are served', async () => {
    const cores = new CoreShares({ cores: 2, reserved: 1 })
    await using imaging = startTrial(trialModel(), { cores, instances: 2 })
    await using bedside = startTrial(trialModel(), { cores })
    await Promise.all([imaging.worker.ready(), bedside.worker.ready()])
    const hung = codeOf(askEndless(imaging.worker, 20_000))
    const behind = codeOf(askSlow(imaging.worker))
    await until(() => imaging.worker.status().state === 'busy')
    // The only core that is not kept is taken: another of its kind waits for it, the bedside does not.
    expect(await ask(bedside.worker, 1, { priority: 'bedside' })).toBe(2)
    expect(await codeOf(ask(bedside.worker, 1, { priority: 'reading-room' }, undefined, 100))).toBe(
      'inference_deadline',
    )
    process.kill(innermost(imaging.worker.status().pid ?? expect.unreachable()), 'SIGKILL')
    expect(await hung).toBe('inference_worker_lost')
    expect(await behind).toBe('answered')
    expect(await ask(bedside.worker, 2)).toBe(4)
  })

  test('a model that is stopped, or loses its process, gives them back', async () => {
    const cores = new CoreShares({ cores: 1, reserved: 0 })
    await using other = startTrial(trialModel(), { cores })
    await other.worker.ready()
    const { worker, trial } = startTrial(trialModel(), { cores }, { stopGraceMs: 100 })
    await worker.ready()
    const hung = codeOf(askEndless(worker, 20_000))
    await until(() => worker.status().state === 'busy')
    const waiting = ask(other.worker, 1)
    await worker.stop()
    expect(await waiting).toBe(2)
    expect(await hung).toBe('inference_unavailable')
    trial.remove()
  })
})

describe('batches', () => {
  const row = (value: number): Tensors => ({ x: { dtype: 'float32', dims: [1, 1], data: Float32Array.of(value) } })
  const numbers = Array.from({ length: 50 }, (_, at) => 100 * at)
  const askAll = (worker: ModelWorker) =>
    Promise.all(numbers.map((value) => worker.run(row(value), inMs(10_000)).then(first)))

  test('rows that wait run together, and each has its own answer', async () => {
    await using trial = startTrial(hundredthModel(), { maxQueue: 100, warmUp: row(1), warmUpRows: [1, 4, 16] })
    const { worker } = trial
    await worker.ready()
    worker.useBatches({ sizes: [1, 4, 16], maxWaitMs: 5 })
    expect((await askAll(worker)).map((value) => Math.round(value ?? -1))).toEqual(numbers.map((value) => value / 100))
  })

  test('rows really go together: a model that mixes them shows it', async () => {
    await using trial = startTrial(mixingModel(), { maxQueue: 100 })
    await trial.worker.ready()
    trial.worker.useBatches({ sizes: [1, 4], maxWaitMs: 1000 })
    const answers = await Promise.all([100, 200, 300, 400].map((value) => trial.worker.run(row(value), inMs(10_000))))
    expect(answers.map(first)).toEqual([5.5, 6, 6.5, 7])
  })

  test('a lone row waits no longer than the package says', async () => {
    await using trial = startTrial(mixingModel())
    await trial.worker.ready()
    trial.worker.useBatches({ sizes: [1, 4], maxWaitMs: 100 })
    const startedMs = performance.now()
    expect(first(await trial.worker.run(row(100), inMs(10_000)))).toBe(1)
    expect(performance.now() - startedMs).toBeGreaterThan(90)
  })

  test('what fails together is asked again, each alone', async () => {
    await using trial = startTrial(oneRowModel(), { maxQueue: 100 })
    await trial.worker.ready()
    trial.worker.useBatches({ sizes: [1, 16], maxWaitMs: 5 })
    expect((await askAll(trial.worker)).map((value) => Math.round(value ?? -1))).toEqual(
      numbers.map((value) => value / 100),
    )
    expect(trial.worker.status().restarts).toBe(0)
  })

  test('one that leaves a batch under way takes nothing from the others, and each says how many ran', async () => {
    await using trial = startTrial(mixingModel(), { maxQueue: 100 })
    const { worker } = trial
    await worker.ready()
    worker.useBatches({ sizes: [1, 4], maxWaitMs: 20_000 })
    const inside = innermost(worker.status().pid ?? expect.unreachable())
    process.kill(inside, 'SIGSTOP')
    const left = new AbortController()
    const sizes: number[] = []
    const begun = (size: number) => void sizes.push(size)
    const answers = [100, 200, 300, 400].map((value, at) =>
      awaited(worker.run(row(value), inMs(20_000), undefined, { begun, ...(at === 1 ? { signal: left.signal } : {}) })),
    )
    expect(sizes).toEqual([4, 4, 4, 4])
    left.abort()
    expect(await codeOf(answers[1] ?? expect.unreachable())).toBe('inference_cancelled')
    process.kill(inside, 'SIGCONT')
    const others = await Promise.all(answers.filter((_, at) => at !== 1))
    expect(others.map(first)).toEqual([5.5, 6.5, 7])
    expect(worker.status()).toMatchObject({ state: 'ready', restarts: 0 })
  })

  test('a process that dies with several costs none of them, for nobody knows whose fault it was', async () => {
    await using trial = startTrial(hundredthModel(), { maxQueue: 100 })
    const { worker } = trial
    await worker.ready()
    worker.useBatches({ sizes: [1, 16], maxWaitMs: 300 })
    const inside = innermost(worker.status().pid ?? expect.unreachable())
    process.kill(inside, 'SIGSTOP')
    const answers = askAll(worker)
    await until(() => worker.status().state === 'busy')
    process.kill(inside, 'SIGKILL')
    expect((await answers).map((value) => Math.round(value ?? -1))).toEqual(numbers.map((value) => value / 100))
    expect(worker.status().restarts).toBe(1)
  })
})

describe('a model that nobody asks', () => {
  test('is unloaded, loaded again by the next request, and that is no failure', async () => {
    await using trial = startTrial(trialModel(), { idleUnloadMs: 150 })
    const { worker } = trial
    await worker.ready()
    const processes = processTree(worker.status().pid ?? expect.unreachable())
    await until(() => worker.status().state === 'unloaded')
    expect(await survivors(processes)).toEqual([])
    expect(await ask(worker, 21)).toBe(42)
    expect(worker.status()).toMatchObject({ restarts: 0, lastFailure: undefined })
  })

  test('does not let a request wait for a load that it cannot wait for, and is loaded for the next', async () => {
    await using trial = startTrial(trialModel(), { idleUnloadMs: 100 })
    const { worker } = trial
    await worker.ready()
    await until(() => worker.status().state === 'unloaded')
    const hurried = await ask(worker, 1, {}, undefined, 5).catch((error: unknown) => error)
    expect(hurried).toMatchObject({ code: 'inference_unavailable', retryAfterMs: expect.any(Number) })
    expect(await ask(worker, 2)).toBe(4)
  })

  test('answers all that ask while it is being unloaded', async () => {
    await using trial = startTrial(trialModel(), { idleUnloadMs: 20 })
    const { worker } = trial
    await worker.ready()
    for (let round = 0; round < 3; round += 1) {
      // Its process is leaving.
      await until(() => worker.status().state === 'unloaded')
      expect(await Promise.all([ask(worker, round), ask(worker, 7)])).toEqual([2 * round, 14])
    }
    expect(worker.status()).toMatchObject({ restarts: 0, lastFailure: undefined })
  })
})
