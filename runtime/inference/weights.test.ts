import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findIsolation } from './isolation.ts'
import { SHARED_FD } from './protocol.ts'
import { filesHolding, memoryCount, namelessFiles, openFiles } from './testkit/memory-search.ts'
import { innermost } from './testkit/process-tree.ts'
import { plantedModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const REPETITIONS = 4096
const folders = [
  tmpdir(),
  '/tmp',
  '/var/tmp',
  '/dev/shm',
  '/run',
  fileURLToPath(new URL('../../.wardstone', import.meta.url)),
]

/** Drawn for each run, so that it stands nowhere but in the weights. The top bits keep every float finite. */
function drawPattern(): Buffer {
  const pattern = randomBytes(32)
  for (let at = 3; at < pattern.length; at += 4) pattern[at] = 0x3f
  return pattern
}

describe.each(['bubblewrap', 'plain'] as const)('behind %s', (level) => {
  test('weights stand in the memory of the worker and nowhere else', async () => {
    const pattern = drawPattern()
    const sinceMs = Date.now() - 1000
    const isolation = findIsolation(512 * 1024 * 1024, 1, level)
    await using trial = startTrial(plantedModel(pattern, REPETITIONS), {}, { isolation })
    const { worker } = trial
    await worker.ready()
    const pid = innermost(worker.status().pid ?? expect.unreachable())
    const x = { dtype: 'float32', dims: [1], data: Float32Array.of(0) } as const
    const { y } = await worker.run({ x }, inMs(10_000))
    expect(Buffer.from(y!.data.slice(0, 8).buffer)).toEqual(pattern)

    expect(filesHolding(pattern, [...folders, trial.trial.folder], sinceMs)).toEqual([])
    // The memory for large inputs, which the worker can read and not write: no weights are in it.
    expect(namelessFiles(pid)).toEqual([expect.stringMatching(/^\/dev\/shm\/wardstone-[0-9a-f]{32} \(deleted\)$/)])
    expect(readFileSync(`/proc/${pid}/fd/${SHARED_FD}`).includes(pattern)).toBe(false)
    expect(readFileSync(`/proc/${pid}/fdinfo/${SHARED_FD}`, 'latin1')).toMatch(/^flags:\s+0[0-7]*0$/m)
    expect(openFiles(pid)).toEqual([])
    const inWorker = memoryCount(pid, pattern)
    // Where the system does not let us look into the process, nobody else gets to look either.
    if (typeof inWorker === 'number') expect(inWorker).toBeGreaterThanOrEqual(REPETITIONS)
    else expect(['EACCES', 'EPERM']).toContain(inWorker)
  })
})

test('the message that brought the content key is wiped once the model is loaded', async () => {
  await using trial = startTrial(plantedModel(drawPattern()))
  await trial.worker.ready()
  const pid = innermost(trial.worker.status().pid ?? expect.unreachable())
  const found = memoryCount(pid, trial.trial.source.contentKey)
  // node:crypto's HKDF leaves one copy in memory it has freed. It opens nothing but the weights that stand beside it.
  if (typeof found === 'number') expect(found).toBeLessThanOrEqual(1)
  else expect(['EACCES', 'EPERM']).toContain(found)
})

test('the search finds what lies on disk', () => {
  const pattern = drawPattern()
  const path = join(tmpdir(), `wardstone-search-${process.pid}`)
  writeFileSync(path, Buffer.concat([randomBytes(5000), pattern, randomBytes(5000)]))
  try {
    expect(filesHolding(pattern, folders, Date.now() - 1000)).toContain(path)
  } finally {
    rmSync(path)
  }
})
