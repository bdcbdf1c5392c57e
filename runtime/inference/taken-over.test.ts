import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findIsolation } from './isolation.ts'
import { processTree, survivors } from './testkit/process-tree.ts'
import { trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const walls = findIsolation(512 * 1024 * 1024, 1)
const rogue = fileURLToPath(new URL('./testkit/rogue-worker.ts', import.meta.url))

/** A worker whose first process is a rogue and whose next ones are ours. */
function startRogue(attack: string, rogues = 1) {
  let starts = 0
  const command = () => {
    starts += 1
    if (starts > rogues) return walls.command()
    const { args, ...rest } = walls.command(rogue)
    return { ...rest, args: [...args, attack] }
  }
  return startTrial(trialModel(), {}, { isolation: { ...walls, command }, loadAttempts: 3 })
}

const run = (worker: ReturnType<typeof startRogue>['worker'], withinMs = 10_000) =>
  worker.run(trialInputs([1, 2, 3, 4]), inMs(withinMs))

function residentBytes(): number {
  return process.memoryUsage().rss
}

test.each([
  'unasked',
  'v8 payload',
  'zeros without end',
  'node handle',
  'nesting',
  'closed nesting',
  'length and no end',
  'header and no end',
  'two answers',
])('a worker that sends "%s" costs its own request and no other', async (attack) => {
  await using trial = startRogue(attack)
  const { worker } = trial
  await worker.ready()
  const processes = processTree(worker.status().pid ?? expect.unreachable())
  const before = residentBytes()
  const [struck, waiting] = await Promise.allSettled([run(worker), run(worker)])
  expect(struck).toMatchObject({ status: 'rejected', reason: { code: 'inference_worker_lost' } })
  expect(waiting).toMatchObject({ status: 'fulfilled' })
  expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'protocol-broken' })
  expect(residentBytes() - before).toBeLessThan(100 * 1024 * 1024)
  expect(await survivors(processes)).toEqual([])
})

test('a worker that begins an answer and does not end it is ended after the deadline', async () => {
  await using trial = startRogue('six bytes')
  const { worker } = trial
  await worker.ready()
  await expect(run(worker, 300)).rejects.toMatchObject({ code: 'inference_deadline' })
  await expect(run(worker)).resolves.toHaveProperty('y')
  expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'deadline' })
})

test.each(['idle byte', 'idle and no end', 'idle, begun frame'])(
  'a worker that nobody asked and that sends "%s" is ended, and costs no request',
  async (attack) => {
    await using trial = startRogue(attack)
    const { worker } = trial
    await worker.ready()
    await expect.poll(() => worker.status(), { timeout: 5000 }).toMatchObject({ lastFailure: 'protocol-broken' })
    await expect(run(worker)).resolves.toHaveProperty('y')
  },
)

test('a worker that floods standard error is ended', async () => {
  await using trial = startRogue('errors without end')
  await trial.worker.ready()
  await expect(run(trial.worker)).rejects.toMatchObject({ code: 'inference_worker_lost' })
})

test('an answer to a load that is larger than one can be is no answer', async () => {
  await using trial = startRogue('at-load, large answer', 3)
  await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'protocol-broken' })
})
