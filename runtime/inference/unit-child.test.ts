import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { tensorNumbers } from '../../models/contract/tensor.ts'
import type { ChildEvents, WorkerEnd } from './child-channel.ts'
import { findIsolation, type Isolation, modelWorker } from './isolation.ts'
import { innermost, survivors } from './testkit/process-tree.ts'
import { ENDLESS_ROUNDS, plantedModel, trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'
import { standInForUnits, type UnitStandIn } from './testkit/unit-stand-in.ts'
import type { ModelWorker } from './types.ts'
import { encodeEnd, encodePulse } from './unit-channel.ts'
import { startInUnit } from './unit-child.ts'

const MIB = 1024 * 1024
const loneParent = fileURLToPath(new URL('./testkit/lone-unit-parent.ts', import.meta.url))

function isolationAt(unitSocket: string): Isolation {
  return findIsolation(512 * MIB, 1, 'systemd', undefined, { ...modelWorker, unitSocket })
}

async function answer(worker: ModelWorker, x = [1, 2, 3, 4], withinMs = 10_000): Promise<number[]> {
  const { y } = await worker.run(trialInputs(x), inMs(withinMs))
  return y === undefined ? [] : tensorNumbers(y)
}

function fault(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'answered',
    (error: { code?: unknown }) => error.code,
  )
}

const innermostOf = (units: UnitStandIn): number => innermost(units.processes()[0] ?? 0)

describe('a model in a unit of its own', () => {
  test('answers, says what runs it, and which walls it stands behind', async () => {
    await using units = await standInForUnits()
    await using trial = startTrial(
      trialModel(),
      { warmUp: trialInputs([1, 1, 1, 1]) },
      { isolation: isolationAt(units.socket) },
    )
    const { worker } = trial
    const { nodes } = await worker.ready()
    expect(nodes?.cpu).toBeGreaterThan(0)
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    expect(await answer(worker, [1, 1, 1, 1, 0, 0, 0, 5])).toEqual([2, 2, 2, 2, 0, 0, 0, 10])
    expect(worker.status()).toMatchObject({
      state: 'ready',
      restarts: 0,
      isolation: { level: 'systemd', networkIsolated: true },
    })
  })

  test('of many megabytes, with outputs of many megabytes, comes over whole', async () => {
    await using units = await standInForUnits()
    const pattern = Buffer.alloc(32)
    pattern.writeFloatLE(3, 28)
    await using trial = startTrial(plantedModel(pattern, 400_000), {}, { isolation: isolationAt(units.socket) })
    await trial.worker.ready()
    const x = { dtype: 'float32', dims: [1], data: Float32Array.of(1) } as const
    const { y } = await trial.worker.run({ x }, inMs(20_000))
    expect(y?.dims).toEqual([400_000, 8])
    const last = y === undefined ? [] : tensorNumbers(y).filter((_, at) => at % 8 === 7)
    expect(new Set(last)).toEqual(new Set([4]))
  })

  test('is ended at its deadline from outside, however deep in a computation it is', async () => {
    await using units = await standInForUnits()
    await using trial = startTrial(trialModel(), {}, { isolation: isolationAt(units.socket) })
    const { worker } = trial
    await worker.ready()
    const processes = units.processes()
    expect(processes.length).toBeGreaterThan(1)
    const hung = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(300)))
    expect(await hung).toBe('inference_deadline')
    expect(await answer(worker)).toEqual([2, 4, 6, 8])
    expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: 'deadline' })
    expect(await survivors(processes)).toEqual([])
  })

  test.each(['SIGSEGV', 'SIGKILL'] as const)(
    'that ends by %s costs one request, and says of what it ended',
    async (signal) => {
      await using units = await standInForUnits()
      await using trial = startTrial(trialModel(), {}, { isolation: isolationAt(units.socket) })
      const { worker } = trial
      await worker.ready()
      const struck = fault(worker.run(trialInputs([1, 2, 3, 4], { rounds: ENDLESS_ROUNDS }), inMs(8000)))
      await sleep(100)
      process.kill(innermostOf(units), signal)
      expect(await struck).toBe('inference_worker_lost')
      expect(await answer(worker)).toEqual([2, 4, 6, 8])
      expect(worker.status()).toMatchObject({ restarts: 1, lastFailure: signal })
    },
  )

  test('has the memory of its package and no more', async () => {
    await using units = await standInForUnits()
    await using trial = startTrial(trialModel(), {}, { isolation: isolationAt(units.socket) })
    await trial.worker.ready()
    const greedy = trial.worker.run(trialInputs([1, 2, 3, 4], { size: 2 ** 28 }), inMs(5000))
    expect(await fault(greedy)).toBe('inference_out_of_memory')
    expect(await answer(trial.worker)).toEqual([2, 4, 6, 8])
  })

  test('leaves with a stop, and nothing of its unit stays', async () => {
    await using units = await standInForUnits()
    await using trial = startTrial(trialModel(), {}, { isolation: isolationAt(units.socket) })
    await trial.worker.ready()
    const processes = units.processes()
    await trial.worker.stop()
    expect(await survivors(processes)).toEqual([])
  })

  test.each([true, false])('goes when the runtime is killed (in the middle of a request: %s)', async (hang) => {
    await using units = await standInForUnits()
    const parent = fork(loneParent, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
    parent.send({ socket: units.socket, hang })
    await once(parent, 'message')
    await sleep(100)
    const processes = units.processes()
    expect(processes.length).toBeGreaterThan(1)
    parent.kill('SIGKILL')
    expect(await survivors(processes)).toEqual([])
  })
})

describe('a unit that is not as it should be', () => {
  test.each([
    ['--unshare-net', 'walls-network'],
    ['--cap-drop', 'walls-capabilities'],
  ])('without %s runs no model', async (wall, reason) => {
    const left = wall === '--cap-drop' ? ['--cap-drop', 'ALL', '--unshare-user'] : [wall]
    await using units = await standInForUnits('model', left)
    const tuning = { isolation: isolationAt(units.socket), loadAttempts: 1 }
    await using trial = startTrial(trialModel(), {}, tuning)
    expect(await fault(trial.worker.ready())).toBe('inference_load_failed')
    expect(trial.worker.status().lastFailure).toBe(reason)
  })

  test('that cannot be reached is no worker, and says so', async () => {
    const units = await standInForUnits()
    const isolation = isolationAt(units.socket)
    await units[Symbol.asyncDispose]()
    await using trial = startTrial(trialModel(), {}, { isolation, loadAttempts: 1 })
    expect(await fault(trial.worker.ready())).toBe('inference_load_failed')
    expect(trial.worker.status().lastFailure).toBe('not-started')
  })

  test('is passed over where its socket is missing: the next walls are taken', async () => {
    expect(isolationAt('/nonexistent/model.sock').report.level).toBe('bubblewrap')
  })

  const speaking = async (act: (connection: Socket) => void): Promise<{ end: WorkerEnd; bytes: Buffer }> => {
    const path = join(tmpdir(), `wardstone-rogue-${process.pid}-${Math.random()}.sock`)
    const server = createServer((connection) => {
      connection.on('error', () => {})
      act(connection)
    })
    await once(server.listen(path), 'listening')
    const chunks: Buffer[] = []
    const { promise, resolve } = Promise.withResolvers<WorkerEnd>()
    const events: ChildEvents = { data: (chunk) => chunks.push(Buffer.from(chunk)), ended: resolve }
    startInUnit({ socket: path, dataBytes: 1, descriptors: 1 }, undefined, events)
    const end = await promise
    server.close()
    rmSync(path, { force: true })
    return { end, bytes: Buffer.concat(chunks) }
  }
  const block = (text: string) => Buffer.concat([Buffer.from([text.length, 0, 0, 0]), Buffer.from(text)])

  test('is left when it breaks off, breaks the form, or says an end that is none', async () => {
    const oomEnd = { how: 'SIGKILL', outOfMemory: true }
    const whole = Buffer.concat([block('one'), encodePulse(), block(' two'), encodeEnd(oomEnd)])
    expect(await speaking((connection) => connection.end(whole))).toEqual({
      end: oomEnd,
      bytes: Buffer.from('one two'),
    })
    const bytewise = async (connection: Socket) => {
      for (const byte of whole) {
        connection.write(Buffer.from([byte]))
        await sleep(1)
      }
    }
    expect(await speaking((connection) => void bytewise(connection))).toMatchObject({ end: oomEnd })
    const lost = { end: { how: 'unit-lost', outOfMemory: false } }
    expect(await speaking((connection) => connection.end(block('one')))).toMatchObject(lost)
    const broken = { end: { how: 'SIGKILL', outOfMemory: false } }
    const flood = Buffer.from([0xfe, 0xff, 0xff, 0xff])
    expect(await speaking((connection) => connection.write(flood))).toMatchObject(broken)
    const wordy = encodeEnd({ how: 'x'.repeat(300), outOfMemory: false })
    expect(await speaking((connection) => connection.write(wordy))).toMatchObject(broken)
    const odd = encodeEnd({ how: 'Not a name', outOfMemory: false })
    expect(await speaking((connection) => connection.write(odd))).toMatchObject(broken)
  })
})
