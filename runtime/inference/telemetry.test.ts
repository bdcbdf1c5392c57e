import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findIsolation, type Isolation } from './isolation.ts'
import { innermost } from './testkit/process-tree.ts'
import { callsOf, type TracedCalls, traced } from './testkit/system-calls.ts'
import { trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

/** The library looks up its collector ten seconds after the first session is made. */
const WATCH_MS = 12_500

const folder = mkdtempSync(join(tmpdir(), 'wardstone-trace-'))
const found: Record<string, TracedCalls> = {}

/** A real worker: load, some runs, then idle for as long as the library waits. */
async function watchWorker(level: 'bubblewrap' | 'plain'): Promise<void> {
  const output = join(folder, level)
  const walls = findIsolation(512 * 1024 * 1024, 1, level)
  const isolation: Isolation = { ...walls, command: () => traced(walls.command(), output) }
  await using trial = startTrial(trialModel(), {}, { isolation })
  await trial.worker.ready()
  for (let runs = 0; runs < 20; runs += 1) await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(10_000))
  await sleep(WATCH_MS)
  await trial.worker.run(trialInputs([1, 2, 3, 4]), inMs(10_000))
  expect(trial.worker.status()).toMatchObject({ restarts: 0, isolation: { level } })
  found[level] = callsOf(output)
}

/** The library with its telemetry on, in a namespace without network, so that the attempt shows and goes nowhere. */
async function watchLibrary(): Promise<void> {
  const output = join(folder, 'library')
  const entry = fileURLToPath(new URL('./testkit/telemetry-on.ts', import.meta.url))
  const wrap = [
    '--unshare-net',
    '--unshare-pid',
    '--die-with-parent',
    '--ro-bind',
    '/',
    '/',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    // Not /tmp: the checkout itself may lie there.
    '--tmpfs',
    '/run',
  ]
  const command = traced(
    { file: '/usr/bin/bwrap', args: [...wrap, process.execPath, entry], env: { HOME: '/run' } },
    output,
  )
  const child = spawn(command.file, command.args, { env: { ...command.env }, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit').then(() => expect.fail('the library did not start'))
  await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  await sleep(WATCH_MS)
  process.kill(innermost(child.pid ?? 0), 'SIGKILL')
  await once(child, 'exit')
  found.library = callsOf(output)
}

beforeAll(() => Promise.all([watchWorker('bubblewrap'), watchWorker('plain'), watchLibrary()]), 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the library as it comes writes files and looks for its collector: the watch sees both', () => {
  expect(found.library?.files.join('\n')).toMatch(/O_CREAT/)
  expect(found.library?.network.join('\n')).toMatch(/AF_INET/)
})

/** Node makes sure of the folder with what it has compiled, which is there, and could not be made behind the walls. */
function isFolderOfCompiled(call: string): boolean {
  const folder = getCompileCacheDir()
  return folder !== undefined && call.includes(`mkdir("${folder}", 0777) = -1 EEXIST`)
}

test.each(['bubblewrap', 'plain'])('a worker behind %s neither reaches for a network nor makes a file', (level) => {
  const { network, files, total } = found[level] ?? expect.unreachable()
  expect(network).toEqual([])
  expect(files.filter((call) => !isFolderOfCompiled(call))).toEqual([])
  expect(total).toBeGreaterThan(50)
})
